"""The reserve: what lies at the bank beside what customers own; a top-up that two announce and the bank's line brings."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.treasury import DAY, NEXT, Cut, Treasury, cut_off, listed, treasury
from zhangfang import adjustments, approvals
from zhangfang.adjustments import NoEntry, Written
from zhangfang.kernel.errors import InvalidInput
from zhangfang.reconciliation import read


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def short(house: Treasury, fee: int = 300) -> None:
    """Collect 100.00 yuan of which the channel keeps `fee` fen, which own funds owe the reserve then."""
    paid = await house.paid(await house.merchant(), 10_000)
    await house.filed(DAY, [listed(1, paid, fee=fee)])
    await house.settled(DAY)


async def announced(house: Treasury, fen: int) -> UUID:
    """Let two people register a top-up."""
    said = Written("top_up", f"TU-{fen}", amount=fen, due_on=NEXT, note="own funds bring what they owe")
    id_ = await adjustments.propose_entry(house.pool, house.clock, said, LIN)
    seen = (await approvals.get(house.pool, id_)).seen
    await adjustments.approve_entry(house.pool, house.desk.ledger, house.clock, id_, seen, WANG)
    return id_


async def test_the_reserve_of_a_date_is_what_customers_own_and_says_what_is_short(house: Treasury) -> None:
    await short(house)
    first, second = [await adjustments.reserve_of(house.pool, day) for day in (DAY, NEXT)]
    assert (first.even, second.even) == (True, True)
    assert first.fen == {2321: 9_940, 2361: 60, 3012: 10_000}
    assert second.fen == {1003: 9_700, 1241: 300, 2321: 9_940, 2361: 60}
    assert (second.short, second.gap) == (240, 0)
    assert [(one.account, one.books, one.bank) for one in second.cash] == [("reserve", 9_700, 9_700)]
    assert first.short == 0


async def test_a_bank_that_has_another_balance_is_seen(house: Treasury) -> None:
    await short(house)
    await house.pool.execute("UPDATE bank_line SET balance = balance - 1")
    seen = await adjustments.reserve_of(house.pool, NEXT)
    assert (seen.gap, seen.cash[0].gap) == (1, -1)


async def test_a_top_up_is_matched_to_the_banks_line_and_nothing_else_is(house: Treasury) -> None:
    await short(house)
    entry = await announced(house, 240)
    house.on_bank(239, text="from somewhere")
    house.on_bank(240, text="from our own bank")
    house.on_bank(240, text="the same once more")
    await house.read()
    templates = [
        row["template"]
        for row in await house.pool.fetch("SELECT template FROM bank_line ORDER BY sequence::int")
    ]
    assert templates == ["S5", "X1", "D3.reserve", "X1"]
    done = await adjustments.entry_of(house.pool, entry)
    assert (done.outcome, done.closed_by) == ("arrived", "line 3 of reserve")
    assert await house.balances(1241, 2242, 1225) == (60, -60, -240)
    assert (await adjustments.reserve_of(house.pool, NEXT)).short == 0
    with pytest.raises(NoEntry, match="is closed: arrived"):
        await adjustments.propose_outcome(house.pool, house.clock, entry, "cancelled", "too late", LIN)


async def test_a_line_that_is_cut_off_anywhere_brings_the_top_up_once(house: Treasury) -> None:
    await short(house)
    await announced(house, 100)
    house.on_bank(100, text="from our own bank")
    for steps in range(30):
        try:
            await read(cut_off(house.desk, steps), house.account)
            break
        except Cut:
            continue
    assert steps > 3
    assert await house.balances(1003, 1241) == (9_800, 200)
    assert await house.pool.fetchval("SELECT count(*) FROM break") == 0


async def test_no_more_is_announced_than_own_funds_owe_and_one_can_be_cancelled(house: Treasury) -> None:
    await short(house)
    with pytest.raises(InvalidInput, match="up to 300 fen"):
        await announced(house, 301)
    entry = await announced(house, 300)
    id_ = await adjustments.propose_outcome(house.pool, house.clock, entry, "cancelled", "fees cover it", LIN)
    seen = (await approvals.get(house.pool, id_)).seen
    args = house.pool, house.desk.ledger, house.clock, id_, seen, WANG
    assert await adjustments.approve_entry(*args) == "cancelled"
    house.on_bank(300, text="from our own bank", day=NEXT + timedelta(days=1))
    await house.read()
    assert await house.balance(2352) == -300
