"""A person ends a parked payout that no routing table will ever take, and its money goes back to the merchant.

Nothing was sent, so one person is enough. The evidence says who it was and why.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from zhangfang.approvals import Person, recorded
from zhangfang.approvals import reason as why
from zhangfang.kernel.ids import prefixed
from zhangfang.payments.course.ending import Ending, end
from zhangfang.payments.course.steps import prepare
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, State, StepKind
from zhangfang.payments.store import new_step, queries
from zhangfang.payments.telling import PREFIX


async def parked(pool: asyncpg.Pool) -> Sequence[Intent]:
    """Return the payouts that are parked, the oldest first."""
    return [Intent.of(row) for row in await pool.fetch(queries.parked)]


async def refuse_parked(desk: Desk, id_: UUID, by: Person, reason: str) -> None:
    """End a parked payout as REFUSED. Raises `InvalidInput`, `NotFound`, `NotAllowed`."""
    reason = why(reason, least=1)
    intent = await desk.journal.by_id(id_)
    if intent is None:
        raise NotFound("there is no such payout")
    target = prefixed(PREFIX[intent.kind], id_)
    async with recorded(desk.pool, desk.clock, by, "refuse parked", target, reason):
        await _refuse(desk, intent, f"{by}: {reason}")


async def _refuse(desk: Desk, intent: Intent, who: str) -> None:
    if intent.state is State.PARKED and await prepare(desk, intent) is None:
        return  # the ledger refused to hold its money, so `prepare` has ended it
    if intent.state is not State.PARKED or not await end(desk, intent, _refused(desk, intent, who)):
        now = await desk.journal.reload(intent.id)
        raise NotAllowed(f"the payout is {now.ending or now.state}; allowed: one that is PARKED")


def _refused(desk: Desk, intent: Intent, who: str) -> Ending:
    step = new_step(
        desk.clock, intent.id, StepKind.PERSON, verdict="refused", state=State.REFUSED, message=who
    )
    return Ending(State.REFUSED, [step], "parked", "it was parked: nothing was sent")
