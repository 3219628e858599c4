"""Freezes: what is there is frozen at once, the rest stands and takes what comes in; two people give it back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from tests.adjusting import carried, frozen, funded, proposed, thawed
from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.treasury import Cut, Treasury, cut_off, treasury
from zhangfang import adjustments, approvals
from zhangfang.adjustments import NoFreeze, Written
from zhangfang.approvals import PLATFORM, NotAnOperator
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.kernel.postgres import as_platform
from zhangfang.merchants import UnknownMerchant, get_merchant
from zhangfang.payments import Desk, NotAllowed, State


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def drive(house: Treasury) -> int:
    """Let the driver do what is due of freezes, a minute later."""
    house.clock.advance(minutes=1)
    job = adjustments.freeze_job(house.pool, house.desk.ledger, house.clock)
    return await run_due(house.pool, house.clock.now(), job)


async def test_part_of_a_balance_is_frozen_and_the_merchant_has_the_rest(house: Treasury) -> None:
    merchant = await funded(house, 10_000)
    one = await frozen(house, merchant, 4_000)
    assert (one.held, one.wanted) == (4_000, 0)
    assert await house.balances(2322, 2324) == (-6_000, -4_000)
    who = await get_merchant(house.pool, merchant)
    assert (await house.payout(who, 6_001)).state is State.REFUSED
    assert (await house.payout(who, 5_900)).state is State.SUCCESS  # with its fee of 1 yuan
    assert await house.balances(2322, 2324) == (0, -4_000)
    acts = [one.act for one in await approvals.acts(house.pool)]
    assert acts.count("freeze money") == 1


async def test_more_than_there_is_stands_takes_what_comes_in_and_is_paid_out_last(house: Treasury) -> None:
    merchant = await funded(house, 300)
    who = await get_merchant(house.pool, merchant)
    one = await frozen(house, merchant, 1_000)
    assert (one.held, one.wanted) == (300, 700)
    assert await drive(house) == 1
    await funded(house, 500, merchant)
    with pytest.raises(NotAllowed, match="a freeze waits for money"):
        await house.payout(who, 100)
    assert await drive(house) == 1
    assert (await adjustments.freeze_of(house.pool, one.id)).wanted == 200
    await funded(house, 500, merchant)
    await drive(house)
    one = await adjustments.freeze_of(house.pool, one.id)
    assert (one.held, one.wanted) == (1_000, 0)
    assert await drive(house) == 0
    assert await house.balances(2322, 2324) == (-300, -1_000)
    assert (await house.payout(who, 200)).state is State.SUCCESS
    assert [made.amount for made in await adjustments.vouchers(house.pool, one.id)] == [300, 500, 200]


async def test_a_thaw_gives_up_what_is_waited_for_first_and_then_gives_back(house: Treasury) -> None:
    merchant = await funded(house, 300)
    one = await frozen(house, merchant, 1_000)
    assert await thawed(house, one, 500) == "nothing was held of it"
    assert (await adjustments.freeze_of(house.pool, one.id)).wanted == 200
    assert await thawed(house, one, 400) == "posted: 2.00"
    assert await house.balances(2322, 2324) == (-200, -100)
    with pytest.raises(NoFreeze, match=r"up to 1\.00"):
        await thawed(house, one, 101)
    assert await thawed(house, one, None) == "posted: 1.00"
    over = await adjustments.freeze_of(house.pool, one.id)
    assert over.ended_at is not None
    assert (over.held, over.stands) == (0, 0)
    assert await house.balances(2322, 2324) == (-300, 0)
    assert await adjustments.freezes(house.pool) == []
    assert [each.id for each in await adjustments.freezes(house.pool, every=True)] == [one.id]
    with pytest.raises(NoFreeze):
        await thawed(house, one, None)


async def test_two_freezes_share_what_there_is_and_each_gives_back_its_own(house: Treasury) -> None:
    merchant = await funded(house, 1_000)
    first, second = await frozen(house, merchant, 800), await frozen(house, merchant, 500, kind="risk")
    assert (first.held, second.held) == (800, 200)
    assert await thawed(house, first, None) == "posted: 8.00"
    await drive(house)
    assert (await adjustments.freeze_of(house.pool, second.id)).held == 500
    assert await house.balances(2322, 2324) == (-500, -500)


async def test_a_freeze_that_is_cut_off_anywhere_takes_its_money_once(house: Treasury) -> None:
    merchant = await funded(house, 1_000)
    for steps in range(20):
        desk = cut_off(house.desk, steps)
        try:
            await adjustments.freeze(
                desk.pool, desk.ledger, desk.clock, merchant,
                kind="court", reference=f"{steps}", amount=10, reason="an order", expires_on=None, by=LIN,
            )  # fmt: skip
            break
        except Cut:
            await drive(house)
    assert steps > 5
    await asyncio.gather(*(drive(house) for _ in range(3)))
    stands = await adjustments.freezes(house.pool)
    assert all(one.held == 10 for one in stands)
    assert await house.balance(2324) == -10 * len(stands)


async def test_a_thaw_that_is_cut_off_anywhere_gives_back_once(house: Treasury) -> None:
    one = await frozen(house, await funded(house, 1_000), 1_000)
    id_ = await adjustments.propose_thaw(house.pool, house.clock, one.id, 600, "it was lifted", LIN)
    seen = (await approvals.get(house.pool, id_)).seen
    for steps in range(20):
        desk = cut_off(house.desk, steps)
        try:
            done = await adjustments.approve_thaw(
                desk.pool, desk.ledger, desk.clock, id_, seen, approvals.operator("wang")
            )
            break
        except Cut:
            continue
    assert steps > 3
    assert done == "posted: 6.00"
    assert await house.balances(2322, 2324) == (-600, -400)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kind": "whim"}, InvalidInput),
        ({"amount": 0}, InvalidInput),
        ({"reference": " "}, InvalidInput),
        ({"reason": "x"}, InvalidInput),
        ({"expires_on": date(2026, 9, 1)}, InvalidInput),
        ({"by": PLATFORM}, NotAnOperator),
    ],
)
async def test_what_is_wrong_with_a_freeze_is_named(
    house: Treasury, change: dict[str, Any], error: type[Exception]
) -> None:
    merchant = await funded(house, 1_000)
    asked: dict[str, Any] = {
        "kind": "court", "reference": "114", "amount": 100, "reason": "an order", "expires_on": None, "by": LIN,
    }  # fmt: skip
    with pytest.raises(error):
        await adjustments.freeze(house.pool, house.desk.ledger, house.clock, merchant, **asked | change)
    nobody = prefixed("mer", new_id(house.clock))
    with pytest.raises(UnknownMerchant):
        await adjustments.freeze(house.pool, house.desk.ledger, house.clock, nobody, **asked)
    assert await house.balance(2324) == 0


async def test_people_are_reminded_a_week_before_a_freeze_expires_and_it_stays(house: Treasury) -> None:
    day = date(2026, 9, 1)
    one = await frozen(house, await funded(house, 100), 100, expires_on=day + timedelta(days=8))
    assert not one.expires_soon(day)
    assert one.expires_soon(day + timedelta(days=1))
    house.clock.advance(days=30)
    assert (await adjustments.freeze_of(house.pool, one.id)).held == 100


async def test_frozen_money_is_moved_by_no_adjustment(house: Treasury) -> None:
    merchant = await funded(house, 100)
    with pytest.raises(InvalidInput, match="frozen money"):
        await proposed(house, f"2324/{merchant}", f"2322/{merchant}", 100)


async def test_the_platforms_role_may_do_all_of_it(house: Treasury, database_url: str) -> None:
    merchant = await funded(house, 300)
    async with asyncpg.create_pool(as_platform(database_url), min_size=1, max_size=2) as pool:
        desk = Desk(
            pool, house.desk.ledger, house.desk.channels, house.desk.vault, house.clock, house.desk.alias
        )
        as_it_works = Treasury(desk, house.acquirer, house.bank, house.clock)
        one = await frozen(as_it_works, merchant, 1_000)
        assert await drive(as_it_works) == 1
        assert await thawed(as_it_works, one, 800) == "posted: 1.00"
        assert await carried(
            as_it_works, await proposed(as_it_works, f"2322/{merchant}", "2361/platform", 100), WANG
        )
        said = Written("tax", "TX-7", due_on=date(2026, 9, 2), note="a list of payments")
        entry = await adjustments.propose_entry(pool, house.clock, said, LIN)
        ended = None
        for _ in range(2):
            id_ = ended or entry
            seen = (await approvals.get(pool, id_)).seen
            await adjustments.approve_entry(pool, desk.ledger, house.clock, id_, seen, WANG)
            ended = ended or await adjustments.propose_outcome(
                pool, house.clock, entry, "done", "answered", LIN
            )
        assert (await adjustments.entry_of(pool, entry)).outcome == "done"
