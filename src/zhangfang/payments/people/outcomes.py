"""Two people end an UNKNOWN payment: one says how it ended and where the proof is, another one agrees.

Their decision is evidence and goes through `weigh`, like a channel's answer. So it is booked in the same way, and a file
or a bank statement that later says otherwise opens a contradiction.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.approvals import check_second, person
from zhangfang.approvals import reason as check_reason
from zhangfang.channels.port import Answer, Verdict
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.kernel.sql import load
from zhangfang.kernel.texts import check_characters
from zhangfang.payments.course.evidence import weigh
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, State, StepKind
from zhangfang.payments.telling import PREFIX

queries = load(__package__, "outcomes.sql")

ENDED_BY_TWO = frozenset({State.UNKNOWN, State.MANUAL})
_EVIDENCE_MAX = 200
_OVERTAKEN = "other evidence had ended it: "


@dataclass(frozen=True, slots=True)
class Outcome:
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
    pool: asyncpg.Pool, clock: Clock, intent_id: UUID, outcome: Outcome, by: str
) -> UUID:
    """Propose how an UNKNOWN payment ended; return the proposal's id. Nothing changes before another person approves it.

    Raises `InvalidInput`, `NotFound`, `NotAllowed`.
    """
    by = person(by)
    reason, proof = check_reason(outcome.reason), outcome.evidence.strip()
    check_characters("evidence", proof, _EVIDENCE_MAX, least=3)
    intent = await _intent(pool, intent_id)
    if intent.state not in ENDED_BY_TWO:
        raise NotAllowed(f"the payment is {intent.state}; allowed: one that is UNKNOWN or MANUAL")
    _check(clock, intent, outcome)
    id_, now = new_id(clock), clock.now()
    made = await pool.fetchval(
        queries.propose, id_, intent_id, outcome.state, outcome.amount, outcome.settle_date, outcome.channel_ref,
        reason, proof, by, now, new_id(clock), _shown(intent),
    )  # fmt: skip
    if made is None:
        raise NotAllowed("an outcome is proposed already; allowed: approve it, or withdraw it first")
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


async def approve_outcome(desk: Desk, id_: UUID, by: str) -> Intent:
    """Approve a proposal: its outcome is weighed as evidence. Return the payment as it is after that.

    After a crash, the same call continues. Raises `SecondPerson` if `by` has proposed it, `NotFound`.
    """
    by = person(by)
    row = await _proposal(desk.pool, id_)
    check_second(row["proposed_by"], by, "this outcome")
    intent = await _intent(desk.pool, row["intent"])
    act = new_id(desk.clock)
    await desk.pool.execute(queries.approve, id_, by, desk.clock.now(), act, _shown(intent))
    if intent.state in ENDED_BY_TWO:
        await weigh(desk, intent, StepKind.PERSON, _answer(await _proposal(desk.pool, id_)))
    now = await _intent(desk.pool, row["intent"])
    by_this = any(step.kind is StepKind.PERSON and step.state for step in await desk.journal.steps(now.id))
    result = now.state.value if by_this else _OVERTAKEN + now.state
    await desk.pool.execute(queries.ended, id_, result, desk.clock.now())
    return now


async def withdraw_outcome(desk: Desk, id_: UUID, by: str) -> None:
    """Withdraw a proposal that is not approved; anybody may. Raises `NotFound`, `NotAllowed`."""
    by = person(by)
    row = await _proposal(desk.pool, id_)
    shown = _shown(await _intent(desk.pool, row["intent"]))
    act = new_id(desk.clock)
    if await desk.pool.fetchval(queries.withdraw, id_, by, desk.clock.now(), act, shown) is None:
        raise NotAllowed("the outcome is approved; allowed: approve it again, so that it is carried out")


async def outcomes(pool: asyncpg.Pool, intent: UUID | None = None, *, ended: bool = False) -> list[Any]:
    """Return the proposals that wait for a second person, and with `ended` the others too, oldest first."""
    return list(await pool.fetch(queries.listed, ended, intent))


def _answer(row: Any) -> Answer:
    both = f"{row['proposed_by']} proposed, {row['approved_by']} approved: {row['reason']}; proof: {row['evidence']}"
    verdict = Verdict.SUCCESS if row["state"] == State.SUCCESS else Verdict.FAILED
    ref, fen, day = row["channel_ref"], row["amount"], row["settle_date"]
    return Answer(verdict, channel_ref=ref, message=both, amount=fen, settle_date=day)


async def _intent(pool: asyncpg.Pool, id_: UUID) -> Intent:
    found = await pool.fetchrow(queries.intent, id_)
    if found is None:
        raise NotFound("id: there is no such payment")
    return Intent.of(found)


async def _proposal(pool: asyncpg.Pool, id_: UUID) -> Any:
    row = await pool.fetchrow(queries.get, id_)
    if row is None or row["ended_at"] is not None:
        raise NotFound("id: no such outcome waits for a second person")
    return row


def _shown(intent: Intent) -> str:
    return prefixed(PREFIX[intent.kind], intent.id)
