"""Ending an UNKNOWN by two people on the command line: one proposes how it ended; `proposals approve` is the other."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import with_person, with_pool
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


@app.command()
def propose(
    payment: Payment,
    outcome: Annotated[str, typer.Option(help="SUCCESS or FAILED")],
    reason: Annotated[str, typer.Option(help="how you know, in 3 to 200 characters")],
    evidence: Annotated[str, typer.Option(help="where the proof lies: a letter's or ticket's number")],
    amount: Annotated[str | None, typer.Option(help="of a success: yuan that moved")] = None,
    date_: Annotated[str | None, typer.Option("--date", help="of a success: the settlement date")] = None,
    channel_ref: Annotated[str, typer.Option(help="of a success: the channel's own number")] = "",
) -> None:
    """Say how a payment ended. Nothing changes before another person approves it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.payments import Outcome, State, propose_outcome

    if outcome not in ("SUCCESS", "FAILED"):
        raise InvalidInput("--outcome", f"{len(outcome)} characters", "SUCCESS, FAILED")
    fen = yuan_to_fen(amount) if amount is not None else None
    said = Outcome(State(outcome), reason, evidence, fen, _day(date_), channel_ref)
    which = _payment(payment)
    id_ = with_person(lambda pool, clock, by: propose_outcome(pool, clock, which, said, by))
    typer.echo(f"{prefixed(PREFIX, id_)} is proposed; another person has to approve it")


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False) -> None:
    """List the outcomes that wait for a second person, newest first; amounts in yuan."""
    from zhangfang.payments import outcomes

    found = with_pool(lambda pool, _: outcomes(pool, every=every))
    for line in aligned([COLUMNS, *(cells(*one) for one in found)]):
        typer.echo(line)


def cells(proposal: Any, payment: Any) -> tuple[str, ...]:
    """Return a proposal as texts under `COLUMNS`; the two columns without a name keep the amount in its place."""
    from zhangfang.approvals import PREFIX
    from zhangfang.payments import Outcome

    said = proposal.holds(Outcome)
    return (
        prefixed(PREFIX, proposal.id), proposal.target, payment.state.value, "", "", fen_to_yuan(payment.amount),
        said.state.value, proposal.proposed_by, said.reason, said.evidence, proposal.result or "",
    )  # fmt: skip


def _payment(text: str) -> UUID:
    prefix = text.partition("_")[0]
    return parse(prefix if prefix in ("pay", "ref", "pot") else "pay", text, "PAYMENT")


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InvalidInput("--date", f"{len(text or '')} characters", "a date such as 2026-09-01") from None
