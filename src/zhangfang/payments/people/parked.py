"""A person ends a parked payout that no routing table will ever take, and its money goes back to the merchant.

Nothing was sent, so one person is enough. The evidence says who it was and why.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from zhangfang.approvals import person
from zhangfang.approvals import reason as why
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.payments.course.ending import Ending, begin, conclude
from zhangfang.payments.course.steps import prepare
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, State, StepKind
from zhangfang.payments.store import new_step, queries
from zhangfang.payments.telling import PREFIX


async def parked(pool: asyncpg.Pool) -> Sequence[Intent]:
    """Return the payouts that are parked, the oldest first."""
    return [Intent.of(row) for row in await pool.fetch(queries.parked)]


async def refuse_parked(desk: Desk, id_: UUID, by: str, reason: str) -> None:
    """End a parked payout as REFUSED. Raises `InvalidInput`, `NotFound`, `NotAllowed`."""
    by, reason = person(by), why(reason, least=1)
    intent = await desk.journal.by_id(id_)
    if intent is None:
        raise NotFound("there is no such payout")
    if intent.state is State.PARKED and not await prepare(desk, intent):
        return  # the ledger refused to hold its money, so `prepare` has ended it
    if intent.state is not State.PARKED or not await _begun(desk, intent, by, reason):
        now = await desk.journal.reload(id_)
        raise NotAllowed(f"the payout is {now.ending or now.state}; allowed: one that is PARKED")
    await conclude(desk, await desk.journal.reload(id_))


async def _begun(desk: Desk, intent: Intent, by: str, reason: str) -> bool:
    """Store that it ends and who ended it, in one transaction; False if it is not parked any more."""
    who = f"{by}: {reason}"
    step = new_step(
        desk.clock, intent.id, StepKind.PERSON, verdict="refused", state=State.REFUSED, message=who
    )
    message = "no table knows this type of account: nothing was sent"
    async with desk.pool.acquire() as connection, connection.transaction():
        begun = await begin(desk, connection, intent, Ending(State.REFUSED, [step], "parked", message))
        if begun:
            target, at = prefixed(PREFIX[intent.kind], intent.id), desk.clock.now()
            await connection.execute(queries.refused_by, new_id(desk.clock), at, by, target, reason)
    return begun
