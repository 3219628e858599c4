"""Cure B3: money that a channel took without a payment of ours goes back to its payer. The break waits for the proof."""

from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.channels.port import Channels
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.payments import State, line_of, return_to_payer
from zhangfang.payments.store import Journal

queries = load(__package__, "returns.sql")

RETURNED = "B3"


async def check_returnable(pool: asyncpg.Pool, journal: Journal, row: Any) -> None:
    """Raise `InvalidInput` if a break's line cannot be refunded: no pay-in, or one with a payment's own reference."""
    line = await line_of(pool, row["id"])
    if line is None or line["adjustment"] or not line["credit"] or line["operation"] is None:
        raise InvalidInput("cure", "B3 for a line that is not a payer's payment", "B8")
    twice = row["intent"] and await journal.by_id(row["intent"])
    if twice and line["channel_ref"] == twice.channel_ref and twice.state is State.SUCCESS:
        raise InvalidInput("cure", "B3 for a line with the channel reference of a payment", "B8")


async def return_line(pool: asyncpg.Pool, channels: Channels, clock: Clock, break_id: UUID, by: str) -> UUID:
    """Begin the return of a break's money, unless it has begun; return the refund's intent.

    `by` is who decided it. Raises `InvalidInput` if the break is cleared or has another cure.
    """
    row = await pool.fetchrow(queries.begin, break_id, settlement_day(clock.now()), by)
    if row is None:
        raise InvalidInput("break", "one that is over, or has another cure", "an open long item (B1)")
    made = row["returned_by"] or await return_to_payer(pool, channels, clock, row)
    found: UUID = made or (await pool.fetchrow(queries.get, break_id))["returned_by"]
    return found


async def finish_returns(pool: asyncpg.Pool, clock: Clock) -> int:
    """Clear the breaks whose refund succeeded, open those again whose refund failed; return how many they are."""
    rows = await pool.fetch(queries.ended)
    for row in rows:
        if row["state"] == State.SUCCESS:
            await pool.execute(queries.clear, row["id"], clock.now())
        else:
            why = " ".join(filter(None, (row["code"], row["message"])))
            note = f"its return to the payer failed: {why}"
            await pool.execute(queries.open_again, row["id"], row["returned_by"], note)
    return len(rows)
