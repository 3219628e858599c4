"""What cannot be done on its date is done later, once: every task of the timetable is made to fail for all of it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import agree_account
from tests.treasury import DAY, NEXT, Bank, Treasury, at, listed, treasury
from zhangfang.channels.port import Answer, ChannelError, Notification, Operation, Verdict
from zhangfang.closing import timetable
from zhangfang.closing.day import Day
from zhangfang.closing.timetable import begin, job
from zhangfang.kernel.calendar import china_day, is_working_day
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.merchants import BankAccount
from zhangfang.payments import StepKind, weigh

THIRD = date(2026, 9, 3)
TIMES = ((9, 5), (9, 40), (10, 35), (11, 5), (11, 20), (11, 35), (23, 50))
TO = BankAccount("6222000000000026", "某公司")


@dataclass
class ReturningBank(Bank):
    """A bank that lists what came back; while it is `away` nobody reaches it."""

    away: bool = False
    back: dict[date, list[Notification]] = field(default_factory=dict)
    asked: list[tuple[date, date]] = field(default_factory=list)

    async def late_returns(self, first: date, last: date) -> Sequence[Notification]:
        if self.away:
            raise ChannelError("nobody answers")
        self.asked.append((first, last))
        return [one for day, several in self.back.items() if first <= day <= last for one in several]


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


def day_of(house: Treasury) -> Day:
    return Day(house.desk, (house.account,))


async def run(house: Treasury, day: Day) -> None:
    """Run what is due until nothing is. A step that failed unexpectedly keeps its lease for two seconds."""
    await house.pool.execute("UPDATE task SET lease_until = NULL")
    while await run_due(house.pool, house.clock.now(), job(day)):
        await house.quiet()


async def live(house: Treasury, day: Day, *dates: date) -> None:
    """Let the hours of days go by."""
    for one in dates:
        for hour, minute in TIMES:
            moment = at(one, hour, minute)
            if moment > house.clock.now():
                house.clock.set(moment)
                await run(house, day)


async def outcome(house: Treasury, day: Day) -> dict[str, Any]:
    """Return all that the two days have left behind, but for the time at which it was done."""
    entries = await house.pool.fetch(
        "SELECT kind, business_date, amount, count(*) FROM transfer GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    tasks = await house.pool.fetch("SELECT kind, key FROM task WHERE state = 'DONE' ORDER BY kind, key")
    statements = await house.pool.fetch("SELECT merchant, business_date, closing FROM statement ORDER BY 2")
    return {
        "entries": [tuple(row) for row in entries],
        "done": [tuple(row) for row in tasks if row["key"].rpartition("/")[2] in (str(DAY), str(NEXT))],
        "statements": [tuple(row)[1:] for row in statements],
        "versions": await house.pool.fetchval("SELECT count(*) FROM statement_version"),
        "payouts": await house.pool.fetchval("SELECT count(*) FROM intent WHERE kind = 'payout'"),
        "paid": await house.pool.fetchval("SELECT count(*) FROM settlement WHERE payout IS NOT NULL"),
        "cases": await house.pool.fetchval("SELECT count(*) FROM duplicate"),
    }


async def two_days(house: Treasury, day: Day) -> dict[str, Any]:
    """Collect a payment, and live until all of it should be over; its payout leaves by 3014 on the second day."""
    merchant = await house.merchant(external_ref="M1", auto_payout=True)
    await begin(day)
    paid = await house.paid(merchant, 10_000)
    house.acquirer.files |= {DAY: [listed(1, paid, fee=30)], NEXT: [], THIRD: []}
    house.on_bank(9970, text=f"unionpay settles {DAY}")
    await run(house, day)
    await live(house, day, DAY, NEXT, THIRD, THIRD + timedelta(days=1))
    return await outcome(house, day)


async def test_every_task_that_fails_all_day_is_done_on_a_later_one_exactly_once(
    house: Treasury, database_url: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = day_of(house)
    failed: set[str] = set()

    def failing(kind: str, work: Any, error: Exception) -> Any:
        async def fails(day: Day, key: str, ids: Any) -> Any:
            if china_day(day.desk.clock.now()) <= NEXT:
                failed.add(kind)
                raise error
            return await work(day, key, ids)

        return fails

    errors = (ZhangfangError("not today"), KeyError("nor does anybody expect it"))
    kinds = [kind for kind in timetable._WORK if kind not in ("plan", "upkeep", "returns", "bills")]
    made = {kind: failing(kind, timetable._WORK[kind], errors[n % 2]) for n, kind in enumerate(kinds)}
    monkeypatch.setattr(timetable, "_WORK", {**timetable._WORK, **made})
    late = await two_days(house, day)
    assert failed == set(kinds)
    assert {kind for kind, _ in late["done"]} == {
        "file", "settlement", "close", "roll", "certificate", "statements",
    }  # fmt: skip
    assert (late["payouts"], late["paid"], late["versions"]) == (1, 1, len(late["statements"]))
    assert await house.balances(2321, 2322, 3014) == (0, 0, -9840)


async def test_an_automatic_payout_that_could_not_be_asked_for_on_its_date_is_made_later_once(
    house: Treasury,
) -> None:
    day = day_of(house)
    merchant = await house.merchant(external_ref="M1", auto_payout=True, settlement_account=None)
    await begin(day)
    paid = await house.paid(merchant, 10_000)
    house.acquirer.files |= {DAY: [listed(1, paid, fee=30)], NEXT: []}
    house.on_bank(9970, text=f"unionpay settles {DAY}")
    house.acquirer.files[THIRD] = []
    await live(house, day, DAY, NEXT, THIRD)
    note = await house.pool.fetchval("SELECT note FROM task WHERE kind = 'payouts'")
    assert "no settlement account" in note
    await agree_account(house.desk, merchant.id, TO)
    await live(house, day, THIRD + timedelta(days=1))
    assert [order.amount for order in house.bank.sent] == [9840]
    assert await house.pool.fetchval("SELECT count(*) FROM intent WHERE kind = 'payout'") == 1


async def test_terms_of_a_later_day_do_not_pay_out_what_was_left_to_the_merchant(house: Treasury) -> None:
    merchant = await house.merchant(external_ref="M1")
    await house.arrived(merchant, 10_000)
    assert await house.settle() == []
    await house.pool.execute("UPDATE merchant SET auto_payout = true")
    assert await house.settle(THIRD) == []
    assert house.bank.sent == []


async def test_a_batch_that_the_fee_eats_up_is_left_to_the_merchant_and_not_looked_at_again(
    house: Treasury,
) -> None:
    await house.arrived(await house.merchant(external_ref="M1", auto_payout=True), 100)
    assert await house.settle() == []
    assert await house.pool.fetchval("SELECT pays_out FROM settlement") is False


async def test_what_a_bank_returned_while_it_could_not_be_asked_is_asked_for_later(house: Treasury) -> None:
    bank = ReturningBank()
    house.desk.channels = {**house.desk.channels, "cmb": bank}
    house.bank = bank
    day = day_of(house)
    merchant = await house.merchant()
    await house.arrived(merchant, 10_000)
    await house.settle()
    payout = await house.payout(merchant, 5_000)
    await begin(day)
    await run(house, day)
    asked_last = house.clock.now()
    bank.away = True
    back = Answer(Verdict.RETURNED, amount=5_000)
    bank.back = {NEXT: [Notification(payout.channel_order_no, Operation.PAYOUT, back)]}
    house.clock.set(at(NEXT + timedelta(days=20), 12))
    await run(house, day)
    assert (await house.now(payout)).returned_at is None
    bank.away, bank.asked = False, []
    house.clock.advance(hours=1)
    await run(house, day)
    assert (await house.now(payout)).returned_at is not None
    assert bank.asked[0][0] <= china_day(asked_last)
    bank.asked = []
    house.clock.advance(hours=2)
    await run(house, day)
    assert {first for first, _ in bank.asked} == {china_day(house.clock.now()) - timedelta(days=3)}


@pytest.mark.parametrize("finder_away", [True, False])
async def test_a_double_payment_decided_weeks_after_it_was_asked_for_is_found(
    house: Treasury, *, finder_away: bool
) -> None:
    """Its settlement date is as old as the payment, so that only the time of its decision is new."""
    day = day_of(house)
    merchant = await house.merchant()
    keep = await house.paid(merchant, 1_000)
    house.clock.advance(seconds=1)
    goes = await house.asked(merchant, 1_000, Operation.PURCHASE)
    await house.pool.execute("UPDATE intent SET order_no = $1", keep.order_no)
    await begin(day)
    await run(house, day)
    house.clock.set(at(DAY + timedelta(days=40), 12))
    if not finder_away:
        await run(house, day)
    await weigh(house.desk, goes, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=1_000, settle_date=DAY))
    house.clock.set(at(DAY + timedelta(days=60 if finder_away else 41), 12))
    await run(house, day)
    assert await house.pool.fetchval("SELECT intent FROM duplicate") == goes.id


async def test_days_before_the_driver_first_ran_are_planned_from_the_first_payment_that_is_still_open(
    house: Treasury,
) -> None:
    day = day_of(house)
    merchant = await house.merchant()

    async def planned() -> list[str]:
        await house.pool.execute("UPDATE task SET next_action_at = $1 WHERE kind = 'plan'", house.clock.now())
        await begin(day)
        await run(house, day)
        rows = await house.pool.fetch("SELECT key FROM task WHERE kind = 'close' ORDER BY key")
        return [row["key"] for row in rows]

    await house.paid(merchant, 1_000)
    house.clock.set(at(DAY + timedelta(days=4), 8))
    await house.pool.execute("UPDATE head SET closed_through = $1", NEXT)
    open_days = [str(DAY + timedelta(days=n)) for n in (2, 3, 4)]
    assert await planned() == open_days, "the first open date is the first to plan"
    await house.pool.execute("UPDATE head SET closed_through = NULL")
    assert await planned() == [str(DAY), str(NEXT), *open_days], "planned late, not never"


async def test_a_settlement_planned_for_a_day_that_a_decree_made_a_holiday_is_left_to_the_next_one(
    house: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = day_of(house)
    await house.arrived(await house.merchant(), 10_000)
    await begin(day)
    house.clock.set(at(NEXT, 9))
    await run(house, day)
    monkeypatch.setattr(
        "zhangfang.merchants.cycles.is_working_day", lambda one: one != NEXT and is_working_day(one)
    )
    await live(house, day, NEXT)
    assert await house.pool.fetchval("SELECT count(*) FROM settlement") == 0
    await live(house, day, THIRD)
    assert await house.pool.fetchval("SELECT run_date FROM settlement") == THIRD
