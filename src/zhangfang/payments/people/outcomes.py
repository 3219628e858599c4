"""Two people end an UNKNOWN payment: one says how it ended and where the proof is, another one agrees.

Their decision is evidence and goes through `weigh`, like a channel's answer. So it is booked in the same way, and a file
or a bank statement that later says otherwise opens a contradiction.
"""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.approvals import reason as check_reason
from zhangfang.channels.port import Answer, Verdict
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.sql import load
from zhangfang.kernel.text.texts import check_characters
from zhangfang.payments.course.evidence import weigh
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, State, StepKind
from zhangfang.payments.telling import PREFIX

queries = load(__package__, "outcomes.sql")

OUTCOME = "outcome"  # the kind of these proposals
ENDED_BY_TWO = frozenset({State.UNKNOWN, State.MANUAL})
_EVIDENCE_MAX = 200
_OVERTAKEN = "other evidence had ended it: "


class Outcome(msgspec.Struct, frozen=True):
    """How a payment ended, in the words of the person who proposes it: SUCCESS or FAILED, why, and where the proof is.

    A success also needs `amount` (fen, the amount asked for), the channel's settlement date and its reference.
    """

    state: State
    reason: str
    evidence: str
    amount: int | None = None
    settle_date: date | None = None
    channel_ref: str = ""


async def propose_outcome(
    pool: asyncpg.Pool, clock: Clock, intent_id: UUID, outcome: Outcome, by: Person
) -> UUID:
    """Propose how an UNKNOWN payment ended; return the proposal's id. Nothing changes before another person approves it.

    Raises `InvalidInput`, `NotFound`, `NotAllowed`, `NoProposal` if one is proposed already.
    """
    reason, proof = check_reason(outcome.reason), outcome.evidence.strip()
    check_characters("evidence", proof, _EVIDENCE_MAX, least=3)
    said = msgspec.structs.replace(outcome, reason=reason, evidence=proof)
    async with pool.acquire() as connection, connection.transaction():
        intent = await _intent(connection, intent_id)
        if intent.state not in ENDED_BY_TWO:
            raise NotAllowed(f"the payment is {intent.state}; allowed: one that is UNKNOWN or MANUAL")
        _check(clock, intent, said)
        id_, target = new_id(clock), _shown(intent)
        await approvals.propose(connection, clock, id_, OUTCOME, target, said, by, said.reason)
    return id_


def _check(clock: Clock, intent: Intent, outcome: Outcome) -> None:
    if outcome.state is State.FAILED:
        if (outcome.amount, outcome.settle_date) != (None, None):
            raise InvalidInput("amount", "an amount or a date of a failure", "neither: nothing was moved")
        return
    if outcome.state is not State.SUCCESS:
        raise InvalidInput("state", f"{outcome.state}", "SUCCESS, FAILED")
    if outcome.amount != intent.amount:
        raise InvalidInput("amount", f"{outcome.amount} fen", f"what was asked for: {intent.amount} fen")
    check_characters("channel_ref", outcome.channel_ref, 64)
    if outcome.settle_date is None:
        raise InvalidInput("settle_date", "nothing", "the channel's settlement date")
    first, last = china_day(intent.requested_at), settlement_day(clock.now())
    if not first <= outcome.settle_date <= last:
        raise InvalidInput("settle_date", f"{outcome.settle_date}", f"{first} to {last}")


async def approve_outcome(desk: Desk, id_: UUID, seen: str, by: Person) -> Intent:
    """Approve a proposal by its hash: its outcome is weighed as evidence. Return the payment as it is after that.

    After a crash, the same call continues. Raises what `approvals.approve` raises.
    """
    found = await approvals.approve(desk.pool, desk.clock, id_, OUTCOME, seen, by, _nothing_more)
    intent = await _intent(desk.pool, _payment(found.target))
    if found.result is None and intent.state in ENDED_BY_TWO:
        await weigh(desk, intent, StepKind.PERSON, _answer(found))
    now = await _intent(desk.pool, intent.id)
    by_this = any(step.kind is StepKind.PERSON and step.state for step in await desk.journal.steps(now.id))
    result = now.state.value if by_this else _OVERTAKEN + now.state
    await approvals.finish(desk.pool, desk.clock, found, result)
    return now


async def _nothing_more(_connection: Any, _found: Proposal) -> None:
    """Whether the payment can still be ended is decided when the outcome is weighed, as for any evidence."""


async def outcomes(pool: asyncpg.Pool, *, every: bool = False) -> list[tuple[Proposal, Intent]]:
    """Return the proposed outcomes that wait for a second person with their payments; with `every`, the others too."""
    found = await approvals.proposals(pool, kind=OUTCOME, every=every)
    rows = await pool.fetch(queries.intents, [_payment(one.target) for one in found])
    intents = {row["id"]: Intent.of(row) for row in rows}
    return [(one, intents[_payment(one.target)]) for one in found]


def _answer(found: Proposal) -> Answer:
    said = found.holds(Outcome)
    both = f"{found.proposed_by} proposed, {found.decided_by} approved: {said.reason}; proof: {said.evidence}"
    verdict = Verdict.SUCCESS if said.state is State.SUCCESS else Verdict.FAILED
    return Answer(
        verdict, channel_ref=said.channel_ref, message=both, amount=said.amount, settle_date=said.settle_date
    )


async def _intent(db: asyncpg.Pool | asyncpg.Connection, id_: UUID) -> Intent:
    rows = await db.fetch(queries.intents, [id_])
    if not rows:
        raise NotFound("id: there is no such payment")
    return Intent.of(rows[0])


def _payment(target: str) -> UUID:
    return parse(target.partition("_")[0], target)


def _shown(intent: Intent) -> str:
    return prefixed(PREFIX[intent.kind], intent.id)
