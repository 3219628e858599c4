"""Money between two shards: whatever is lost, late or ended in between, nothing is lost, doubled or invented."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.crossing_world import CLOCK, DAY, FUNDS, MERCHANT, TODAY, TRANSIT, Fate, World, check, parts
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    Account,
    AccountFlag,
    Book,
    LedgerClient,
    LedgerUnavailable,
    Result,
    Transfer,
    crossings,
)
from zhangfang.ledger.crossing import Crossing, Outcome, arrival, hold, resolution
from zhangfang.ledger.crossing import Fate as Verdict
from zhangfang.ledger.crossings import Crossed, cross, finish_open_crossings, finish_regularly, open_crossings

FLAGS = [AccountFlag.NONE] * 3 + [AccountFlag.FROZEN, AccountFlag.CLOSED]
OPEN_DAY = DAY.replace(month=8)
CLOSED_THROUGH = [OPEN_DAY] * 3 + [DAY, TODAY]
ACTS = ["go on"] * 16 + ["cross", "cross again"] * 4 + ["finish", "late", "period"] * 2 + ["kill", "flags"]
# What happens, to which of those there are, on which shard, after how many messages that arrive, and what becomes of
# the one after them.
ACT = st.tuples(
    st.sampled_from(ACTS),
    st.integers(0, 99),
    st.integers(0, 1),
    st.integers(0, 7),
    st.sampled_from([Fate.ARRIVES] * 4 + [Fate.LOST, Fate.LATE]),
)


async def crossed(world: World, one: Crossing) -> list[tuple[Crossing, Crossed]]:
    return [(one, await cross(world.clients, one, CLOCK))]


async def finish(world: World, shard: int) -> list[tuple[Crossing, Crossed]]:
    return await finish_open_crossings(world.clients, shard, TODAY, CLOCK)


async def go_on(world: World, number: int, hops: int, fate: Fate) -> None:
    """Let a message arrive, then some of those that follow from it, and the next one meet its fate."""
    for n, one in enumerate([Fate.ARRIVES] * hops + [fate]):
        if world.waiting:
            await world.step(-1 if n else number, one)  # the newest is the one that followed


async def act(world: World, what: str, number: int, shard: int, hops: int, fate: Fate) -> None:
    match what:
        case "go on" if world.waiting:
            await go_on(world, number, hops, fate)
        case "cross" if len(world.crossings) < 10:
            world.run(partial(crossed, world, world.crossing(shard, number // 5 + 1)))
        case "cross again" if world.crossings:
            world.run(partial(crossed, world, world.crossings[number % len(world.crossings)]))
        case "finish":
            world.run(partial(finish, world, shard))
        case "kill" if world.processes:
            await world.kill(number)
        case "late" if world.late:
            await world.late.pop(number % len(world.late))()
        case "flags":
            await world.set_flags(shard, FLAGS[number % len(FLAGS)])
        case "period":
            await world.close(shard, CLOSED_THROUGH[number % len(CLOSED_THROUGH)])
    await world.settle()


async def calm_down(world: World) -> None:
    """End every process, lose nothing any more, allow everything again."""
    while world.processes:
        await world.kill(0)
    world.faultless = True
    for shard in (0, 1):
        await world.set_flags(shard, AccountFlag.NONE)
        await world.close(shard, OPEN_DAY)


async def finish_all(world: World) -> None:
    """Finish what is open, assert that nothing is afterwards, and that the transit accounts say so."""
    for shard in (0, 1):
        world.told += await finish(world, shard)
    await check(world)
    assert not [one for shard in (0, 1) for one in await open_crossings(world.clients, shard)]
    through = [await world.engines[shard].account_balances([TRANSIT[shard].id]) for shard in (0, 1)]
    balances = [balance for found in through for balance in found.values()]
    assert sum(one.debits - one.credits for one in balances) == 0
    assert not any(one.debits_pending or one.credits_pending for one in balances)


@settings(max_examples=60)
@given(st.lists(ACT, min_size=80, max_size=120))
def test_whatever_is_lost_late_or_killed_every_crossing_ends_and_no_money_is_lost_doubled_or_invented(
    acts: list[tuple[str, int, int, int, Fate]],
) -> None:
    async def play() -> None:
        world = World()
        await world.open()
        for one in acts:
            await act(world, *one)
            await check(world)
        await calm_down(world)
        await finish_all(world)
        while world.late:  # what was sent long ago and comes only now
            await world.late.pop()()
            await check(world)
        await finish_all(world)

    asyncio.run(play())


@pytest.fixture
async def world() -> World:
    """Return two shards between which nothing is lost."""
    world = World()
    world.faultless = True
    await world.open()
    return world


async def holds_and_ends(world: World, one: Crossing) -> tuple[int, int, int]:
    books = {shard: list((await world.entries(shard)).values()) for shard in (0, 1)}
    holds, ends, arrivals = parts(one, books)
    return len(holds), len(ends), len(arrivals)


async def test_money_crosses_and_asked_again_crosses_no_further(world: World) -> None:
    one = world.crossing(0, 30)
    for _ in range(3):
        outcome, because = await cross(world.clients, one, CLOCK)
        assert outcome is Outcome.ARRIVED
    assert because is Result.EXISTS
    assert await holds_and_ends(world, one) == (1, 1, 1)
    await finish_all(world)


async def test_a_refusal_there_gives_the_money_back_for_good(world: World) -> None:
    one = world.crossing(0, 30)
    await world.set_flags(1, AccountFlag.CLOSED)
    assert await cross(world.clients, one, CLOCK) == (Outcome.REFUSED, Result.ACCOUNT_CLOSED)
    await world.set_flags(1, AccountFlag.NONE)
    assert await cross(world.clients, one, CLOCK) == (Outcome.REFUSED, Result.ACCOUNT_CLOSED)
    assert await holds_and_ends(world, one) == (1, 1, 0)


async def test_more_than_there_is_is_refused_here_and_nothing_is_asked_there(world: World) -> None:
    one = world.crossing(0, FUNDS + 1)
    assert await cross(world.clients, one, CLOCK) == (Outcome.REFUSED, Result.EXCEEDS_CREDITS)
    assert await holds_and_ends(world, one) == (0, 0, 0)


async def test_a_refusal_of_form_there_leaves_the_crossing_open_and_a_later_day_finishes_it(
    world: World,
) -> None:
    one = world.crossing(0, 30)
    await world.close(1, DAY)
    assert await cross(world.clients, one, CLOCK) == (Outcome.OPEN, Result.PERIOD_CLOSED)
    assert await holds_and_ends(world, one) == (1, 0, 0)
    [(same, crossed_)] = await finish(world, 0)
    assert (same, crossed_.outcome) == (one, Outcome.ARRIVED)
    [entry] = (await world.engines[1].lookup_transfers([arrival(one, DAY).id])).values()
    assert entry.transfer.business_date == TODAY
    assert await cross(world.clients, one, CLOCK) == (Outcome.ARRIVED, Result.EXISTS_DIFFERENT)


async def test_a_hold_on_a_frozen_account_waits_and_is_posted_once_it_is_free(world: World) -> None:
    one = world.crossing(0, 30)
    await world.engines[0].create_transfers([hold(one)])
    await world.engines[1].create_transfers([arrival(one, DAY)])
    await world.set_flags(0, AccountFlag.FROZEN)
    for _ in range(2):
        assert await cross(world.clients, one, CLOCK) == (Outcome.OPEN, Result.ACCOUNT_FROZEN)
        assert await finish(world, 0) == [(one, (Outcome.OPEN, Result.ACCOUNT_FROZEN))]
    await world.set_flags(0, AccountFlag.NONE)
    assert await finish(world, 0) == [(one, (Outcome.ARRIVED, Result.EXISTS))]


async def test_an_id_that_something_else_has_taken_there_gives_the_money_back(world: World) -> None:
    one = world.crossing(0, 30)
    [bank, merchant] = [arrival(one, DAY).debit, MERCHANT[1].id]
    thief = Transfer(numbered(one.id, 2), bank, merchant, 1, Book.CUSTOMERS, 7, one.id, DAY)
    await world.engines[1].create_transfers([thief])
    assert await cross(world.clients, one, CLOCK) == (Outcome.REFUSED, Result.EXISTS_DIFFERENT)


async def test_a_hold_that_somebody_else_voided_after_the_arrival_is_called_broken(world: World) -> None:
    one = world.crossing(0, 30)
    held = hold(one)
    await world.engines[0].create_transfers([held])
    await world.engines[1].create_transfers([arrival(one, DAY)])
    void = resolution(one, Verdict.NEVER, new_id(CLOCK), DAY)
    await world.engines[0].create_transfers([void])
    assert await cross(world.clients, one, CLOCK) == (Outcome.BROKEN, Result.PENDING_ALREADY_VOIDED)


async def test_nothing_is_asked_for_an_account_that_does_not_exist_there(world: World) -> None:
    nobody = Account(Book.CUSTOMERS, 2322, "nobody", shard=1)
    one = Crossing.between(new_id(CLOCK), MERCHANT[0], nobody, 30, DAY)
    with pytest.raises(InvalidInput, match="no account"):
        await cross(world.clients, one, CLOCK)
    assert await holds_and_ends(world, one) == (0, 0, 0)


async def test_a_crossing_joins_two_shards_of_one_book_and_has_a_vouchers_id() -> None:
    own = Account(Book.OWN, 1002, "bank", shard=1)
    for id_, credit in (
        (new_id(CLOCK), MERCHANT[0]),
        (new_id(CLOCK), own),
        (numbered(new_id(CLOCK), 1), MERCHANT[1]),
    ):
        with pytest.raises(InvalidInput):
            Crossing.between(id_, MERCHANT[0], credit, 1, DAY)


async def test_open_crossings_are_found_however_far_back_they_lie(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossings, "PAGE", 2)
    old = [world.crossing(0, 1) for _ in range(3)]
    await world.engines[0].create_transfers([hold(one) for one in old])
    for _ in range(20):
        await cross(world.clients, world.crossing(0, 1), CLOCK)
        await cross(world.clients, world.crossing(1, 1), CLOCK)
    newest = world.crossing(0, 1)
    await world.engines[0].create_transfers([hold(newest)])
    assert {one.id for one in await open_crossings(world.clients, 0)} == {one.id for one in (*old, newest)}
    assert await open_crossings(world.clients, 1) == []


async def test_a_pending_on_a_transit_account_that_is_no_crossing_is_left_alone(world: World) -> None:
    id_ = new_id(CLOCK)
    other = hold(world.crossing(0, 5))
    strange = Transfer(
        id_, other.debit, other.credit, 5, Book.CUSTOMERS, 7, id_, DAY, flags=other.flags, memo=other.memo
    )
    await world.engines[0].create_transfers([strange])
    assert await finish(world, 0) == []


class Away:
    """A client of a shard that does not answer."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def silent(*_: object) -> None:
            raise LedgerUnavailable("no answer")

        return silent


async def test_finishing_regularly_goes_on_when_a_shard_comes_back(world: World) -> None:
    ready, late = world.crossing(0, 5), world.crossing(1, 5)
    for one in (ready, late):
        await world.engines[one.here].create_transfers([hold(one)])
    clients = world.clients | {1: cast(LedgerClient, Away())}
    finishing = asyncio.create_task(finish_regularly(clients, CLOCK, 0))
    await world.settle()
    assert [await holds_and_ends(world, one) for one in (ready, late)] == [(1, 0, 0), (1, 0, 0)]
    clients[1] = world.clients[1]
    for _ in range(20):
        await world.settle()
    finishing.cancel()
    assert [await holds_and_ends(world, one) for one in (ready, late)] == [(1, 1, 1), (1, 1, 1)]
