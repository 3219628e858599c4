"""The router of a process: fresh within a second, one breaker for all processes, counts that outlive a database away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import asyncpg
import pytest
from prometheus_client import REGISTRY

from tests.clock import SetClock
from tests.model.test_routing_breaker import Plain
from tests.routing import CARD, CLASS_2, ROW, bring_live, table
from zhangfang.channels.port import AccountType, Operation, Verdict
from zhangfang.kernel.database import connect
from zhangfang.kernel.ids import new_id
from zhangfang.routing import Ask, Choice, Fate, Kind, Router, open_breakers

BANKS = ("cmb", "genericbank")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    made = await connect(database_url, 6)
    yield made
    await made.close()


@asynccontextmanager
async def two_processes(pool: asyncpg.Pool, clock: SetClock, *channels: str) -> AsyncIterator[list[Router]]:
    made = [Router(pool, clock, channels or BANKS) for _ in range(2)]
    yield made
    for router in made:
        await router.close()


def ask(clock: SetClock, type_: AccountType = CARD, operation: Operation = Operation.PAYOUT) -> Ask:
    return Ask(operation, 100, clock.now(), new_id(clock), type=type_)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(600):
        if await holds():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came")


async def choose(router: Router, clock: SetClock) -> Choice:
    await router.refresh()
    return await router.choose(ask(clock))


async def report(router: Router, verdict: Verdict, times: int) -> None:
    for _ in range(times):
        router.report("cmb", Operation.PAYOUT, verdict)
    await router.flush()


async def test_a_breaker_that_one_process_opens_holds_every_process_back(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    async with two_processes(pool, clock) as (one, other):
        await report(one, Verdict.UNKNOWN, 5)
        await report(other, Verdict.NOT_SENT, 4)
        assert (await choose(one, clock)).channel == "cmb", "nine are not enough"
        await report(other, Verdict.UNKNOWN, 1)
        assert [(await choose(router, clock)).channel for router in (one, other)] == ["genericbank"] * 2
        (breaker,) = await open_breakers(pool)
        assert (breaker.channel, breaker.operation, breaker.opened_at) == ("cmb", "payout", clock.now())


async def test_a_half_open_breaker_lets_three_through_in_all_and_a_success_closes_it_for_all(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    async with two_processes(pool, clock, "cmb") as (one, other):
        await report(one, Verdict.UNKNOWN, 10)
        assert (await choose(one, clock)).fate is Fate.WAIT
        clock.advance(seconds=30)
        fates = [(await choose(router, clock)).fate for router in (one, other) * 3]
        assert fates == [Fate.GO] * 3 + [Fate.WAIT] * 3
        clock.advance(seconds=30)  # the probes came to nothing that anybody heard of
        assert (await choose(one, clock)).fate is Fate.GO
        await report(one, Verdict.UNKNOWN, 1)
        assert (await choose(other, clock)).fate is Fate.WAIT
        clock.advance(seconds=30)
        assert (await choose(other, clock)).fate is Fate.GO
        await report(other, Verdict.FAILED, 1)  # a definite no: the channel is there
        assert [(await choose(router, clock)).fate for router in (one, other) * 3] == [Fate.GO] * 6
        assert await open_breakers(pool) == ()


async def test_two_processes_stand_where_a_plain_reading_of_all_their_outcomes_says(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    random, plain, met = Random(4), Plain(), set()
    async with two_processes(pool, clock, "cmb") as routers:
        for _ in range(80):
            clock.advance(seconds=random.choice((0, 1, 10, 30, 60)))
            likely = random.choice((Verdict.SUCCESS, Verdict.UNKNOWN))
            verdicts = [random.choice((*[likely] * 12, *Verdict)) for _ in range(random.randint(1, 14))]
            router = random.choice(routers)
            for verdict in verdicts:
                router.report("cmb", Operation.PAYOUT, verdict)
            await router.flush()
            plain.hear(clock.now(), verdicts)
            word = plain.at(clock.now())
            fates = {(await choose(one, clock)).fate for one in routers}
            assert word == "half_open" or fates == {{"open": Fate.WAIT, "closed": Fate.GO}[word]}
            met.add(word)
    assert {"open", "closed"} <= met


async def test_definite_answers_never_open_a_breaker_and_old_failures_are_forgotten(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    async with two_processes(pool, clock) as (one, _):
        await report(one, Verdict.FAILED, 50)
        assert (await choose(one, clock)).channel == "cmb"
        clock.advance(minutes=10)
        await report(one, Verdict.UNKNOWN, 9)
        clock.advance(minutes=2)
        await report(one, Verdict.UNKNOWN, 9)
        assert (await choose(one, clock)).channel == "cmb"


async def test_a_channel_below_ninety_per_cent_lately_comes_after_the_others(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    async with two_processes(pool, clock) as (one, other):
        await report(one, Verdict.SUCCESS, 17)
        await report(one, Verdict.UNKNOWN, 2)
        assert (await choose(other, clock)).channel == "cmb", "nineteen say too little"
        await report(one, Verdict.UNKNOWN, 1)
        assert (await choose(other, clock)).channel == "genericbank"
        clock.advance(minutes=6)
        assert (await choose(other, clock)).channel == "cmb"


async def test_a_pay_in_and_a_payout_of_an_unknown_type_raise_the_alarm(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    labels = {"operation": "payout", "account_type": str(CLASS_2)}
    before = REGISTRY.get_sample_value("zhangfang_account_type_unknown_total", labels) or 0
    router = Router(pool, clock, ["unionpay", "cmb"])
    assert (await router.choose(ask(clock, CLASS_2))).fate is Fate.PARK
    assert (await router.choose(ask(clock, CLASS_2, Operation.COLLECTION))).fate is Fate.REFUSE
    unsupported = AccountType("personal", "I", "credit")
    assert (await router.choose(ask(clock, unsupported))).fate is Fate.REFUSE
    await router.close()
    rows = await pool.fetch(
        "SELECT operation, account_type, asked FROM account_type_unknown ORDER BY operation"
    )
    assert [tuple(row) for row in rows] == [("collection", str(CLASS_2), 1), ("payout", str(CLASS_2), 1)]
    assert REGISTRY.get_sample_value("zhangfang_account_type_unknown_total", labels) == before + 1


async def test_merchants_who_send_any_number_of_types_fill_neither_the_metric_nor_the_table(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    router = Router(pool, clock, BANKS)
    for n in range(100):
        await router.choose(ask(clock, AccountType("corporate", f"junk{n}", "corporate")))
    await router.close()
    row = await pool.fetchrow("SELECT count(*) AS rows, sum(asked) AS asked FROM account_type_unknown")
    assert (row["rows"], row["asked"]) == (65, 100)


async def test_what_was_reported_is_kept_while_the_database_is_away(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    router = Router(pool, clock, BANKS)
    await pool.execute("ALTER TABLE channel_minute RENAME TO away")
    router.report("cmb", Operation.PAYOUT, Verdict.SUCCESS)
    await router.flush()
    await pool.execute("ALTER TABLE away RENAME TO channel_minute")
    router.report("cmb", Operation.PAYOUT, Verdict.UNKNOWN)
    await router.close()
    rows = await pool.fetch("SELECT good, bad FROM channel_minute")
    assert [tuple(row) for row in rows] == [(1, 1)]


async def test_reports_reach_the_database_and_releases_reach_the_router_by_themselves(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    async with two_processes(pool, clock) as (one, other):
        assert (await other.choose(ask(clock, CLASS_2))).fate is Fate.PARK
        await bring_live(pool, clock, Kind.ACCOUNT_TYPES, await table(pool, extra=[ROW]))
        for _ in range(10):
            one.report("cmb", Operation.PAYOUT, Verdict.UNKNOWN)

        async def written() -> bool:
            return bool(await open_breakers(pool))

        async def seen() -> bool:
            return (await other.choose(ask(clock, CLASS_2))).fate is not Fate.PARK

        await eventually(written)
        await eventually(seen)
