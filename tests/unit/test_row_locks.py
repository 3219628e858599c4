"""Rows are locked in one order everywhere: the payment before what undoes it, and each kind by id.

Each case holds the row that has to come first, runs what locks several, and looks which rows that took before it waited.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.clock import SetClock
from tests.desk import Shop, open_shop
from zhangfang.channels.port import Operation
from zhangfang.kernel.database import connect
from zhangfang.payments import Intent, State, store
from zhangfang.payments.model import StepKind
from zhangfang.reconciliation import files
from zhangfang.settlement import service

BURSTS = 12
_LINE = (
    "channel", "settle_date", "line_no", "order_no", "channel_ref", "amount", "credit", "fee", "adjustment",
    "original_order_no", "note", "raw", "status",
)  # fmt: skip
_SOON = """
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 20', current_database()); END $$
"""
Case = Callable[[asyncpg.Pool, Shop, Intent, list[Intent]], Awaitable[object]]


def _said(shop: Shop, several: list[Intent]) -> list[store.Change]:
    """Return evidence that moves each refund (from success to success) and touches what was refunded of its payment."""
    now = shop.clock.now()
    return [
        store.Change(
            one.id,
            one.attempt,
            State.SUCCESS,
            State.SUCCESS,
            now,
            [store.new_step(shop.clock, one.id, StepKind.QUERY)],
        )
        for one in several
    ]


async def _end(pool: asyncpg.Pool, _shop: Shop, _original: Intent, refunds: list[Intent]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetchrow(store.queries.finish_ending, refunds[0].id, refunds[0].attempt)


async def _apply(pool: asyncpg.Pool, shop: Shop, _original: Intent, refunds: list[Intent]) -> None:
    assert await store.write(pool, _said(shop, refunds)) == [True] * len(refunds)


async def _place(pool: asyncpg.Pool, _shop: Shop, original: Intent, refunds: list[Intent]) -> None:
    day = date(2026, 9, 1)
    rows = [
        ("unionpay", day, n, "", "", 1, True, 0, True, one.channel_order_no, "", "", "matched")
        for n, one in enumerate((*reversed(refunds), original))
    ]
    async with pool.acquire() as connection, connection.transaction():
        await connection.copy_records_to_table("file_line", records=rows, columns=_LINE)
        await connection.execute(files.places.lock_returned, "unionpay", day)
        await connection.execute("DELETE FROM file_line")


async def _settle(pool: asyncpg.Pool, _shop: Shop, original: Intent, _refunds: list[Intent]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch("SELECT FROM intent WHERE id = $1 FOR UPDATE", original.id)
        await connection.fetch(service.queries.lock_refunds, [original.id], [])


@pytest.mark.parametrize("case", [_end, _apply, _place, _settle])
async def test_the_payment_is_locked_before_what_undoes_it(
    case: Case, database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    """Who waits for the payment holds none of its refunds, so nobody can wait for him in a circle."""
    async with open_shop(database_url, tmp_path, clock) as shop:
        original, refunds = await _refunds(shop)
        taken = await _taken_while_held(
            shop, original.id, refunds, lambda: case(shop.desk.pool, shop, original, refunds)
        )
        assert taken == []


async def test_evidence_is_applied_in_the_order_of_ids(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    """Evidence that was gathered in the opposite order takes the same way through the rows."""
    async with open_shop(database_url, tmp_path, clock) as shop:
        _, refunds = await _refunds(shop)
        changes = [
            replace(one, state=State.SENDING, prior=State.SUCCESS) for one in _said(shop, refunds[::-1])
        ]
        taken = await _taken_while_held(
            shop, refunds[0].id, refunds[1:], lambda: store.write(shop.desk.pool, changes)
        )
        assert taken == []


async def test_bursts_of_refunds_meet_no_deadlock(database_url: str, tmp_path: Path, clock: SetClock) -> None:
    """Sixteen refunds end in two processes, in both orders, while a file is placed and a settlement runs."""
    async with open_shop(database_url, tmp_path, clock) as shop:
        await shop.desk.pool.execute(_SOON)
        one, two = await connect(database_url, 8), await connect(database_url, 8)
        original, refunds = await _refunds(shop, 16)
        try:
            for _ in range(BURSTS):
                await asyncio.gather(
                    *(_apply(pool, shop, original, refunds[::way]) for pool in (one, two) for way in (1, -1)),
                    *(_end(pool, shop, original, [refund]) for pool in (one, two) for refund in refunds),
                    _place(one, shop, original, refunds), _settle(two, shop, original, refunds),
                )  # fmt: skip
        finally:
            one.terminate()
            two.terminate()
        assert (await shop.reload(original)).refunded == 16 * 100


async def _refunds(shop: Shop, count: int = 3) -> tuple[Intent, list[Intent]]:
    """Return a payment of 100.00 and refunds of it that have succeeded."""
    merchant = await shop.merchant()
    original = await shop.ask(merchant, Operation.COLLECTION, "c1", 10_000)
    await shop.settle_down(2)
    for n in range(count):
        await shop.ask(merchant, Operation.REFUND, f"r{n}", 100, original=original.id)
    await shop.settle_down(2)
    rows = await shop.desk.pool.fetch("SELECT * FROM intent WHERE original = $1 ORDER BY id", original.id)
    return await shop.reload(original), [Intent.of(row) for row in rows]


async def _taken_while_held(
    shop: Shop, first: UUID, others: list[Intent], run: Callable[[], Awaitable[object]]
) -> list[UUID]:
    """Hold the row `first`, let `run` come to wait for it, and return those of the others that it has locked then."""
    pool = shop.desk.pool
    ids = [one.id for one in others]
    async with pool.acquire() as holder:
        held = holder.transaction()
        await held.start()
        await holder.fetch("SELECT FROM intent WHERE id = $1 FOR UPDATE", first)
        running = asyncio.ensure_future(run())
        while not await pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            assert not running.done(), "it did not wait for the row"
            await asyncio.sleep(0.01)
        free = await pool.fetch(
            "SELECT id FROM intent WHERE id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED", ids
        )
        await held.rollback()
    await running
    return sorted(set(ids) - {row["id"] for row in free})
