"""Merchants on the command line: who is signed in freezes one, thaws it, closes it, or proposes new terms."""

from typing import Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.running import a_day, by_person, with_person, with_pool

app = typer.Typer(help="A merchant's state, terms and fees.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="MERCHANT", help="mer_…")]
Reason = Annotated[str, typer.Option(help="why; it is kept")]
From = Annotated[str, typer.Option("--from", help="the first day, YYYY-MM-DD: tomorrow at the earliest")]


@app.command()
def show(merchant: Id) -> None:
    """Show a merchant's state, terms and fees, those to come too."""
    from zhangfang.merchants import get_merchant

    found = with_pool(lambda pool, _: get_merchant(pool, merchant))
    typer.echo(f"{found.id}  {found.name}  {found.state}")
    for line in [_terms("always", found), *(_terms(one.effective_from, one) for one in found.later_terms)]:
        typer.echo(line)
    for rule in found.fee_rules:
        most = "" if rule.max_fen is None else f", at most {rule.max_fen}"
        amount = f"{rule.rate_ppm} ppm + {rule.fixed_fen} fen, at least {rule.min_fen}{most}"
        typer.echo(f"  from {rule.effective_from}: {rule.kind} {amount}")


def _terms(since: object, one: Any) -> str:
    paid = "paid out by itself" if one.auto_payout else "paid out when it asks"
    fee = "kept" if one.keep_fee_on_refund else "given back"
    cycle = getattr(one, "cycle", "") or f"T+{one.settlement_days}"
    return f"  from {since}: {cycle}, {paid}, fee of a refund {fee}"


@app.command()
def freeze(merchant: Id, reason: Reason) -> None:
    """Stop new payments, payouts and settlements. What was sent goes on, and payers get refunds."""
    from zhangfang.merchants import freeze as work

    with_person(lambda pool, clock, by: work(pool, clock, merchant, by, reason))
    typer.echo(f"{merchant} is frozen")


@app.command()
def thaw(merchant: Id, reason: Reason) -> None:
    """Make a frozen merchant active again: what waited goes on by itself."""
    from zhangfang.merchants import thaw as work

    with_person(lambda pool, clock, by: work(pool, clock, merchant, by, reason))
    typer.echo(f"{merchant} is active")


@app.command()
def close(merchant: Id, reason: Reason) -> None:
    """Close a frozen merchant for good. Its accounts have to be empty, and nothing of it open."""
    from zhangfang.payments import close_merchant

    by_person(lambda desk, by: close_merchant(desk, merchant, by, reason))
    typer.echo(f"{merchant} is closed")


@app.command()
def account(
    merchant: Id,
    reason: Reason,
    named: Annotated[bool, typer.Option("--named", help="the account that it was created with")] = False,
) -> None:
    """Propose where the merchant is paid out. It asks for the account, unless that is the one it was created with."""
    from zhangfang.kernel.settings import Settings
    from zhangfang.merchants import BankAccount, propose_account
    from zhangfang.vault import Vault

    texts = (
        [] if named else [typer.prompt(f"Account {what}") for what in ("number", "name", "medium", "bank")]
    )
    one = None if named else BankAccount(*texts)

    async def work(pool: Any, clock: Any, by: Any) -> UUID:
        return await propose_account(pool, Vault(Settings().key_file), clock, merchant, one, by, reason)

    _proposed(with_person(work))


@app.command()
def terms(
    merchant: Id,
    from_: From,
    settlement_days: Annotated[int, typer.Option(help="T+n in working days, 0 to 30")],
    auto_payout: Annotated[bool, typer.Option(help="pay out what a settlement made available")],
    keep_fee_on_refund: Annotated[bool, typer.Option(help="keep the fee of a payment that is refunded")],
    reason: Reason,
    cycle: Annotated[str, typer.Option(help="D+0, T+n, W1 to W7 or M1 to M31, instead of T+n")] = "",
    least_fen: Annotated[int, typer.Option(help="what a run comes to waits below so many fen")] = 0,
    reserve_ppm: Annotated[int, typer.Option(help="part held back of what is settled: 50000 is 5 %")] = 0,
    reserve_days: Annotated[int, typer.Option(help="calendar days for which it is held back")] = 0,
    when_short: Annotated[
        str, typer.Option(help="a refund that available money does not cover: refuse, guarantee or advance")
    ] = "refuse",
    advance_fen: Annotated[int, typer.Option(help="how much own funds may have advanced at a time")] = 0,
) -> None:
    """Propose new terms for what is accepted from a day on. What was accepted before keeps its own.

    Least amount and reserve are those of the day of a settlement run.
    """
    from zhangfang.merchants import Terms, propose_terms

    first = (a_day(from_, "--from"), settlement_days, auto_payout, keep_fee_on_refund)
    new = Terms(*first, cycle, least_fen, reserve_ppm, reserve_days, when_short, advance_fen)
    _proposed(with_person(lambda pool, clock, by: propose_terms(pool, clock, merchant, new, by, reason)))


@app.command()
def cycle(
    merchant: Id,
    product: Annotated[str, typer.Argument(help="cashier, alipay_app or collection")],
    from_: From,
    reason: Reason,
    cycle: Annotated[str, typer.Option(help="D+0, T+n, W1 to W7, M1 to M31; none: the merchant's own")] = "",
) -> None:
    """Propose a settlement cycle of its own for a product, for what is accepted from a day on."""
    from zhangfang.merchants import ProductCycle, propose_cycle

    new = ProductCycle(product, a_day(from_, "--from"), cycle)
    _proposed(with_person(lambda pool, clock, by: propose_cycle(pool, clock, merchant, new, by, reason)))


def _proposed(id_: UUID) -> None:
    from zhangfang.approvals import PREFIX
    from zhangfang.kernel.ids import prefixed

    typer.echo(f"proposed as {prefixed(PREFIX, id_)}; another person has to approve it")
