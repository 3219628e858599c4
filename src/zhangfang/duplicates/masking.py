"""Masking: only the merchant's own statement leaves out a double payment and its reversal.

A pair is masked if its vouchers add up to zero and no statement that shows it is released. If it was settled, or is on a
released statement, it stays visible: a released statement does not change.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.duplicates import store
from zhangfang.duplicates.model import Case
from zhangfang.duplicates.store import queries
from zhangfang.kernel.clock import Clock
from zhangfang.payments import Intent, State
from zhangfang.reconciliation import finish_returns

_UNDONE = (State.FAILED, State.REFUSED)


async def mask_and_end(pool: asyncpg.Pool, clock: Clock, case: Case, reversal: Intent) -> None:
    """End a case whose money the payer has back, and mask its vouchers in the same transaction if that is allowed."""
    await finish_returns(pool, clock)
    async with pool.acquire() as connection, connection.transaction():
        text, masked = await _mask(clock, connection, case, reversal)
        await store.note(clock, connection, case.id, "mask" if masked else "done", text)
        await connection.execute(queries.done, case.id, text, masked, clock.now())


async def _mask(clock: Clock, connection: Any, case: Case, reversal: Intent) -> tuple[str, bool]:
    if case.intent is None:
        return "no merchant's account was touched: there is nothing to mask", False
    if reversal.template != "U1":
        return "adjusted after its settlement: both stay on the merchant's statements", False
    vouchers = await _vouchers(connection, case.intent)
    rows = await connection.fetch(queries.nets, vouchers, case.merchant)
    if sum(row["net"] for row in rows):
        return "its vouchers do not add up to zero: they stay on the merchant's statements", False
    first = min(row["business_date"] for row in rows)
    if released := await connection.fetchval(queries.released, case.merchant, first):
        return f"a statement that shows it is released, so both stay visible: {released}", False
    await connection.execute(queries.mask, case.id, case.merchant, clock.now(), *_columns(rows))
    return "both are left out of the merchant's statements", True


async def _vouchers(connection: Any, intent: UUID) -> list[UUID]:
    """Return the voucher of the payment and of every attempt to reverse it; of a failed one also its undo voucher."""
    (payment,) = await connection.fetch(queries.intents, [intent])
    found = [payment["voucher"]]
    for row in await connection.fetch(queries.reversals, intent):
        found += [row["voucher"], row["undo_voucher"]] if row["state"] in _UNDONE else [row["voucher"]]
    return found


def _columns(rows: Sequence[Any]) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in ("voucher", "business_date", "net", "lines")]
