"""A period is closed by the ledger itself, opened again by two people, and costs no business flow its money."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, ZHAO, close_through, seen
from tests.treasury import ACCOUNT, DAY, NEXT, Cut, Treasury, at, cut_off, listed, treasury
from zhangfang.approvals import PLATFORM, NotAnOperator, SecondPerson, operator
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.closing import period, roll, trial
from zhangfang.closing.period import NotClosable
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Answered, LedgerUnavailable, Result, voucher
from zhangfang.payments import Intent, Request, State, StepKind, weigh
from zhangfang.payments.accept.requests import draft
from zhangfang.payments.course.posting import dated, first_open, release
from zhangfang.payments.course.steps import prepare
from zhangfang.settlement import settle

THIRD = NEXT + timedelta(days=1)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def rolled(house: Treasury, day: date) -> None:
    house.clock.set(at(day + timedelta(days=1), 12))
    await roll.roll(house.pool, house.clock, day)


async def closed(house: Treasury, day: date) -> period.Asked:
    """Roll and close a business date, whatever else there is."""
    await rolled(house, day)
    id_ = await close_through(house, day)
    return next(one for one in await period.requests(house.pool) if one.id == id_)


async def standing(house: Treasury) -> roll.Standing:
    return await roll.standing(house.pool, house.clock.now())


async def dates(house: Treasury, voucher_id: UUID) -> set[date]:
    rows = await house.pool.fetch("SELECT business_date FROM ledger_voucher($1)", voucher_id)
    return {row["business_date"] for row in rows}


class Losing:
    """A ledger whose answer to a close is lost, before it happens or after."""

    def __init__(self, house: Treasury, *, happens: bool) -> None:
        self.ledger, self.happens = house.desk.ledger, happens

    async def close_period(self, through: date, **how: Any) -> Answered:
        if self.happens:
            await self.ledger.close_period(through, **how)
        raise LedgerUnavailable("no answer")


# --- closing ----------------------------------------------------------------------------------------------------


async def test_a_date_that_is_not_over_is_not_rolled(house: Treasury) -> None:
    with pytest.raises(roll.NotOver, match="not over yet"):
        await roll.roll(house.pool, house.clock, DAY)
    house.clock.set(at(DAY, 23, 59))
    with pytest.raises(roll.NotOver, match="not over yet"):
        await roll.roll(house.pool, house.clock, DAY)
    assert (await standing(house)).rolled_through is None
    await rolled(house, DAY)
    await rolled(house, DAY)
    assert (await standing(house)).rolled_through == DAY
    assert (await standing(house)).business_date == NEXT


async def test_a_date_whose_day_end_waits_is_not_rolled(house: Treasury) -> None:
    await house.pool.execute(
        "INSERT INTO task (kind, key, note) VALUES ('close', $1, 'the file is not there')", str(DAY)
    )
    with pytest.raises(roll.NotOver, match=f"day-end of {DAY} is not done yet: the file is not there"):
        await rolled(house, NEXT)


async def test_a_close_says_everything_that_stands_in_its_way(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.asked(merchant, 1000)
    house.clock.set(at(NEXT, 12))
    with pytest.raises(
        NotClosable, match=r"rolled: .* not met: 1 \(2026-09-01\), since 2026-09-01; outcomes: .* not met: 1"
    ):
        await close_through(house, DAY)
    assert await period.requests(house.pool) == ()


async def test_books_that_are_not_even_are_not_closed(house: Treasury) -> None:
    await house.paid(await house.merchant(), 1000)
    await rolled(house, DAY)
    await house.pool.execute("UPDATE books_date SET debits_through = debits_through + 7 WHERE debits = 1000")
    with pytest.raises(NotClosable, match=r"even: Debits equal credits in each book — not met: 1 \(7\)"):
        await closed(house, DAY)


async def test_the_ledger_refuses_what_is_dated_into_a_closed_period(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.paid(merchant, 1000)
    done = await closed(house, DAY)
    assert (done.business_date, done.asked_by, done.approved_by, done.result) == (
        DAY,
        "lin",
        "wang",
        "created",
    )
    assert (await standing(house)).closed_through == DAY
    for day, result in ((DAY - timedelta(days=9), Result.PERIOD_CLOSED), (DAY, Result.PERIOD_CLOSED)):
        made = voucher(
            "P4", new_id(house.clock), subjects={3011: "unionpay", 2351: "unionpay"}, amounts={"G": 5}, business_date=day
        )  # fmt: skip
        assert [answer.result for answer in await house.desk.ledger.create_transfers(made)] == [result]
        again = dated(made, DAY)
        assert [answer.result for answer in await house.desk.ledger.create_transfers(again)] == [
            Result.CREATED
        ]
    with pytest.raises(NotClosable, match=f"closed through {DAY} already"):
        await closed(house, DAY)


@pytest.mark.parametrize("happens", [False, True])
async def test_a_close_whose_answer_is_lost_is_finished_by_the_same_approval(
    house: Treasury, happens: bool
) -> None:
    await rolled(house, DAY)
    made = await period.propose_closing(house.pool, house.clock, DAY, LIN, ("seals",), "nobody audits a test")
    lost: Any = Losing(house, happens=happens)
    with pytest.raises(LedgerUnavailable):
        await period.approve_closing(house.pool, lost, house.clock, *await seen(house.pool, made), WANG)
    (waiting,) = await period.requests(house.pool)
    assert waiting.ended_at is None
    await period.approve_closing(
        house.pool, house.desk.ledger, house.clock, *await seen(house.pool, made), ZHAO
    )
    (done,) = await period.requests(house.pool)
    assert (done.id, done.asked_by, done.approved_by) == (made, "lin", "wang")
    assert await house.pool.fetchval("SELECT count(*) FROM transfer WHERE flags = 128") == 1


async def test_closing_takes_two_people_and_what_is_excepted_has_a_reason(house: Treasury) -> None:
    pool, clock = house.pool, house.clock
    await rolled(house, DAY)
    with pytest.raises(NotClosable, match="seals: The auditor's seal is good for each day"):
        await period.propose_closing(pool, clock, DAY, LIN)
    for excepted, reason in (
        (("seals",), ""),
        (("rolled",), "a reason"),
        (("cash",), "a reason"),
        (("x",), "why"),
    ):
        with pytest.raises(InvalidInput):
            await period.propose_closing(pool, clock, DAY, LIN, excepted, reason)
    made = await period.propose_closing(pool, clock, DAY, LIN, ("seals",), "the auditor was ill")
    with pytest.raises(SecondPerson):
        await period.approve_closing(pool, house.desk.ledger, clock, *await seen(pool, made), LIN)
    assert (await standing(house)).closed_through is None
    await house.asked(await house.merchant(), 1000)  # since it was proposed
    await pool.execute("UPDATE intent SET business_date = $1", DAY)
    with pytest.raises(NotClosable, match="outcomes"):
        await period.approve_closing(pool, house.desk.ledger, clock, *await seen(pool, made), WANG)
    await pool.execute("DELETE FROM intent")
    await period.approve_closing(pool, house.desk.ledger, clock, *await seen(pool, made), WANG)
    assert (await standing(house)).closed_through == DAY
    with pytest.raises(asyncpg.CheckViolationError, match="closed_by_two"):
        await pool.execute("UPDATE books_request SET approved_by = 'LIN'")


# --- opening again ----------------------------------------------------------------------------------------------


async def test_opening_again_takes_two_people_and_a_reason(house: Treasury) -> None:
    pool, ledger, clock = house.pool, house.desk.ledger, house.clock
    with pytest.raises(NotClosable, match="no period is closed"):
        await period.propose_reopening(pool, clock, DAY, "an invoice came late", LIN)
    await closed(house, NEXT)
    with pytest.raises(InvalidInput, match="reason"):
        await period.propose_reopening(pool, clock, DAY, " x ", LIN)
    with pytest.raises(NotAnOperator):
        await period.propose_reopening(pool, clock, DAY, "an invoice came late", PLATFORM)
    asked = await period.propose_reopening(pool, clock, DAY, "an invoice came late", LIN)
    for name in ("lin", "Lin", " LIN "):
        with pytest.raises(SecondPerson, match="another person"):
            await period.approve_reopening(pool, ledger, clock, *await seen(pool, asked), operator(name))
    assert (await standing(house)).closed_through == NEXT
    said = await period.approve_reopening(pool, ledger, clock, *await seen(pool, asked), WANG)
    done = next(one for one in await period.requests(pool) if one.what == period.REOPEN)
    assert (done.asked_by, done.approved_by, done.reason) == ("lin", "wang", "an invoice came late")
    assert (await standing(house)).closed_through == DAY
    assert await period.approve_reopening(pool, ledger, clock, *await seen(pool, asked), WANG) == said
    assert (await closed(house, NEXT)).id != asked
    assert (await standing(house)).closed_through == NEXT


async def test_the_database_itself_refuses_one_person_for_both(house: Treasury) -> None:
    await closed(house, NEXT)
    asked = new_id(house.clock)
    row = asked, DAY, "lin", "an invoice came late", house.clock.now(), None, None, period.REOPEN
    await house.pool.execute(period.queries.begin_by_two, *row)
    for name in ("lin", "LIN", " lin "):
        with pytest.raises(asyncpg.CheckViolationError, match="reopened_by_two"):
            await house.pool.execute("UPDATE books_request SET approved_by = $2 WHERE id = $1", asked, name)
    with pytest.raises(asyncpg.CheckViolationError, match="reopened_when_approved"):
        await house.pool.execute("UPDATE books_request SET seq = 1 WHERE id = $1", asked)
    with pytest.raises(asyncpg.CheckViolationError, match="reopened_for_a_reason"):
        await house.pool.execute("UPDATE books_request SET reason = ' ' WHERE id = $1", asked)


async def test_an_approval_whose_answer_is_lost_keeps_its_name_and_is_finished(house: Treasury) -> None:
    await closed(house, NEXT)
    asked = await period.propose_reopening(house.pool, house.clock, DAY, "an invoice came late", LIN)
    lost: Any = Losing(house, happens=True)
    with pytest.raises(LedgerUnavailable):
        await period.approve_reopening(house.pool, lost, house.clock, *await seen(house.pool, asked), WANG)
    ledger = house.desk.ledger
    await period.approve_reopening(house.pool, ledger, house.clock, *await seen(house.pool, asked), ZHAO)
    done = next(one for one in await period.requests(house.pool) if one.what == period.REOPEN)
    assert (done.approved_by, done.result) == ("wang", "exists")
    assert (await standing(house)).closed_through == DAY


# --- what comes late --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "through", "expected"),
    [(DAY, None, DAY), (DAY, DAY, NEXT), (NEXT, DAY, NEXT), (DAY, NEXT, THIRD)],
)
def test_a_closed_date_gives_way_to_the_first_open_one(
    day: date, through: date | None, expected: date
) -> None:
    assert first_open(day, through) == expected


async def an_intent_of_the_closed_date(house: Treasury) -> Intent:
    """Store an intent of today and close its date; people may: the outcome of another one was not waited for."""
    intent = await house.asked(await house.merchant(), 1000)
    await rolled(house, DAY)
    done = await house.desk.ledger.close_period(DAY, id_=new_id(house.clock), voucher=new_id(house.clock))
    assert done.result is Result.CREATED
    return intent


async def test_a_payment_proven_after_its_date_is_closed_is_booked_on_the_next(house: Treasury) -> None:
    intent = await an_intent_of_the_closed_date(house)
    await weigh(house.desk, intent, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=1000, settle_date=DAY))
    assert (await house.now(intent)).state is State.SUCCESS
    assert await dates(house, intent.voucher) == {NEXT}
    assert (await house.now(intent)).settle_date == DAY  # the file of that date will list it
    await house.filed(DAY, [listed(1, await house.now(intent))])
    assert await house.balances(3011, 3012) == (0, 1000)


async def test_a_booking_that_was_moved_is_found_again_after_a_crash(house: Treasury) -> None:
    intent = await an_intent_of_the_closed_date(house)
    answer = Answer(Verdict.SUCCESS, amount=1000, settle_date=DAY)
    before = await house.last_entry()
    for steps in range(20):
        with contextlib.suppress(Cut):
            await weigh(cut_off(house.desk, steps), await house.now(intent), StepKind.QUERY, answer)
    assert (await house.now(intent)).state is State.SUCCESS
    assert (await house.now(intent)).settle_date == DAY
    assert await dates(house, intent.voucher) == {NEXT}
    assert await house.last_entry() == before + 2


async def test_a_settlement_of_a_closed_date_is_booked_and_not_taken_apart(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 1000)
    house.clock.set(at(NEXT, 10, 30))
    await closed(house, NEXT)
    assert await settle(house.desk, NEXT) == []
    assert await house.balance(2322, merchant.id) == -994
    row = await house.pool.fetchrow("SELECT * FROM settlement")
    assert await dates(house, row["voucher"]) == {THIRD}
    await house.pool.execute("UPDATE settlement SET posted_at = NULL")  # a crash before it was marked
    assert await settle(house.desk, NEXT) == []
    assert await house.pool.fetchval("SELECT count(*) FROM settlement WHERE posted_at IS NOT NULL") == 1
    assert await house.balance(2322, merchant.id) == -994


async def test_a_hold_of_a_closed_date_is_posted_on_the_next_and_found_again(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 10_000)
    await house.settle()
    request = Request(Operation.PAYOUT, "late", 5000, "late", account=ACCOUNT)
    payout = replace(
        draft(house.desk.vault, house.desk.clock, merchant.id, request, b"late", 100), channel="cmb"
    )
    assert await prepare(house.desk, payout)
    await house.desk.ledger.close_period(NEXT, id_=new_id(house.clock), voucher=new_id(house.clock))
    for _ in range(2):
        booked = await release(house.desk, payout)
        assert (booked.business_date, booked.moved) == (THIRD, True)
        assert await house.balances(2322, 3014) == (-(9940 - 5100), -5000)
    assert await dates(house, payout.voucher) == {NEXT, THIRD}  # held, then posted


async def test_a_bank_line_dated_into_a_closed_period_is_booked_once(house: Treasury) -> None:
    await closed(house, DAY)
    house.on_bank(4200, text="who knows", day=DAY)
    for _ in range(2):
        assert await house.read() == 0
        await house.pool.execute("UPDATE bank_line SET posted_at = NULL")
    assert await house.balances(1003, 2352) == (4200, -4200)
    row = await house.one_break()
    assert await dates(house, row["voucher"]) == {NEXT}
    balances = {b.code: b.closing for b in await trial.trial_balance(house.pool, DAY)}
    assert balances[1003] == 0
