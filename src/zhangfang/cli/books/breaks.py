"""Breaks on the command line: what the two sides do not agree on, and its cures, which one person proposes."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, a_uuid, by_person, with_person, with_pool
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import fen_to_yuan

app = typer.Typer(help="What we and the banks do not agree on, and its cures.", no_args_is_help=True)

COLUMNS = ("id", "class", "date", "ours", "theirs", "difference", "owner", "state")
Id = Annotated[str, typer.Argument(metavar="ID", help="the break's id, as `list` shows it")]


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="cleared ones too")] = False) -> None:
    """List the open breaks, oldest first; amounts in yuan."""
    from zhangfang.reconciliation import list_breaks

    rows = with_pool(lambda pool, _: list_breaks(pool, cleared=every))
    for line in aligned([COLUMNS, *map(cells, rows)]):
        typer.echo(line)


@app.command()
def take(break_id: Id) -> None:
    """Take a break that nobody has: you work on it."""
    from zhangfang.reconciliation import take as work

    id_ = a_uuid(break_id, "ID", "breaks list")
    with_person(lambda pool, clock, by: work(pool, clock, id_, by))
    typer.echo("you have it")


@app.command()
def hand(break_id: Id, to: Annotated[str, typer.Argument(metavar="NAME", help="another operator")]) -> None:
    """Hand a break over to another operator."""
    from zhangfang.reconciliation import hand as work

    id_ = a_uuid(break_id, "ID", "breaks list")
    with_person(lambda pool, clock, by: work(pool, clock, id_, to, by))
    typer.echo(f"{to} has it")


@app.command()
def note(
    break_id: Id, text: Annotated[str, typer.Argument(metavar="TEXT", help="at most 500 characters")]
) -> None:
    """Say something of a break: it stands in its history, with your name."""
    from zhangfang.reconciliation import comment as work

    id_ = a_uuid(break_id, "ID", "breaks list")
    with_person(lambda pool, clock, by: work(pool, clock, id_, text, by))
    typer.echo("noted")


@app.command()
def cure(
    break_id: Id,
    name: Annotated[str, typer.Argument(metavar="CURE", help="one of those that `list` names, such as B8")],
    merchant: Annotated[str | None, typer.Option(help="whose it is (B2, X3.2322): mer_…")] = None,
    channel: Annotated[str, typer.Option(help="who settled (X3.3012)")] = "",
    day: Annotated[str, typer.Option(help="the date that was settled (X3.3012)")] = "",
    payment: Annotated[str, typer.Option(help="what it is (other X3): pay_…, ref_… or pot_…")] = "",
    proof: Annotated[str, typer.Option(help="where the proof is (B6, R5, O6, X3.2322, X4)")] = "",
    look: Annotated[bool, typer.Option("--look", help="show the voucher, and propose nothing")] = False,
) -> None:
    """Propose a cure of a break. Nothing is booked until another person approves it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.reconciliation import NEEDS, Cure, preview, propose

    id_ = a_uuid(break_id, "ID", "breaks list")
    settled = a_day(day, "--day") if day else None
    said = Cure(name, merchant, channel, settled, payment, proof)
    asked = "account_number" in NEEDS.get(name, ())
    payee = (typer.prompt("Account number"), typer.prompt("Account name")) if asked else None

    async def work(desk: Any, by: Any) -> Any:
        whole = _with_account(desk, id_, said, payee) if payee else said
        if look:
            return await preview(desk, id_, whole)
        return await propose(desk.pool, desk.clock, desk.journal, id_, whole, by)

    made = by_person(work)
    if not look:
        typer.echo(f"{name} is proposed as {prefixed(PREFIX, made)}; another person has to approve it")
        return
    for one in (line for voucher in made for line in voucher):
        typer.echo(f"{kind_text(one.kind)}  {fen_to_yuan(one.amount)}")


@app.command("aging")
def aging_() -> None:
    """Show what lies in suspense, by account and age; fail if any of it is too old."""
    from zhangfang.ledger import CHART, Book
    from zhangfang.reconciliation import aging, too_much

    aged = with_pool(lambda pool, clock: aging(pool, clock.now()))
    rows = [(str(one.code), f"{one.days}", f"{one.count}", fen_to_yuan(one.fen)) for one in aged]
    for line in aligned([("account", "days from", "breaks", "yuan"), *rows], range(1, 4)):
        typer.echo(line)
    passed = too_much(aged)
    for one in passed:
        name = CHART[one.limit.code, Book.CUSTOMERS].en
        limit = f"allowed {fen_to_yuan(one.limit.fen)}"
        typer.echo(f"{name}: {fen_to_yuan(one.fen)} for {one.limit.days} days or longer; {limit}", err=True)
    if passed:
        raise typer.Exit(1)


def kind_text(kind: int) -> str:
    """Return what people call a movement."""
    from zhangfang.ledger.posting import kind_name

    return kind_name(kind)


def _with_account(desk: Any, id_: Any, said: Any, payee: tuple[str, str]) -> Any:
    """Return what is said with the account, sealed: it is stored and shown as a token."""
    from msgspec.structs import replace

    from zhangfang.channels.port import PartyAccount
    from zhangfang.kernel.text.checks import check_account
    from zhangfang.payments import seal_payee

    account = PartyAccount(*payee)
    check_account(account, ("number", "name"))
    return replace(said, account=seal_payee(desk.vault, account, id_), tail=account.number[-4:])


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a break as texts under `COLUMNS`."""
    sides = (
        "" if fen is None else fen_to_yuan(fen) for fen in (row["ours"], row["theirs"], row["difference"])
    )
    return (str(row["id"]), row["class"], str(row["settle_date"]), *sides, row["owner"] or "", _state(row))


def _state(row: Mapping[str, Any]) -> str:
    from zhangfang.reconciliation import cures

    if row["cleared_at"]:
        return f"cleared by {row['cleared_by']}: {row['cure']}"
    if row["proposed_by"]:
        to = f" for {row['proposed_for']}" if row["proposed_for"] else ""
        return f"open, {row['proposed_cure']}{to} proposed by {row['proposed_by']}"
    return f"open, can be cured by {' or '.join(cures(row)) or 'the bank alone'}"
