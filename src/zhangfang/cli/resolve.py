"""Ending an UNKNOWN by two people on the command line: one proposes how it ended, another approves it."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.breaks import aligned
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen
from zhangfang.kernel.settings import Settings

app = typer.Typer(help="Two people end what is UNKNOWN or waits for a person.", no_args_is_help=True)

COLUMNS = (
    "id",
    "payment",
    "state",
    "",
    "",
    "amount",
    "outcome",
    "proposed by",
    "reason",
    "evidence",
    "result",
)
Payment = Annotated[str, typer.Argument(metavar="PAYMENT", help="pay_…, ref_… or pot_…")]
Id = Annotated[str, typer.Argument(metavar="ID", help="out_…, as `list` shows it")]
By = Annotated[str, typer.Option(help="your name: one person proposes, another approves")]


@app.command()
def propose(
    payment: Payment,
    outcome: Annotated[str, typer.Option(help="SUCCESS or FAILED")],
    reason: Annotated[str, typer.Option(help="how you know, in 3 to 200 characters")],
    evidence: Annotated[str, typer.Option(help="where the proof lies: a letter's or ticket's number")],
    by: By,
    amount: Annotated[str | None, typer.Option(help="of a success: yuan that moved")] = None,
    date_: Annotated[str | None, typer.Option("--date", help="of a success: the settlement date")] = None,
    channel_ref: Annotated[str, typer.Option(help="of a success: the channel's own number")] = "",
) -> None:
    """Say how a payment ended. Nothing changes before another person approves it."""
    from zhangfang.payments import Outcome, State

    if outcome not in ("SUCCESS", "FAILED"):
        raise InvalidInput("--outcome", f"{len(outcome)} characters", "SUCCESS, FAILED")
    fen = yuan_to_fen(amount) if amount is not None else None
    said = Outcome(State(outcome), reason, evidence, fen, _day(date_), channel_ref)
    id_ = asyncio.run(_propose(_payment(payment), said, by))
    typer.echo(f"{prefixed('out', id_)} is proposed by {by}; another person has to approve it")


@app.command()
def approve(outcome_id: Id, by: By) -> None:
    """Agree with a proposed outcome: it is weighed as evidence at once."""
    typer.echo(f"the payment is {asyncio.run(_approve(parse('out', outcome_id), by))}")


@app.command()
def withdraw(outcome_id: Id, by: By) -> None:
    """Take a proposal back that nobody has approved."""
    asyncio.run(_withdraw(parse("out", outcome_id), by))
    typer.echo("withdrawn")


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False) -> None:
    """List the outcomes that wait for a second person, oldest first; amounts in yuan."""
    for line in aligned([COLUMNS, *map(cells, asyncio.run(_found(every)))]):
        typer.echo(line)


def cells(row: Any) -> tuple[str, ...]:
    """Return a proposal as texts under `COLUMNS`; the two columns without a name keep the amount in its place."""
    from zhangfang.channels.port import Operation
    from zhangfang.payments import PREFIX

    payment = prefixed(PREFIX[Operation(row["kind"])], row["intent"])
    return (
        prefixed("out", row["id"]), payment, row["standing"], "", "", fen_to_yuan(row["asked"]), row["state"],
        row["proposed_by"], row["reason"], row["evidence"], row["result"],
    )  # fmt: skip


def _payment(text: str) -> UUID:
    prefix = text.partition("_")[0]
    return parse(prefix if prefix in ("pay", "ref", "pot") else "pay", text, "PAYMENT")


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InvalidInput("--date", f"{len(text or '')} characters", "a date such as 2026-09-01") from None


async def _propose(payment: UUID, said: Any, by: str) -> UUID:
    from zhangfang.assembly.parts import open_desk
    from zhangfang.payments import propose_outcome

    async with open_desk(Settings(), 2) as desk:
        return await propose_outcome(desk.pool, desk.clock, payment, said, by)


async def _approve(id_: UUID, by: str) -> str:
    from zhangfang.assembly.parts import open_desk
    from zhangfang.payments import approve_outcome

    async with open_desk(Settings(), 2) as desk:
        return (await approve_outcome(desk, id_, by)).state.value


async def _withdraw(id_: UUID, by: str) -> None:
    from zhangfang.assembly.parts import open_desk
    from zhangfang.payments import withdraw_outcome

    async with open_desk(Settings(), 2) as desk:
        await withdraw_outcome(desk, id_, by)


async def _found(every: bool) -> Sequence[Any]:
    from zhangfang.assembly.parts import open_pool
    from zhangfang.payments import outcomes

    async with open_pool(Settings(), 2) as pool:
        return await outcomes(pool, ended=every)
