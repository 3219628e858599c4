"""The driver: leases are claimed, renewed, lost; what is sent is sent by whoever holds one."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from zhangfang.channels.port import Answer, Operation, Order
from zhangfang.kernel import driver
from zhangfang.kernel.driver import Job, LeaseLost, drive, run_due, safe_until
from zhangfang.payments import Intent, Request, State, accept, notified
from zhangfang.payments.course import steps


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as opened:
        yield opened


class Machine:
    """The machine's time as the driver reads it: it stands still until something moves it."""

    def __init__(self) -> None:
        """Stand at 0 s; the first lease is asked for now."""
        self.now = 0.0
        self.lease_until = driver.LEASE.total_seconds()
        self.renewed: list[bool] = []

    def monotonic(self) -> float:
        """Return seconds."""
        return self.now


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Let the driver renew at once, and time go by only then: most of a lease, or all that is left if it failed.

    In the database the leases outlast any test.
    """
    monkeypatch.setattr(driver, "LEASE", timedelta(hours=1))
    monkeypatch.setattr(driver, "RENEW", timedelta(milliseconds=1))
    made, renew = Machine(), driver._renewed

    async def renewed(pool: asyncpg.Pool, job: Job, row: asyncpg.Record, seconds: float) -> bool:
        assert False not in made.renewed, "it is not tried again"
        held = await renew(pool, job, row, seconds)
        made.renewed.append(held)
        if held:
            made.lease_until = made.now + driver.LEASE.total_seconds()
        made.now += 0.6 * driver.LEASE.total_seconds() if held else seconds
        return held

    monkeypatch.setattr(driver, "_renewed", renewed)
    monkeypatch.setattr(driver, "time", made)
    return made


async def due(shop: Shop) -> Intent:
    """Store a collection that was never sent and is due."""
    merchant = await shop.merchant()
    shop.unionpay.on_send["A1"] = ["not_sent"]
    intent = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    assert intent.state is State.CREATED
    shop.clock.advance(seconds=30)
    await shop.forget_leases()
    return intent


async def test_two_drivers_share_the_rows_and_do_none_twice(shop: Shop) -> None:
    merchant = await shop.merchant()
    for n in range(20):
        shop.unionpay.on_send[f"A{n}"] = ["not_sent"]
        await accept(shop.desk, merchant, Request(Operation.COLLECTION, f"A{n}", 10, f"A{n}", account=PAYER))
    await shop.idle()
    shop.clock.advance(seconds=30)
    await shop.forget_leases()
    job = replace(shop.job, most=7)
    found = await asyncio.gather(*(run_due(shop.desk.pool, shop.clock.now(), job) for _ in range(4)))
    assert sum(found) == 20
    assert [len(orders) for orders in shop.unionpay.sent.values()] == [1] * 20


async def test_a_step_that_takes_longer_than_a_lease_keeps_it(shop: Shop, machine: Machine) -> None:
    await due(shop)
    done: list[float] = []

    async def slow(row: asyncpg.Record) -> None:
        while len(machine.renewed) < 5:
            assert await run_due(shop.desk.pool, shop.clock.now(), job) == 0, "nobody else can claim it"
        assert row["lease_until"] < await shop.desk.pool.fetchval("SELECT lease_until FROM intent")
        done.append(machine.now)

    job = Job("intent", ("id",), slow)
    assert await run_due(shop.desk.pool, shop.clock.now(), job) == 1
    assert len(done) == 1
    assert done[0] > 2 * driver.LEASE.total_seconds()


async def test_a_step_whose_lease_cannot_be_renewed_is_stopped_before_another_may_claim(
    shop: Shop, machine: Machine
) -> None:
    await due(shop)
    stopped: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def slow(row: asyncpg.Record) -> None:
        try:
            machine.now += 60
            await shop.desk.pool.execute("UPDATE intent SET fence = fence + 1")  # the row is another's
            await asyncio.Event().wait()
        finally:
            stopped.set_result(machine.now)

    assert await run_due(shop.desk.pool, shop.clock.now(), Job("intent", ("id",), slow)) == 1
    assert await stopped < machine.lease_until, "it was stopped while the lease still lasted"
    assert machine.renewed[-1:] == [False]


async def test_nothing_is_sent_under_a_lease_that_is_too_short(shop: Shop) -> None:
    intent = await due(shop)
    with pytest.raises(LeaseLost):
        await steps.transmit(shop.desk, intent, until=time.monotonic())
    assert shop.unionpay.sent[intent.channel_order_no] == []


async def test_a_channel_that_does_not_answer_is_left_before_the_lease_ends(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "time", Machine())
    intent = await due(shop)
    left: list[bool] = []

    async def hangs(order: Order) -> Answer:
        try:
            await asyncio.sleep(60)
        finally:
            left.append(True)
        raise AssertionError

    shop.unionpay.send = hangs  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        await steps.transmit(shop.desk, replace(intent, state=State.SENDING), until=0.05)
    assert left == [True]


async def test_a_process_that_lost_its_lease_can_store_no_attempt(shop: Shop) -> None:
    intent = await due(shop)  # read by a slow process
    await shop.desk.pool.execute("UPDATE intent SET fence = fence + 1")  # and claimed by a driver
    assert await steps.send(shop.desk, intent) is None
    assert shop.unionpay.sent[intent.channel_order_no] == []
    assert (await shop.reload(intent)).state is State.CREATED
    await steps._resend(shop.desk, replace(intent, state=State.UNKNOWN))
    assert shop.unionpay.sent[intent.channel_order_no] == []


async def test_an_attempt_begins_the_lease_anew(shop: Shop) -> None:
    intent = await due(shop)
    shop.unionpay.on_send["A1"] = ["done"]
    before = await shop.desk.pool.fetchval("SELECT clock_timestamp()")
    assert await steps.send(shop.desk, intent) is not None
    until, after = await shop.desk.pool.fetchrow("SELECT lease_until, clock_timestamp() FROM intent")
    assert before + driver.LEASE <= until <= after + driver.LEASE


async def test_an_attempt_that_never_left_is_dated_when_it_is_sent(shop: Shop) -> None:
    """Otherwise the files in which it could be listed would be those of the day on which it could not be sent."""
    intent = await due(shop)
    shop.clock.advance(hours=15)
    await shop.drive()
    sent = shop.unionpay.sent[intent.channel_order_no]
    assert [order.requested_at for order in sent] == [shop.clock.now()]
    assert (await shop.reload(intent)).requested_at == shop.clock.now()


async def test_evidence_from_others_does_not_take_the_lease_from_a_step(shop: Shop) -> None:
    merchant = await shop.merchant()
    intent = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    shop.unionpay.book[intent.channel_order_no].state = "PENDING"
    await notified(shop.desk, shop.unionpay, {}, shop.unionpay.message(intent.channel_order_no))
    assert (await shop.reload(intent)).lease_until is not None


async def test_a_step_that_fails_is_tried_again(shop: Shop) -> None:
    intent = await due(shop)
    tries: list[int] = []

    async def fails_first(row: asyncpg.Record) -> None:
        tries.append(row["fence"])
        if len(tries) == 1:
            raise RuntimeError("a bug")

    job = Job("intent", ("id",), fails_first)
    assert await run_due(shop.desk.pool, shop.clock.now(), job) == 1
    assert await run_due(shop.desk.pool, shop.clock.now(), job) == 0, "not at once"
    await shop.forget_leases()
    assert await run_due(shop.desk.pool, shop.clock.now(), job) == 1
    assert len(tries) == 2
    assert tries[1] == tries[0] + 1 > intent.fence


async def test_the_driver_waits_while_the_database_is_away_and_goes_on(shop: Shop) -> None:
    intent = await due(shop)
    running = asyncio.create_task(drive(shop.desk.pool, shop.clock, (shop.job,), 0.01))
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    other = await asyncpg.connect(dsn=shop.desk.pool._connect_args[0])
    await other.execute(kill)
    await other.close()
    while (await _state(shop, intent)) is State.CREATED:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})


async def _state(shop: Shop, intent: Intent) -> State:
    try:
        return (await shop.reload(intent)).state
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return State.CREATED


def test_a_margin_is_left_of_every_lease() -> None:
    assert safe_until(100.0) == 108.0
    assert driver.RENEW < driver.LEASE - driver.MARGIN
