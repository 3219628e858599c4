"""Cycles by merchant and product, least amounts, rolling reserves and carried batches, with the real ledger."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import agree_cycle, agree_terms
from tests.treasury import DAY, NEXT, Treasury, at, listed, treasury
from zhangfang.channels.port import Operation
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import Merchant, ProductCycle, Terms, get_merchant

BEFORE = DAY - timedelta(days=3)
FRIDAY, SATURDAY, MONDAY = date(2026, 9, 4), date(2026, 9, 5), date(2026, 9, 7)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def merchant_with(house: Treasury, **terms: Any) -> Merchant:
    """Create a merchant whose terms of DAY are these; unless told, T+1, not paid out, fees given back."""
    merchant = await house.merchant()
    house.clock.set(at(BEFORE, 9))
    new = replace(Terms(DAY, 1, auto_payout=False, keep_fee_on_refund=False), **terms)
    await agree_terms(house, merchant.id, new)
    house.clock.set(at(DAY, 9))
    return await get_merchant(house.pool, merchant.id)


async def batches(house: Treasury) -> list[dict[str, int]]:
    """Return the money of each batch, oldest first, without what is zero."""
    rows = await house.pool.fetch("SELECT * FROM settlement ORDER BY run_date, number, id")
    names = ("amount", "reserved", "released", "absorbed", "recovered", "carried", "owed")
    return [{name: row[name] for name in names if row[name]} for row in rows]


async def test_a_weekly_merchant_is_settled_on_its_day_and_a_product_on_its_own(house: Treasury) -> None:
    merchant = await merchant_with(house, cycle="W1")
    house.clock.set(at(BEFORE, 9))
    await agree_cycle(house, merchant.id, ProductCycle("cashier", DAY, "T+2"))
    house.clock.set(at(DAY, 9))
    debited = await house.paid(merchant, 1000)
    bought = await house.paid(merchant, 2000, kind=Operation.PURCHASE)
    await house.pool.execute("UPDATE intent SET product = 'cashier' WHERE id = $1", bought.id)
    await house.filed(DAY, [listed(1, debited), listed(2, bought)])
    await house.settled(DAY)
    seen = {}
    for n in range(8):
        run = DAY + timedelta(days=n)
        assert await house.settle(run) == []
        seen[run] = -await house.balance(2322)
    assert seen[NEXT] == 0
    assert seen[DAY + timedelta(days=2)] == seen[SATURDAY] == 1988
    assert seen[MONDAY] == 1988 + 994


async def test_d_plus_0_is_settled_on_a_saturday_and_nothing_else_is(house: Treasury) -> None:
    at_once, usual = await merchant_with(house, cycle="D+0"), await house.merchant()
    house.clock.set(at(FRIDAY, 9))
    one, other = [await house.paid(who, 1000, DAY + timedelta(days=2)) for who in (at_once, usual)]
    await house.filed(DAY + timedelta(days=2), [listed(1, one), listed(2, other)])
    await house.settled(DAY + timedelta(days=2))
    assert await house.settle(SATURDAY) == []
    assert (await house.balance(2322, at_once.id), await house.balance(2322, usual.id)) == (-994, 0)
    await house.settle(MONDAY)
    assert await house.balance(2322, usual.id) == -994


async def test_less_than_the_least_amount_waits_and_is_not_lost(house: Treasury) -> None:
    merchant = await merchant_with(house, least_fen=2000)
    await house.arrived(merchant, 1000)
    assert await house.settle() == [], "it waits for no file: the run is done"
    assert await batches(house) == []
    house.clock.set(at(NEXT, 9))
    await house.arrived(merchant, 1500, day=NEXT)
    await house.settle(date(2026, 9, 3))
    assert await batches(house) == [{"amount": 994 + 1491}]
    assert await house.balance(2321) == 0


async def test_a_reserve_is_held_and_released_on_its_date_to_the_fen(house: Treasury) -> None:
    merchant = await merchant_with(house, reserve_ppm=333_333, reserve_days=6)
    await house.arrived(merchant, 1000)
    await house.settle()
    assert await batches(house) == [{"amount": 663, "reserved": 331}]
    assert await house.balances(2321, 2322, 2323) == (0, -663, -331)
    release_on = await house.pool.fetchval("SELECT release_on FROM settlement")
    assert release_on == NEXT + timedelta(days=6)
    await house.settle(release_on - timedelta(days=1))
    assert len(await batches(house)) == 1
    await house.settle(release_on)
    assert (await batches(house))[1] == {"amount": 331, "released": 331}
    assert await house.balances(2321, 2322, 2323) == (0, -994, 0)
    await house.settle(release_on + timedelta(days=1))
    assert len(await batches(house)) == 2, "released once"


async def test_what_is_carried_is_set_off_by_later_batches_the_oldest_first(house: Treasury) -> None:
    merchant = await merchant_with(house, keep_fee_on_refund=True)
    days = [date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3), date(2026, 9, 4)]
    await house.paid(merchant, 2000)  # in no file: it stays pending, and lends what the others lack
    for day, amount, refunded in zip(days, (1000, 2000, 1005, 1000), (1000, 2000, 993, 0), strict=True):
        house.clock.set(at(day, 9))
        (paid,) = await house.arrived(merchant, amount, day=day)
        if refunded:
            await house.undo(merchant, paid, refunded)
    for day in (*days[1:], MONDAY):
        await house.settle(day)
    assert await batches(house) == [
        {"carried": 6},
        {"carried": 12},
        {},  # 6 of lines, which the first one takes
        {"amount": 994 - 12},
    ]
    offs = await house.pool.fetch(
        "SELECT o.amount FROM settlement_set_off o JOIN settlement s ON s.id = o.by ORDER BY s.run_date"
    )
    assert [row["amount"] for row in offs] == [6, 12]


@pytest.mark.parametrize(
    "bad",
    [
        {"cycle": "T+31"},
        {"least_fen": -1},
        {"reserve_ppm": 1_000_001},
        {"reserve_ppm": 1, "reserve_days": 0},
        {"reserve_days": 731},
        {"when_short": "maybe"},
    ],
)
async def test_terms_that_cannot_be_are_refused_by_name(house: Treasury, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=list(bad)[-1]):
        await merchant_with(house, **bad)


async def test_a_cycle_of_a_product_that_there_is_not_is_refused(house: Treasury) -> None:
    merchant = await house.merchant()
    for one in (
        ProductCycle("terminal", NEXT, "T+1"),
        ProductCycle("cashier", NEXT, "X"),
        ProductCycle("cashier", DAY, ""),
    ):
        house.clock.set(at(DAY, 9))
        with pytest.raises(InvalidInput):
            await agree_cycle(house, merchant.id, one)
