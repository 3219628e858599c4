"""The reserve on the command line: what lies at the bank beside what customers own, and the company's own money there."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, by_person, with_desk, with_person, with_pool
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.kernel.clock import Clock

app = typer.Typer(
    help="The reserve (备付金): compare it with what customers own; and the company's own money in it.",
    invoke_without_command=True,
)
Reason = Annotated[str, typer.Option(help="why; it is kept")]


@app.callback()
def reserve(
    context: typer.Context,
    date: Annotated[str | None, typer.Option(help="business date, YYYY-MM-DD; without it, today's")] = None,
) -> None:
    """Compare the reserve (备付金) with what customers own at the end of a business date; exit code 1 if it is not even."""
    if context.invoked_subcommand:
        return
    from zhangfang import adjustments
    from zhangfang.adjustments import reserve as parts
    from zhangfang.kernel.calendar import settlement_day

    asked = a_day(date, "--date") if date else None
    found = with_pool(lambda pool, clock: adjustments.reserve_of(pool, asked or settlement_day(clock.now())))
    rows = [
        ("at the bank, by the books", found.total(parts.CASH)),
        ("on its way to the bank", found.total(parts.COMING)),
        ("owed by own funds", found.total(parts.DUE)),
        ("customers' claims", found.total(parts.CLAIMS)),
        ("on its way to customers", found.total(parts.GOING)),
        ("our own money", found.total(parts.OWN)),
        ("the bank and the books differ by", found.gap),
        ("missing, to be topped up", found.short),
    ]
    for line in aligned([(str(found.day), "yuan"), *((name, fen_to_yuan(fen)) for name, fen in rows)], (1,)):
        typer.echo(line)
    if found.gap or found.short or not found.even:
        raise typer.Exit(1)


@app.command()
def own() -> None:
    """Show how much own money may leave now, the company's own account, and the newest withdrawals."""
    from zhangfang import payments

    async def work(desk: Any) -> Any:
        left = await payments.may_leave(desk.pool, desk.clock, desk.alias)
        return left, await payments.own_account(desk.pool), await payments.withdrawals(desk.pool)

    left, account, made = with_desk(work)
    typer.echo(f"may leave now: {fen_to_yuan(left)}")
    to = (
        f"{account.name_masked} …{account.tail} {account.bank}, named by {account.approved_by}"
        if account
        else "none"
    )
    typer.echo(f"own account: {to}")
    for one in made:
        state = "returned" if one.returned_at else one.state.value
        typer.echo(f"{prefixed('pot', one.id)}  {fen_to_yuan(one.amount)}  {state}")


@app.command()
def account(reason: Reason) -> None:
    """Propose the company's own account, to which its money leaves the reserve. It asks for number, name and bank."""
    from zhangfang.channels.port import PartyAccount
    from zhangfang.kernel.settings import Settings
    from zhangfang.payments import propose_own_account
    from zhangfang.vault import Vault

    texts = [typer.prompt(f"Account {what}") for what in ("number", "name", "bank")]
    named = PartyAccount(texts[0], texts[1], "corporate", texts[2])

    async def work(pool: Any, clock: "Clock", by: "Person") -> UUID:
        return await propose_own_account(pool, Vault(Settings().key_file), clock, named, by, reason)

    _say(with_person(work))


@app.command()
def withdraw(
    amount: Annotated[str, typer.Argument(help="in yuan; `own` shows how much may leave")],
    reason: Reason,
    from_: Annotated[str, typer.Option("--from", help="bank of the reserve account that it leaves")] = "",
) -> None:
    """Propose to move own money out of the reserve (D4). Another person has to approve it; then it is a payout."""
    from zhangfang.payments import propose_withdrawal

    fen = yuan_to_fen(amount)
    _say(by_person(lambda desk, by: propose_withdrawal(desk, fen, by, reason, from_)))


def _say(proposal: UUID) -> None:
    from zhangfang.approvals import PREFIX

    typer.echo(f"proposed as {prefixed(PREFIX, proposal)}; another person has to approve it")
