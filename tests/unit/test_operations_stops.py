"""A person stops one operation of one channel, and opens it again; both leave a trace."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.clock import SetClock
from tests.desk import open_shop
from tests.people import LIN, WANG, ZHAO, seen
from zhangfang.approvals import acts
from zhangfang.channels.port import Operation
from zhangfang.console.reading import channels
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import Answered, Transfer
from zhangfang.payments import State, approve_opening, open_again, stop

CHANNELS = {"unionpay": ("purchase",)}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as opened:
        yield opened


async def test_a_stop_stands_until_it_is_opened_and_both_are_recorded(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    await stop(pool, clock, "unionpay", "purchase", " maintenance ", LIN)
    (row,) = await channels.health(pool, clock.now(), CHANNELS)
    assert (row.stopped_by, row.stop_reason, row.stopped_at) == ("lin", "maintenance", clock.now())
    clock.advance(minutes=5)
    made = await open_again(pool, clock, "unionpay", "purchase", "they are back", WANG)
    assert made is not None
    assert await approve_opening(pool, clock, *await seen(pool, made), ZHAO) == "open again"
    (row,) = await channels.health(pool, clock.now(), CHANNELS)
    assert row.stopped_at is None
    assert [(act.operator, act.act, act.target, act.reason) for act in await acts(pool)] == [
        ("zhao", "done", "unionpay/purchase", "open again"),
        ("zhao", "approve", "unionpay/purchase", "they are back"),
        ("wang", "propose", "unionpay/purchase", "they are back"),
        ("lin", "stop", "unionpay/purchase", "maintenance"),
    ]


async def test_a_second_stop_keeps_the_first_reason_and_leaves_no_trace(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    await stop(pool, clock, "unionpay", "purchase", "the first", LIN)
    await stop(pool, clock, "unionpay", "purchase", "the second", WANG)
    assert await pool.fetchval("SELECT reason FROM channel_stop") == "the first"
    assert len(await acts(pool)) == 1


async def test_opening_what_is_open_leaves_no_trace(pool: asyncpg.Pool, clock: SetClock) -> None:
    await open_again(pool, clock, "unionpay", "purchase", "nothing to open", LIN)
    assert await acts(pool) == ()


@pytest.mark.parametrize("reason", ["", "  ", "ab", "  ab  ", "x" * 201])
async def test_a_stop_without_a_proper_reason_is_refused(
    pool: asyncpg.Pool, clock: SetClock, reason: str
) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        await stop(pool, clock, "unionpay", "purchase", reason, LIN)
    assert await pool.fetchval("SELECT count(*) FROM channel_stop") == 0


@pytest.mark.parametrize("kind", [Operation.PAYOUT, Operation.REFUND])
async def test_what_was_accepted_before_a_stop_is_not_sent_and_stays_until_it_is_opened(
    kind: Operation, database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url, tmp_path, clock) as shop:
        pool, channels, book = shop.desk.pool, ("unionpay", "cmb"), shop.desk.ledger.create_transfers
        merchant = await shop.merchant(available=5000)
        paid = await shop.ask(merchant, Operation.COLLECTION, "P1", 1000)
        await shop.settle_down()

        async def book_and_stop(transfers: list[Transfer]) -> list[Answered]:
            answers = await book(transfers)
            for channel in channels:
                await stop(pool, clock, channel, kind.value, "maintenance", LIN)
            shop.desk.gate._stops_read = 0.0  # as a process learns it within a second
            return answers

        with monkeypatch.context() as while_it_is_accepted:
            while_it_is_accepted.setattr(shop.desk.ledger, "create_transfers", book_and_stop)
            original = {"original": paid.id} if kind is Operation.REFUND else {}
            intent = await shop.ask(merchant, kind, "A1", 500, **original)
        for _ in range(3):
            clock.advance(seconds=30)
            await shop.forget_leases()
            await shop.drive()
        now = await shop.reload(intent)
        sent = shop.bank(intent).sent
        assert (now.state, now.channel, sent[now.channel_order_no]) == (State.CREATED, intent.channel, [])
        for channel in channels:
            await open_again(pool, clock, channel, kind.value, "they are back", LIN, timedelta(hours=1))
        shop.desk.gate._stops_read = 0.0
        await shop.forget_leases()
        await shop.drive()
        assert len(sent[now.channel_order_no]) == 1
