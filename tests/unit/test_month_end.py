"""A month of days closes by its own checklist; after that nothing gets a date in it, by any way; and it can be shown."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.adjusting import carried, proposed
from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import Treasury, at, listed, treasury
from zhangfang.channels.port import Answer, Verdict
from zhangfang.closing import checklist, period
from zhangfang.closing.checklist import in_the_way
from zhangfang.closing.day import Day
from zhangfang.closing.period import NotClosable
from zhangfang.closing.timetable import begin, job
from zhangfang.fees import separate_vat
from zhangfang.inspection import export, key_of, verify
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Result, adjustment, voucher
from zhangfang.payments import Intent, State, StepKind, book, weigh

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)
MONTH = [FIRST + timedelta(days=n) for n in range(30)]


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def play(house: Treasury, day: Day) -> None:
    """Play a payment a day, its file and its money; the timetable does the rest, and the auditor looks each day."""
    merchant = await house.merchant(auto_payout=False)
    await begin(day)
    for one in MONTH:
        house.clock.set(at(one, 10, 5))
        paid = await house.paid(merchant, 10_000 + one.day, one)
        house.acquirer.files[one] = [listed(1, paid, fee=20)]
        house.on_bank(paid.amount - 20, text=f"unionpay settles {one}", day=one + timedelta(days=1))
        await house.pool.execute("INSERT INTO audit_result VALUES ($1, true, '{}')", house.clock.now())
        for hour, minute in ((11, 12), (11, 50)):
            house.clock.set(at(one + timedelta(days=1), hour, minute))
            while await run_due(house.pool, house.clock.now(), job(day)):
                await house.quiet()


async def obstacles(house: Treasury) -> set[str]:
    found = await checklist.check(house.pool, LAST, house.clock.now())
    return {one.item.name for one in in_the_way(found)}


async def counts(house: Treasury) -> tuple[int, int]:
    """Return how many entries the month has, and how many the later dates have."""
    sql = "SELECT count(*) FILTER (WHERE business_date <= $1), count(*) FILTER (WHERE business_date > $1) FROM transfer"
    return tuple(await house.pool.fetchrow(sql, LAST))


async def late(house: Treasury) -> Intent:
    """Store a payment that was asked for in the last second of the month; it belongs to the next date, 23:00 being past."""
    today = house.clock.now()
    house.clock.set(datetime(2026, 9, 30, 23, 59, 59, tzinfo=CHINA))
    intent = await house.asked(await house.merchant(), 777)
    house.clock.set(today)
    return intent


async def test_a_month_closes_and_takes_no_posting_any_more(house: Treasury, tmp_path: Path) -> None:
    pool, ledger, clock = house.pool, house.desk.ledger, house.clock
    await play(house, Day(house.desk, (house.account,)))
    assert await pool.fetchval("SELECT count(*) FROM certificate WHERE version = 1") == len(MONTH)
    assert await obstacles(house) == {"vat"}
    with pytest.raises(NotClosable, match="vat: The month's VAT is taken out of income"):
        await period.propose_closing(pool, clock, LAST, LIN)
    await separate_vat(pool, ledger, clock, book, FIRST)
    made = await period.propose_closing(pool, clock, LAST, LIN)
    intent = await late(house)
    assert await period.approve_closing(pool, ledger, clock, *await seen(pool, made), WANG) == "created"
    before = await counts(house)

    late_line = voucher(
        "P4", new_id(clock), subjects={3011: "unionpay", 2351: "unionpay"}, amounts={"G": 5}, business_date=LAST
    )  # fmt: skip
    by_hand = adjustment(
        new_id(clock), debit=(3012, "unionpay"), credit=(2351, "unionpay"), amount=5, business_date=FIRST,
        memo=new_id(clock),
    )  # fmt: skip
    for transfers in (late_line, by_hand):  # to the ledger itself, by whatever program
        assert {one.result for one in await ledger.create_transfers(transfers)} == {Result.PERIOD_CLOSED}
    await weigh(house.desk, intent, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=777, settle_date=LAST))
    assert (await house.now(intent)).state is State.SUCCESS
    adjusted = await proposed(house, "3012/unionpay", "2351/unionpay", 5)
    assert await carried(house, adjusted, WANG) == "posted"
    after = await counts(house)
    assert (after[0], after[1] > before[1]) == (before[0], True)

    await export(pool, key_of(tmp_path), FIRST, LAST, tmp_path / "package", lambda *_: None)
    assert verify.check(str(tmp_path / "package")) == []
