"""Finding double payments by their business key: among our payments, and among the other lines of a channel's file."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from zhangfang.duplicates.model import CaseState
from zhangfang.duplicates.rules import kept, unfit, unfit_line
from zhangfang.duplicates.store import queries
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.payments import Intent
from zhangfang.reconciliation import finish_returns

log = structlog.get_logger()


async def find(pool: asyncpg.Pool, clock: Clock, since: datetime) -> int:
    """Open a case for every suspected double of a payment requested, decided or settled since `since`; return how many
    are new.

    Safe to repeat: a payment or line gets one case at most. Lines of the channel are examined while their break is open.
    A line that may belong to another merchant opens no case: people have to cure its break.
    """
    await finish_returns(pool, clock)
    found = 0
    pairs = await pool.fetch(queries.pairs, since, china_day(since))
    ids = {id_ for row in pairs for id_ in (row["goes"], row["keep"])}
    intents = {row["id"]: Intent.of(row) for row in await pool.fetch(queries.intents, list(ids))}
    for row in pairs:
        found += await _pair(pool, clock, intents[row["goes"]], intents[row["keep"]])
    for row in await pool.fetch(queries.strays):
        found += await _stray(pool, clock, row)
    if found:
        log.warning("suspected double payments", found=found)
    return found


async def _pair(pool: asyncpg.Pool, clock: Clock, goes: Intent, keep: Intent) -> bool:
    why = "two payments of one merchant succeeded under one order number"
    return await _open(pool, clock, goes, keep, why, unfit(goes, keep), intent=goes.id)


async def _stray(pool: asyncpg.Pool, clock: Clock, row: Any) -> bool:
    key = await pool.fetchrow(queries.key_of_line, row["intent"], row["order_no"])
    if key is not None:
        rows = await pool.fetch(queries.holders_of_key, key["merchant"], key["order_no"])
    else:
        rows = await pool.fetch(queries.holders_of_number, row["note"]) if row["note"] else []
    keep = kept(row, [Intent.of(one) for one in rows])
    if keep is None:
        return False
    why = "the channel lists a further payment with the order number of one that succeeded"
    return await _open(pool, clock, keep, keep, why, unfit_line(row, keep), break_=row["break"])


async def _open(
    pool: asyncpg.Pool,
    clock: Clock,
    goes: Intent,
    keep: Intent,
    why: str,
    obstacle: str,
    *,
    intent: UUID | None = None,
    break_: UUID | None = None,
) -> bool:
    state = CaseState.PERSON if obstacle else CaseState.SUSPECTED
    made = await pool.fetchval(
        queries.open, new_id(clock), goes.merchant, goes.order_no, goes.amount, keep.id, intent, break_, state,
        obstacle or why, clock.now(), new_id(clock),
    )  # fmt: skip
    return made is not None
