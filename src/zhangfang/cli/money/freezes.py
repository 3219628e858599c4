"""Freezes on the command line: one person freezes part of a merchant's money, two give it back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, by_person, with_person, with_pool
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.payments import Desk

app = typer.Typer(help="Freezes (冻结) of a merchant's money: court, risk, dispute.", no_args_is_help=True)
COLUMNS = ("id", "merchant", "kind", "reference", "frozen", "waited for", "since", "expires")
Reason = Annotated[str, typer.Option(help="why, in your words")]


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False) -> None:
    """List the freezes that stand, newest first; amounts in yuan."""
    from zhangfang.adjustments import freezes

    found = with_pool(lambda pool, _: freezes(pool, every=every))
    for line in aligned([COLUMNS, *map(_cells, found)], (4, 5)):
        typer.echo(line)


@app.command()
def add(
    merchant: Annotated[str, typer.Argument(help="mer_…")],
    amount: Annotated[str, typer.Argument(help="in yuan, such as 1200.00")],
    kind: Annotated[str, typer.Option(help="court, risk or dispute")],
    reference: Annotated[str, typer.Option(help="the order's or the case's number")],
    reason: Reason,
    expires: Annotated[
        str | None, typer.Option(help="YYYY-MM-DD, if the order says so; you are reminded")
    ] = None,
) -> None:
    """Freeze a merchant's available money: what is there at once, the rest as it comes in."""
    from zhangfang.adjustments import freeze

    fen, until = yuan_to_fen(amount), a_day(expires, "--expires") if expires else None

    async def work(desk: "Desk", by: "Person") -> Any:
        return await freeze(
            desk.pool, desk.ledger, desk.clock, merchant,
            kind=kind, reference=reference, amount=fen, reason=reason, expires_on=until, by=by,
        )  # fmt: skip

    made = by_person(work)
    waits = f", {fen_to_yuan(made.wanted)} is waited for" if made.wanted else ""
    typer.echo(f"{made.shown_id}: {fen_to_yuan(made.held)} is frozen{waits}")


@app.command()
def thaw(
    freeze: Annotated[str, typer.Argument(metavar="ID", help="frz_…, as `list` shows it")],
    reason: Reason,
    amount: Annotated[str | None, typer.Option(help="in yuan; without it, all")] = None,
) -> None:
    """Propose to give up part of a freeze, or all of it. Another person has to approve it."""
    from zhangfang.adjustments import FREEZE, propose_thaw
    from zhangfang.approvals import PREFIX

    id_, fen = parse(FREEZE, freeze), yuan_to_fen(amount) if amount else None
    made = with_person(lambda pool, clock, by: propose_thaw(pool, clock, id_, fen, reason, by))
    typer.echo(f"proposed as {prefixed(PREFIX, made)}; another person has to approve it")


def _cells(one: Any) -> tuple[str, ...]:
    return (
        one.shown_id,
        one.merchant,
        one.kind,
        one.reference,
        fen_to_yuan(one.held),
        fen_to_yuan(one.wanted),
        f"{one.frozen_at:%Y-%m-%d}",
        str(one.expires_on or ""),
    )
