"""Money in suspense that goes back to its payer: by a refund (B3, R4), or by a payout (X4). The break waits for the proof.

B3 and X4 are decided by two people. R4 needs nobody: the payer paid an order that was closed, and gets the money back.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from zhangfang.channels.port import Channels
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.payments import State, line_of, return_to_payer
from zhangfang.payments.store import Journal

queries = load(__package__, "returns.sql")
log = structlog.get_logger()

RETURNED, LATE = "B3", "R4"
_COME_BACK = timedelta(days=30)


async def check_returnable(pool: asyncpg.Pool, journal: Journal, row: Any) -> None:
    """Raise `InvalidInput` if a break's line cannot be refunded: no pay-in, or one with a payment's own reference.

    A payment that two people have found to be a false success has no money any more, so its line may go back.
    """
    line = await line_of(pool, row["id"])
    if line is None or line["adjustment"] or not line["credit"] or line["operation"] is None:
        raise InvalidInput("cure", "B3 for a line that is not a payer's payment", "B8")
    twice = row["intent"] and await journal.by_id(row["intent"])
    same = twice and line["channel_ref"] == twice.channel_ref and twice.state is State.SUCCESS
    if twice and same and not await pool.fetchval(queries.false_success, twice.id):
        raise InvalidInput("cure", "B3 for a line with the channel reference of a payment", "B8")


async def begin(pool: asyncpg.Pool, clock: Clock, break_id: UUID, by: str, cure: str) -> Any:
    """Let a break's money be on its way back, and return its row; `by` is who decided it.

    Raises `InvalidInput` if the break is cleared or has another cure.
    """
    row = await pool.fetchrow(queries.begin, break_id, settlement_day(clock.now()), by, cure)
    if row is None:
        raise InvalidInput("break", "one that is over, or has another cure", "an open long item (B1)")
    return row


async def return_line(
    pool: asyncpg.Pool, channels: Channels, clock: Clock, break_id: UUID, by: str, cure: str = RETURNED
) -> UUID:
    """Begin the refund of a break's money, unless it has begun; return the refund's intent. Raises what `begin` raises."""
    row = await begin(pool, clock, break_id, by, cure)
    made = row["returned_by"] or await return_to_payer(pool, channels, clock, row)
    found: UUID = made or (await pool.fetchrow(queries.get, break_id))["returned_by"]
    return found


async def return_late_payments(pool: asyncpg.Pool, channels: Channels, clock: Clock) -> int:
    """Begin the refund of each payment of a closed order that a file has listed; return how many they are."""
    rows = await pool.fetch(queries.late)
    for row in rows:
        log.warning("a late payment of a closed order goes back to its payer", break_id=str(row["id"]))
        await return_line(pool, channels, clock, row["id"], "platform", LATE)
    return len(rows)


async def finish_returns(pool: asyncpg.Pool, clock: Clock) -> int:
    """Clear the breaks whose return succeeded, open those again whose return failed; return how many they are."""
    rows = await pool.fetch(queries.ended)
    for row in rows:
        if row["state"] == State.SUCCESS:
            await pool.execute(queries.clear, row["id"], clock.now())
        else:
            why = " ".join(filter(None, (row["code"], row["message"])))
            note = f"its return to the payer failed: {why}"
            await pool.execute(queries.open_again, row["id"], row["returned_by"], note)
    for row in await pool.fetch(queries.came_back, clock.now() - _COME_BACK):
        note = "what was sent back came back"
        await pool.execute(queries.open_again, row["id"], row["returned_by"], note)
    return len(rows)
