"""Parked payouts on the command line: what waits for a table, and how a person ends one that never will go."""

import asyncio
from typing import Annotated, Any

import typer

from zhangfang.cli.breaks import aligned
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.settings import Settings

app = typer.Typer(help="Payouts whose type of account no table knows.", no_args_is_help=True)

COLUMNS = ("id", "since", "merchant", "amount", "type of account")


@app.command("list")
def list_() -> None:
    """List what is parked, the oldest first; amounts in yuan."""
    for line in aligned([COLUMNS, *asyncio.run(_rows())]):
        typer.echo(line)


@app.command()
def refuse(
    payout: Annotated[str, typer.Argument(metavar="PAYOUT", help="pot_…, as `list` shows it")],
    by: Annotated[str, typer.Option(help="your name")],
    reason: Annotated[str, typer.Option(help="why it will never go; it is kept")],
) -> None:
    """End a parked payout: its money goes back to the merchant. Nothing of it was ever sent."""
    asyncio.run(_refuse(payout, by, reason))
    typer.echo(f"{payout} is refused; its money is the merchant's again")


async def _rows() -> list[tuple[str, ...]]:
    from zhangfang.assembly.parts import open_desk
    from zhangfang.payments import parked

    async with open_desk(Settings(), 2) as desk:
        return [_cells(one) for one in await parked(desk.pool)]


def _cells(one: Any) -> tuple[str, ...]:
    since = f"{one.parked_since:%Y-%m-%d %H:%M}"
    return prefixed("pot", one.id), since, one.merchant, fen_to_yuan(one.amount), one.account_type


async def _refuse(payout: str, by: str, reason: str) -> None:
    from zhangfang.assembly.parts import open_desk
    from zhangfang.payments import refuse_parked

    async with open_desk(Settings(), 2) as desk:
        await refuse_parked(desk, parse("pot", payout), by, reason)
