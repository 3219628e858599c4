"""Pending money becomes available by evidence, once; the day closes when nothing of it is open; statements add up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.treasury import DAY, FEES, NEXT, Cut, Treasury, at, cut_off, listed, steps_of, treasury
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.closing.dayend import DayNotOver, close_day
from zhangfang.fees import fee
from zhangfang.kernel.calendar import add_working_days
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import voucher
from zhangfang.merchants import FeeKind, FeeRule
from zhangfang.merchants.cycles import latest
from zhangfang.payments import Intent, State, StepKind, advance, weigh
from zhangfang.settlement import settle
from zhangfang.settlement.payouts import net_of_fee

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 9, 4) + timedelta(days=n) for n in range(4))


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def batches(house: Treasury) -> list[tuple[int, int, bool]]:
    """Return amount, lines and whether it is booked, of each batch."""
    rows = await house.pool.fetch("SELECT * FROM settlement ORDER BY created_at, number, amount")
    return [(row["amount"], row["lines"], row["posted_at"] is not None) for row in rows]


async def carried(house: Treasury) -> list[tuple[int, int]]:
    """Return by how much each batch came to less than nothing, and what of that is still owed."""
    rows = await house.pool.fetch("SELECT carried, owed FROM settlement ORDER BY created_at, number")
    return [(row["carried"], row["owed"]) for row in rows]


# --- the four conditions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "days", "expected"),
    [
        (NEXT, 1, DAY),
        (DAY, 0, DAY),
        (MONDAY, 1, SUNDAY),  # Friday's, Saturday's and Sunday's money is due on Monday
        (FRIDAY, 1, date(2026, 9, 3)),
        (date(2026, 9, 8), 2, SUNDAY),
        (date(2026, 9, 28), 1, date(2026, 9, 27)),  # the mid-autumn holiday, 25 to 27 September, is over
        (date(2026, 9, 28), 2, date(2026, 9, 23)),
        (date(2026, 10, 8), 1, date(2026, 10, 7)),  # the national holiday is over
        (date(2026, 9, 20), 1, date(2026, 9, 19)),  # a Sunday worked in exchange for a holiday
    ],
)
def test_what_is_due_counts_working_days(run: date, days: int, expected: date) -> None:
    assert latest(f"T+{days}", run) == expected


async def test_friday_is_settled_on_monday_and_not_before(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 1000, day=FRIDAY)
    assert await house.settle(SATURDAY) == []
    assert await batches(house) == []
    assert await house.settle(MONDAY) == []
    assert await batches(house) == [(994, 1, True)]


async def test_a_payment_that_no_file_lists_stays_pending(house: Treasury) -> None:
    merchant = await house.merchant()
    listed_one, lost = await house.paid(merchant, 1000), await house.paid(merchant, 2000)
    await house.filed(DAY, [listed(1, listed_one)])
    await house.settled(DAY)
    await house.settle()
    assert await batches(house) == [(994, 1, True)]
    assert (await house.now(lost)).settlement is None


async def test_money_that_has_not_arrived_is_not_made_available(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    assert await house.settle() == [f"1 lines of {DAY} wait for file or money"]
    await house.filed(DAY, [listed(1, paid)])
    assert await house.settle() == [f"1 lines of {DAY} wait for file or money"]
    await house.settled(DAY)
    assert await house.settle() == []
    assert await house.balances(2321, 2322) == (0, -994)
    assert sorted(await steps_of(house, paid.id)) == ["answer", "ledger", "settled"]


async def test_a_frozen_merchant_is_not_settled(house: Treasury) -> None:
    merchant, other = await house.merchant(), await house.merchant()
    first, second = await house.paid(merchant, 1000), await house.paid(other, 1000)
    await house.filed(DAY, [listed(1, first), listed(2, second)])
    await house.settled(DAY)
    await house.pool.execute("UPDATE merchant SET state = 'frozen' WHERE id = $1", merchant.id)
    assert await house.settle() == []
    assert await house.balance(2322, merchant.id) == 0
    assert await house.balance(2322, other.id) == -994
    await house.pool.execute("UPDATE merchant SET state = 'active'")
    await house.settle()
    assert await house.balance(2322, merchant.id) == -994


# --- refunds ----------------------------------------------------------------------------------------------------


async def test_a_refund_before_settlement_is_taken_out_of_the_batch(house: Treasury) -> None:
    merchant = await house.merchant()
    paid, _ = await house.arrived(merchant, 10_000, 500)
    refund = await house.undo(merchant, paid, 2500)
    assert refund.template == "R1"
    await house.settle()
    assert await batches(house) == [(9940 - 2500 + 15 + 497, 3, True)]
    assert await house.balances(2321) == (0,)
    assert (await house.now(refund)).settlement == (await house.now(paid)).settlement


async def test_a_refund_after_settlement_comes_out_of_available(house: Treasury) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 10_000)
    await house.settle()
    refund = await house.undo(merchant, paid, 2500)
    assert refund.template == "R2"
    assert await house.balances(2321, 2322) == (0, -(9940 - 2485))
    await house.settle(date(2026, 9, 3))
    assert len(await batches(house)) == 1


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED])
async def test_a_refund_that_fails_after_its_batch_comes_back_by_the_next(
    house: Treasury, state: State
) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 10_000)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    refund = await house.undo(merchant, paid, 2500)
    if state is State.REFUSED:  # it was counted before the ledger had said no to it
        await house.pool.execute("UPDATE intent SET state = 'CREATED' WHERE id = $1", refund.id)
    await house.settle()
    assert await batches(house) == [(9940 - 2485, 2, True)]
    await weigh(house.desk, await house.now(refund), StepKind.QUERY, Answer(Verdict.FAILED))
    await house.pool.execute("UPDATE intent SET state = $2 WHERE id = $1", refund.id, state)
    await house.settle(date(2026, 9, 3))
    assert await batches(house) == [(9940 - 2485, 2, True), (2485, 1, True)]
    assert await house.balances(2321, 2322, 3013) == (0, -9940, 0)
    await house.settle(date(2026, 9, 7))
    assert len(await batches(house)) == 2


async def test_a_batch_of_nothing_is_made_and_books_nothing(house: Treasury) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 1000)
    await house.undo(merchant, paid, 1000)
    before = await house.last_entry()
    assert await house.settle() == []
    assert await batches(house) == [(0, 2, True)]
    assert await house.last_entry() == before


async def test_lines_that_come_to_less_than_nothing_are_carried_and_set_off(house: Treasury) -> None:
    merchant = await house.merchant(keep_fee_on_refund=True)
    paid = await house.paid(merchant, 1000)
    other = await house.paid(merchant, 500, NEXT)
    await house.filed(DAY, [listed(1, paid)])
    await house.settled(DAY)
    await house.undo(merchant, paid, 1000)
    await house.settle()
    assert await batches(house) == [(0, 2, True)]
    assert await carried(house) == [(6, 6)]
    await house.filed(NEXT, [listed(1, other)])
    await house.settled(NEXT)
    await house.settle(date(2026, 9, 3))
    assert await batches(house) == [(0, 2, True), (497 - 6, 1, True)]
    assert await carried(house) == [(6, 0), (0, 0)]
    assert await house.balances(2321) == (0,)


async def test_a_batch_that_pending_money_does_not_cover_is_taken_apart_and_stops_no_other(
    house: Treasury,
) -> None:
    merchant, other = await house.merchant(keep_fee_on_refund=True), await house.merchant()
    paid, fine = await house.paid(merchant, 1000), await house.paid(other, 700)
    elsewhere = await house.paid(merchant, 500, NEXT)
    await house.filed(DAY, [listed(1, paid), listed(2, fine)])
    await house.settled(DAY)
    refund = await house.undo(merchant, elsewhere, 500)
    assert await house.balance(2321, merchant.id) == -991
    assert await house.settle() == [f"1 lines of {DAY} wait for file or money"]
    assert await batches(house) == [(696, 1, True)]
    assert (await house.now(paid)).settlement is None
    await house.filed(NEXT, [listed(1, elsewhere), listed(2, refund)])
    await house.settle(date(2026, 9, 3))
    assert await batches(house) == [(696, 1, True), (991, 3, True)]


# --- once, whatever happens ---------------------------------------------------------------------------------------


async def test_two_runs_of_one_date_settle_every_line_once(house: Treasury) -> None:
    merchants = [await house.merchant(auto_payout=True) for _ in range(3)]
    paid = [await house.paid(merchant, 1000 + n) for n, merchant in enumerate(merchants * 3)]
    await house.filed(DAY, [listed(n, intent) for n, intent in enumerate(paid, 1)])
    await house.settled(DAY)
    house.clock.set(at(NEXT, 10, 30))
    await asyncio.gather(*(settle(house.desk, NEXT) for _ in range(3)))
    await house.quiet()
    assert sum(lines for _, lines, _ in await batches(house)) == 9
    assert all([(await house.now(intent)).settlement for intent in paid])
    assert await house.balance(2321) == 0
    assert len(house.bank.sent) == 3


async def test_a_run_that_is_cut_off_at_any_step_is_finished_by_the_next(house: Treasury) -> None:
    merchant = await house.merchant(auto_payout=True)
    for after in range(100):
        day = DAY + timedelta(days=7 * after)
        await house.arrived(merchant, 10_000, day=day)
        run = add_working_days(day, 1)
        house.clock.set(at(run, 10, 30))
        try:
            await settle(cut_off(house.desk, after), run)
            break
        except Cut:
            await house.quiet()
            assert await settle(house.desk, run) == []
            await drive(house)
    assert after > 4
    await drive(house)
    assert await house.balances(2321, 2322) == (0, 0)
    assert len({order.order_no for order in house.bank.sent}) == after + 1
    assert await house.balance(3014) == -9840 * (after + 1)


async def drive(house: Treasury) -> None:
    """Do what the driver does with payouts that were left lying."""
    await house.quiet()
    for row in await house.pool.fetch("SELECT * FROM intent WHERE state IN ('CREATED', 'SENDING')"):
        await advance(house.desk, Intent.of(row))


async def test_a_refund_that_comes_during_the_run_is_before_it_or_after_it(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.arrived(merchant, *([1000] * 12))
    house.clock.set(at(NEXT, 10, 30))
    refunds = [house.undo(merchant, one, 400) for one in paid]
    await asyncio.gather(settle(house.desk, NEXT), *refunds)
    await settle(house.desk, NEXT)
    rows = await house.pool.fetch("SELECT template, state, settlement FROM intent WHERE kind = 'refund'")
    assert all((row["template"] == "R1") == (row["settlement"] is not None) for row in rows)
    undone = sum(398 for row in rows if row["state"] == "SUCCESS")
    assert await house.balances(2321, 2322) == (0, -(12 * 994 - undone))


async def test_a_refund_that_is_just_being_stored_is_in_the_batch(house: Treasury) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 10_000)
    refund = await house.undo(merchant, paid, 2500)
    await house.pool.execute("UPDATE intent SET template = '' WHERE id = $1", refund.id)  # not to be seen yet
    async with house.pool.acquire() as connection:
        stored = connection.transaction()
        await stored.start()
        await connection.execute("SELECT FROM intent WHERE id = $1 FOR UPDATE", paid.id)
        await connection.execute("UPDATE intent SET template = 'R1' WHERE id = $1", refund.id)
        run = asyncio.create_task(house.settle())
        await asyncio.sleep(0.2)
        await stored.commit()
    assert await run == []
    assert await batches(house) == [(9940 - 2485, 2, True)]


async def test_a_refund_that_is_just_being_decided_is_waited_for(house: Treasury) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 10_000)
    refund = await house.undo(merchant, paid, 2500)
    async with house.pool.acquire() as connection:
        decided = connection.transaction()
        await decided.start()
        await connection.execute("SELECT FROM intent WHERE id = $1 FOR UPDATE", refund.id)
        run = asyncio.create_task(house.settle())
        await asyncio.sleep(0.2)
        assert not run.done()
        await connection.execute(
            "UPDATE intent SET refunded = refunded WHERE id = $1", paid.id
        )  # no deadlock
        await decided.commit()
    assert await run == []
    assert await batches(house) == [(9940 - 2485, 2, True)]


# --- automatic payouts --------------------------------------------------------------------------------------------

RULES = st.builds(
    FeeRule,
    st.just(FeeKind.PAYOUT),
    st.sampled_from([0, 1, 999, 6000, 100_000, 999_999, 1_000_000]),
    st.sampled_from([0, 1, 100, 50_000]),
    st.integers(0, 300),
    st.one_of(st.none(), st.integers(300, 5000)),
)


@given(rule=RULES, amount=st.one_of(st.integers(0, 3000), st.integers(0, 10**12)))
def test_a_payout_and_its_fee_take_all_that_fits_and_never_more(rule: FeeRule, amount: int) -> None:
    paid = net_of_fee(rule, amount)
    assert paid == 0 or paid + fee(rule, paid) <= amount
    assert paid + 1 + fee(rule, paid + 1) > amount


async def test_a_batch_is_paid_out_with_its_fee_beside_it(house: Treasury) -> None:
    merchant = await house.merchant(auto_payout=True)
    await house.arrived(merchant, 10_000)
    await house.settle()
    assert [order.amount for order in house.bank.sent] == [9840]
    assert await house.balances(2322, 3014) == (0, -9840)


async def test_what_the_fee_would_eat_is_not_paid_out_and_stays_available(house: Treasury) -> None:
    merchant = await house.merchant(auto_payout=True)
    await house.arrived(merchant, 100)
    assert await house.settle() == []
    assert (house.bank.sent, await house.balance(2322)) == ([], -99)


async def test_a_payout_that_cannot_be_asked_for_says_why_and_stops_no_other(house: Treasury) -> None:
    homeless = await house.merchant(auto_payout=True, settlement_account=None, external_ref="A1")
    other = await house.merchant(auto_payout=True, external_ref="B1")
    first, second = await house.paid(homeless, 1000), await house.paid(other, 1000)
    await house.filed(DAY, [listed(1, first), listed(2, second)])
    await house.settled(DAY)
    (waits,) = await house.settle()
    assert waits.startswith("payout A1-STL-260902-1 waits: ")
    assert [order.key for order in house.bank.sent] == ["B1-STL-260902-1"]
    assert await house.balance(2321) == 0


async def test_a_payout_is_found_again_though_the_merchant_has_another_account_now(house: Treasury) -> None:
    merchant = await house.merchant(auto_payout=True)
    await house.arrived(merchant, 10_000)
    await house.settle()
    await house.pool.execute("UPDATE settlement SET payout = NULL")
    await house.pool.execute("UPDATE settlement_account SET replaced_at = now()")
    assert await house.settle() == []
    assert len(house.bank.sent) == 1
    assert await house.pool.fetchval("SELECT payout IS NOT NULL FROM settlement")


# --- the end of the day -------------------------------------------------------------------------------------------


async def close(house: Treasury, day: date = DAY, **other: object) -> None:
    house.clock.set(at(day + timedelta(days=1), 11))
    await house.read()
    ids = (new_id(house.clock), new_id(house.clock))
    for _ in range(2):  # the second time it finds its vouchers
        await close_day(house.desk.pool, house.desk.ledger, day, ("unionpay",), (house.account.alias,), ids)


async def test_the_end_of_the_day_recognises_fees_and_sets_off_what_the_reserve_is_owed(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    first = await house.paid(merchant, 10_000)
    await house.filed(DAY, [listed(1, first, fee=30)])
    await house.settled(DAY)
    await close(house, DAY)
    assert await house.balances(2361, 1222, 6001, 1241, 2242) == (-60, 60, -60, 30, -30)
    await house.filed(NEXT, [])
    await close(house, NEXT)
    assert await house.balances(2361, 1222, 6001, 1241, 2242) == (-30, 30, -60, 0, 0)


async def test_a_day_that_gives_back_more_fees_than_it_earns_is_mirrored(house: Treasury) -> None:
    merchant = await house.merchant()
    paid, _ = await house.arrived(merchant, 10_000, 10_000)
    await close(house, DAY)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    refund = await house.undo(merchant, paid, 10_000)
    await house.filed(NEXT, [listed(1, refund)])
    house.on_bank(-10_000, text=f"unionpay settles {NEXT}")
    await close(house, NEXT)
    assert await house.balances(2361, 1222, 6001) == (-60, 60, -60)


async def test_own_money_below_zero_becomes_what_we_owe_the_reserve(house: Treasury) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 10_000)
    await close(house, DAY)
    await house.undo(merchant, paid, 10_000)
    await house.pool.execute("UPDATE intent SET settle_date = business_date WHERE kind = 'refund'")
    own = 25  # taken out of the reserve by D4
    names = dict.fromkeys((2361, 1225, 1222), "platform") | {3014: "cmb"}
    id_ = new_id(house.clock)
    made = voucher("D4", id_, subjects=names, amounts={"amount": own}, business_date=NEXT)
    await house.desk.ledger.create_transfers(made)
    await house.filed(NEXT, [])
    await close(house, NEXT)
    assert await house.balances(2361, 1222, 1241, 2242, 6001) == (0, 0, own, -own, 0)


async def test_a_day_does_not_close_before_file_statement_and_intents_are_there(house: Treasury) -> None:
    merchant = await house.merchant()
    unknown = await house.asked(merchant, 1000)
    early = (new_id(house.clock), new_id(house.clock))

    async def refused(match: str) -> None:
        with pytest.raises(DayNotOver, match=match):
            await close_day(
                house.desk.pool, house.desk.ledger, DAY, ("unionpay",), (house.account.alias,), early
            )

    await refused("the file of unionpay for 2026-09-01 is not matched yet")
    await house.filed(DAY, [])
    await refused("the statement of reserve has not been read since 2026-09-01 ended")
    await house.read()
    await refused("has not been read since")
    house.clock.set(at(NEXT, 11))
    house.on_bank(5, text="unionpay settles 2026-08-31", day=DAY)
    assert await house.read() == 1
    await refused("1 lines of the statement of reserve up to 2026-09-01 are not booked yet")
    await house.filed(date(2026, 8, 31), [])
    await house.read()
    await refused("1 intents up to 2026-09-01 have no outcome yet")
    await weigh(house.desk, unknown, StepKind.QUERY, Answer(Verdict.FAILED))
    await close(house)


def test_the_rules_of_these_tests_are_what_their_figures_say() -> None:
    by_kind = {rule.kind: rule for rule in FEES}
    assert [fee(by_kind[FeeKind(kind)], 10_000) for kind in (Operation.COLLECTION, Operation.PAYOUT)] == [
        60,
        100,
    ]
