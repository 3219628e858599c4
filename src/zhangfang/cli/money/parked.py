"""Parked payouts on the command line: what waits for a table, and how a person ends one that never will go."""

from typing import Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import by_person, with_desk
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan

app = typer.Typer(help="Payouts whose type of account no table knows.", no_args_is_help=True)

COLUMNS = ("id", "since", "merchant", "amount", "type of account")


@app.command("list")
def list_() -> None:
    """List what is parked, the oldest first; amounts in yuan."""
    from zhangfang.payments import parked

    for line in aligned([COLUMNS, *map(_cells, with_desk(parked))]):
        typer.echo(line)


@app.command()
def refuse(
    payout: Annotated[str, typer.Argument(metavar="PAYOUT", help="pot_…, as `list` shows it")],
    reason: Annotated[str, typer.Option(help="why it will never go; it is kept")],
) -> None:
    """End a parked payout, or propose it above your limit: its money goes back to the merchant. Nothing was ever sent."""
    from zhangfang.approvals import PREFIX, limit_of
    from zhangfang.payments import REFUND, refuse_parked

    id_ = parse("pot", payout)

    async def work(desk: Any, by: Any) -> Any:
        return await refuse_parked(desk, id_, by, reason, await limit_of(desk.pool, REFUND, by, "guard"))

    waits = by_person(work)
    shown = f"waits for another person: 'zhangfang proposals show {prefixed(PREFIX, waits)}'" if waits else ""
    typer.echo(f"{payout} {shown or 'is refused; its money is available to the merchant again'}")


def _cells(one: Any) -> tuple[str, ...]:
    since = f"{one.parked_since:%Y-%m-%d %H:%M}"
    return prefixed("pot", one.id), since, one.merchant, fen_to_yuan(one.amount), one.account_type
