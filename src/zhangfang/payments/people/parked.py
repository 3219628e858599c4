"""People end a parked payout that no routing table will ever take, and its money goes back to the merchant.

One person does so alone up to a limit a day, two above it. The evidence says who it was and why.
"""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal, ending
from zhangfang.approvals import reason as why
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.payments.course.ending import Ending, end
from zhangfang.payments.course.steps import prepare
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, State, StepKind
from zhangfang.payments.people.alone import counted
from zhangfang.payments.people.refunds import REFUND
from zhangfang.payments.store import new_step, queries
from zhangfang.payments.telling import PREFIX

REFUSAL = "refusal"  # the kind of these proposals


class Refusal(msgspec.Struct, frozen=True):
    """The end of a parked payout, and why; `amount` in fen goes back to the merchant."""

    payout: str
    merchant: str
    amount: int
    reason: str


async def parked(pool: asyncpg.Pool) -> Sequence[Intent]:
    """Return the payouts that are parked, the oldest first."""
    return [Intent.of(row) for row in await pool.fetch(queries.parked)]


async def refuse_parked(desk: Desk, id_: UUID, by: Person, reason: str, alone: int) -> UUID | None:
    """End a parked payout as REFUSED, or propose it and return the proposal's id.

    One person may move `alone` fen in all within 24 hours. Raises `InvalidInput`, `NotFound`, `NotAllowed`, `NoProposal`.
    """
    reason = why(reason, least=1)
    intent = await _payout(desk, id_)
    target = prefixed(PREFIX[intent.kind], id_)
    said = Refusal(target, intent.merchant, intent.amount, reason)
    act = await counted(desk, by, alone, "refuse parked", target, said, intent.amount, reason)
    if act is not None:
        async with ending(desk.pool, desk.clock, by, "refuse parked", target, act):
            await _refuse(desk, intent, f"{by}: {reason}")
        return None
    if intent.state is not State.PARKED:
        raise _not_parked(intent)
    proposal = new_id(desk.clock)
    async with desk.pool.acquire() as connection, connection.transaction():
        await approvals.propose(connection, desk.clock, proposal, REFUSAL, target, said, by, reason)
    return proposal


async def approve_refusal(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve the end of a parked payout by its hash, and end it. Return how that ended."""

    async def within_limit(connection: asyncpg.Connection, found: Proposal) -> None:
        """Check the amount. Whether the payout is still parked is decided when it is ended."""
        await approvals.check_limit(connection, REFUND, by, "approve", found.holds(Refusal).amount)

    found = await approvals.approve(desk.pool, desk.clock, id_, REFUSAL, seen, by, within_limit)
    if found.result is not None:
        return found.result
    id_ = parse("pot", found.holds(Refusal).payout)
    with suppress(NotAllowed):  # before a crash, or by another approver, it may have been ended already
        await _refuse(desk, await _payout(desk, id_), f"{found.both}: {found.reason}")
    now = await desk.journal.reload(id_)
    ended = (now.ending or now.state) is State.REFUSED
    result = "refused" if ended else f"not done: {_not_parked(now)}"
    return await approvals.finish(desk.pool, desk.clock, found, result)


async def _payout(desk: Desk, id_: UUID) -> Intent:
    intent = await desk.journal.by_id(id_)
    if intent is None:
        raise NotFound("there is no such payout")
    return intent


async def _refuse(desk: Desk, intent: Intent, who: str) -> None:
    if intent.state is State.PARKED and await prepare(desk, intent) is None:
        return  # the ledger refused to hold its money, so `prepare` has ended it
    if intent.state is not State.PARKED or not await end(desk, intent, _refused(desk, intent, who)):
        raise _not_parked(await desk.journal.reload(intent.id))


def _not_parked(intent: Intent) -> NotAllowed:
    return NotAllowed(f"the payout is {intent.ending or intent.state}; allowed: one that is PARKED")


def _refused(desk: Desk, intent: Intent, who: str) -> Ending:
    step = new_step(
        desk.clock, intent.id, StepKind.PERSON, verdict="refused", state=State.REFUSED, message=who
    )
    return Ending(State.REFUSED, [step], "parked", "it was parked: nothing was sent")
