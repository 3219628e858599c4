"""Ending an UNKNOWN by two people on the command line: one proposes how it ended, another approves it."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.breaks import aligned
from zhangfang.cli.running import with_desk, with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

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
    from zhangfang.payments import Outcome, State, propose_outcome

    if outcome not in ("SUCCESS", "FAILED"):
        raise InvalidInput("--outcome", f"{len(outcome)} characters", "SUCCESS, FAILED")
    fen = yuan_to_fen(amount) if amount is not None else None
    said = Outcome(State(outcome), reason, evidence, fen, _day(date_), channel_ref)
    which = _payment(payment)
    id_ = with_desk(lambda desk: propose_outcome(desk.pool, desk.clock, which, said, by))
    typer.echo(f"{prefixed('out', id_)} is proposed by {by}; another person has to approve it")


@app.command()
def approve(outcome_id: Id, by: By) -> None:
    """Agree with a proposed outcome: it is weighed as evidence at once."""
    from zhangfang.payments import approve_outcome

    id_ = parse("out", outcome_id)
    ended = with_desk(lambda desk: approve_outcome(desk, id_, by))
    typer.echo(f"the payment is {ended.state.value}")


@app.command()
def withdraw(outcome_id: Id, by: By) -> None:
    """Take a proposal back that nobody has approved."""
    from zhangfang.payments import withdraw_outcome

    id_ = parse("out", outcome_id)
    with_desk(lambda desk: withdraw_outcome(desk, id_, by))
    typer.echo("withdrawn")


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False) -> None:
    """List the outcomes that wait for a second person, oldest first; amounts in yuan."""
    from zhangfang.payments import outcomes

    for line in aligned([COLUMNS, *map(cells, with_pool(lambda pool, _: outcomes(pool, ended=every)))]):
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
