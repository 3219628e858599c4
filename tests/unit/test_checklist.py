"""Each item of the month-end sees what stands in the way, says since when, and leads to it."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, at, listed, stray, treasury
from zhangfang.closing import checklist, roll
from zhangfang.closing.checklist import Found, check_excepted, in_the_way, month_of
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id

MONTH = date(2026, 9, 30)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def found(house: Treasury, last: date = DAY) -> dict[str, Found]:
    return {one.item.name: one for one in await checklist.check(house.pool, last, house.clock.now())}


async def sealed(house: Treasury, day: date, *, ok: bool = True) -> None:
    await house.pool.execute("INSERT INTO audit_result VALUES ($1, $2, '{}')", at(day, 12), ok)


async def a_good_day(house: Treasury) -> None:
    """Let a date be over with everything that it needs."""
    await house.arrived(await house.merchant(), 10_000)
    await house.pool.execute(
        "INSERT INTO task (kind, key, done_at) VALUES ('file', $1, now())", f"unionpay/{DAY}"
    )
    await house.pool.execute(
        "INSERT INTO task (kind, key, done_at) VALUES ('statements', $1, now())", str(DAY)
    )
    row = "INSERT INTO certificate SELECT channel, settle_date, 1, 'ZM', '{}', sha256('{}'), digest, now() FROM channel_file"
    await house.pool.execute(row)
    house.clock.set(at(NEXT, 12))
    await roll.roll(house.pool, house.clock, DAY)
    await sealed(house, DAY)


SPOILT = {  # what is broken, and which items see it
    "DELETE FROM books_day": {"rolled"},
    "UPDATE intent SET state = 'UNKNOWN'": {"outcomes"},
    "UPDATE books_date SET debits_through = debits_through + 7 WHERE account ="
    " (SELECT id FROM account WHERE code = 3011 AND subject = 'unionpay')": {"even"},
    "UPDATE channel_file SET matched_at = NULL": {"files"},
    "UPDATE channel_file SET digest = 'corrected'": {"certificates"},
    "UPDATE task SET done_at = NULL WHERE kind = 'statements'": {"statements"},
    "UPDATE audit_result SET ok = false": {"seals"},
    "DELETE FROM audit_result": {"seals"},
}


async def test_a_day_that_has_everything_has_nothing_in_the_way(house: Treasury) -> None:
    await a_good_day(house)
    missing = {name for name, one in (await found(house)).items() if not one.good}
    assert missing == {"fees"}  # its day-end is not booked: no timetable runs here
    assert missing < checklist.ITEMS.keys()


@pytest.mark.parametrize("sql", SPOILT)
async def test_each_item_sees_what_is_in_the_way_and_no_other_does(house: Treasury, sql: str) -> None:
    await a_good_day(house)
    await house.pool.execute(sql)
    items = await found(house)
    assert {name for name, one in items.items() if not one.good} == SPOILT[sql] | {"fees"}
    for name in SPOILT[sql]:
        assert items[name].count == 1
        assert items[name].since in (DAY, None)


async def test_breaks_and_suspense_are_in_the_way_when_they_are_old(house: Treasury) -> None:
    await house.filed(DAY, [stray(1, 55)])
    house.on_bank(4200, text="who knows", day=DAY)
    await house.read()
    for days, names in ((6, set()), (8, {"breaks"}), (31, {"breaks", "suspense"})):
        house.clock.set(at(DAY + timedelta(days=days), 12))
        items = await found(house)
        assert {name for name in ("breaks", "suspense") if not items[name].good} == names
    assert items["suspense"].since == DAY
    assert items["cash"].good


async def test_a_payout_that_no_bank_line_shows_is_in_the_way_after_some_days(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 10_000)
    await house.settle()
    payout = await house.payout(merchant, 3000)
    house.clock.set(at(NEXT + timedelta(days=3), 12))
    assert (await found(house, NEXT))["transit"].good
    house.clock.set(at(NEXT + timedelta(days=4), 12))
    late = (await found(house, NEXT))["transit"]
    assert (late.count, late.since, late.which) == (1, NEXT, payout.channel_order_no)
    house.on_bank(-3000, reference=payout.channel_order_no, day=NEXT + timedelta(days=4))
    await house.read()
    assert (await found(house, NEXT))["transit"].good


async def test_cash_that_is_not_the_banks_is_in_the_way(house: Treasury) -> None:
    await house.arrived(await house.merchant(), 10_000)
    assert (await found(house, NEXT))["cash"].good
    await house.pool.execute("UPDATE bank_line SET balance = balance + 1")
    assert (await found(house, NEXT))["cash"].which == "reserve"


async def test_channel_fees_that_nobody_earned_leave_the_reserve_short(house: Treasury) -> None:
    paid = await house.paid(await house.merchant(), 10_000)
    await house.filed(DAY, [listed(1, paid, fee=90)])
    await house.settled(DAY)
    short = (await found(house, NEXT))["reserve"]
    assert (short.count, short.which) == (1, "90")


async def test_what_is_proposed_and_not_decided_is_in_the_way_of_its_month(house: Treasury) -> None:
    sql = "INSERT INTO proposal VALUES ($1, $2, 't', '{}', sha256('{}'), 'lin', $3, 'x')"
    for kind in ("cure", "close", "reopen"):
        await house.pool.execute(sql, new_id(house.clock), kind, at(DAY, 23, 59))
    assert (await found(house))["proposals"].count == 1
    assert (await found(house, DAY - timedelta(days=1)))["proposals"].good


async def test_a_month_begins_after_what_is_closed_and_with_the_platform(house: Treasury) -> None:
    span = "INSERT INTO books_day SELECT 0, d, 1, now() FROM generate_series($1::date, $2::date, '1 day') d"
    await house.pool.execute(span, date(2026, 7, 20), date(2026, 9, 30))
    for closed, last, first in (
        (None, date(2026, 9, 30), date(2026, 7, 20)), (date(2026, 8, 31), MONTH, date(2026, 9, 1)),
        (date(2026, 7, 31), MONTH, date(2026, 8, 1)), (MONTH, MONTH, date(2026, 9, 1)),
    ):  # fmt: skip
        await house.pool.execute("UPDATE head SET closed_through = $1", closed)
        assert await house.pool.fetchval(checklist.queries.span, last) == first


async def test_a_whole_month_needs_its_bills_and_its_vat(house: Treasury) -> None:
    await house.pool.execute("INSERT INTO task (kind, key) VALUES ('bills', '2026-09')")
    early, late = await found(house, MONTH - timedelta(days=1)), await found(house, MONTH)
    assert (early["vat"].count, late["vat"].count, late["vat"].which) == (0, 1, "2026-09")
    assert late["bills"].since == date(2026, 9, 1)
    await house.pool.execute("UPDATE task SET done_at = now() WHERE kind = 'bills'")
    columns = "month, voucher, income, rate_ppm, tax, stored_at, posted_at"
    row = f"INSERT INTO fee_vat ({columns}) VALUES ($1, $2, 0, 0, 0, $3, $3)"
    await house.pool.execute(row, date(2026, 9, 1), new_id(house.clock), house.clock.now())
    after = await found(house, MONTH)
    assert after["bills"].good
    assert after["vat"].good


def test_only_soft_items_that_are_not_so_can_be_excepted() -> None:
    def one(name: str, count: int) -> Found:
        return Found(checklist.ITEMS[name], count, None, None, "/")

    items = [one("rolled", 1), one("cash", 0), one("seals", 2)]
    check_excepted(items, ["seals"])
    for wrong in ("rolled", "cash", "nothing"):
        with pytest.raises(InvalidInput, match="allowed: seals"):
            check_excepted(items, [wrong])
    assert [x.item.name for x in in_the_way(items, ["seals"])] == ["rolled"]


@pytest.mark.parametrize("text", ["2026-5", "2026-13", "2026-00", "26-05", "2026-05-01", "２０２６-05", ""])
def test_a_month_is_a_year_and_two_digits(text: str) -> None:
    with pytest.raises(InvalidInput, match="YYYY-MM"):
        month_of(text)


def test_a_month_ends_on_its_last_day() -> None:
    assert month_of("2028-02") == (date(2028, 2, 1), date(2028, 2, 29))
