"""A person stops one operation of one channel, and opens it again; both leave a trace."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.clock import SetClock
from zhangfang.approvals import acts
from zhangfang.console.reading import channels
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import open_again, stop

CHANNELS = {"unionpay": ("purchase",)}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as opened:
        yield opened


async def test_a_stop_stands_until_it_is_opened_and_both_are_recorded(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    await stop(pool, clock, "unionpay", "purchase", " maintenance ", "lin")
    (row,) = await channels.health(pool, clock.now(), CHANNELS)
    assert (row.stopped_by, row.stop_reason, row.stopped_at) == ("lin", "maintenance", clock.now())
    clock.advance(minutes=5)
    await open_again(pool, clock, "unionpay", "purchase", "they are back", "wang")
    (row,) = await channels.health(pool, clock.now(), CHANNELS)
    assert row.stopped_at is None
    assert [(act.operator, act.act, act.target, act.reason) for act in await acts(pool)] == [
        ("wang", "open", "unionpay/purchase", "they are back"),
        ("lin", "stop", "unionpay/purchase", "maintenance"),
    ]


async def test_a_second_stop_keeps_the_first_reason_and_leaves_no_trace(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    await stop(pool, clock, "unionpay", "purchase", "the first", "lin")
    await stop(pool, clock, "unionpay", "purchase", "the second", "wang")
    assert await pool.fetchval("SELECT reason FROM channel_stop") == "the first"
    assert len(await acts(pool)) == 1


async def test_opening_what_is_open_leaves_no_trace(pool: asyncpg.Pool, clock: SetClock) -> None:
    await open_again(pool, clock, "unionpay", "purchase", "nothing to open", "lin")
    assert await acts(pool) == ()


@pytest.mark.parametrize("reason", ["", "  ", "ab", "  ab  ", "x" * 201])
async def test_a_stop_without_a_proper_reason_is_refused(
    pool: asyncpg.Pool, clock: SetClock, reason: str
) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        await stop(pool, clock, "unionpay", "purchase", reason, "lin")
    assert await pool.fetchval("SELECT count(*) FROM channel_stop") == 0
