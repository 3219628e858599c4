"""The bank's statement moves cash, line by line and once; what it cannot explain it says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import DAY, NEXT, Cut, Treasury, corrected, cut_off, listed, stray, treasury
from zhangfang.channels.port import Answer, FileLine, MalformedMessage, Operation, StatementPage, Verdict
from zhangfang.payments import Intent, State, StepKind, weigh
from zhangfang.reconciliation import propose, read, reconcile

LATER = NEXT + timedelta(days=1)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def filed(house: Treasury, *amounts: int, fee: int = 3) -> list[Intent]:
    merchant = await house.merchant()
    intents = [await house.paid(merchant, amount) for amount in amounts]
    await house.filed(DAY, [listed(n, intent, fee=fee) for n, intent in enumerate(intents, 1)])
    return intents


async def paid_out(house: Treasury, amount: int = 9000, verdict: Verdict = Verdict.SUCCESS) -> Intent:
    """Return a payout out of settled money, answered by `verdict`."""
    merchant = await house.merchant()
    await house.arrived(merchant, 10_000)
    await house.settle()
    house.bank.answer = Answer(verdict)
    return await house.payout(merchant, amount)


async def test_a_settlement_arrives_net_of_the_channels_fee(house: Treasury) -> None:
    await filed(house, 1000, 2000)
    house.on_bank(2994, text=f"unionpay settles {DAY}")
    assert await house.read() == 0
    assert await house.balances(1003, 3011, 3012, 1241, 2242, 2202) == (2994, 0, 0, 6, -6, 0)
    assert await house.breaks() == []


async def test_a_day_of_refunds_is_debited(house: Treasury) -> None:
    merchant = await house.merchant()
    (old,) = await house.arrived(merchant, 5000)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    other = await house.paid(merchant, 1000, NEXT)
    refund = await house.undo(merchant, old, 4000)
    await house.filed(NEXT, [listed(1, refund), listed(2, other, fee=3)])
    house.on_bank(-3003, text=f"unionpay settles {NEXT}", day=LATER)
    assert await house.read() == 0
    assert await house.balances(1003, 3011, 3012, 3013, 1241) == (1997, 0, 0, 0, 3)


async def test_a_day_that_comes_to_nothing_has_no_bank_line_and_is_settled_all_the_same(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    refund = await house.undo(merchant, paid, 997)
    await house.filed(DAY, [listed(1, paid, fee=3), listed(2, refund)])
    assert await house.balances(1003, 3012, 1241, 2242) == (0, 0, 3, -3)
    assert await house.settle() == []
    assert (await house.now(paid)).settlement is not None


async def test_a_settlement_waits_for_its_file_and_holds_nothing_else_up(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    house.on_bank(1000, text=f"unionpay settles {DAY}")
    house.on_bank(77, text="汇错款")
    assert await house.read() == 1
    assert await house.balance(1003) == 77
    await house.filed(DAY, [listed(1, paid)])
    assert await house.read() == 0
    assert await house.balances(1003, 3012) == (1077, 0)


@pytest.mark.parametrize(
    ("came", "suspense", "cure"), [(2994 - 5, (5, 0), "B7"), (2994 + 5, (0, -5), "B8"), (-7, (3001, 0), "B7")]
)
async def test_a_settlement_of_another_amount_is_a_break_and_leaves_no_position(
    house: Treasury, came: int, suspense: tuple[int, int], cure: str
) -> None:
    await filed(house, 1000, 2000)
    house.on_bank(came, text=f"unionpay settles {DAY}")
    await house.read()
    row = await house.one_break()
    assert (row["class"], row["ours"], row["theirs"]) == ("amount_differs", 2994, came)
    assert await house.balances(1003, 3012) == (came, 0)
    assert await house.balances(1242, 2351) == suspense
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, row["id"], cure, LIN)
    await approve(house.desk, row["id"], WANG)
    assert await house.balances(1242, 2351) == (0, 0)


async def test_nobody_is_settled_out_of_a_date_that_came_short(house: Treasury) -> None:
    paid, _ = await filed(house, 1000, 2000)
    house.on_bank(2990, text=f"unionpay settles {DAY}")
    await house.read()
    assert await house.settle() == [f"2 lines of {DAY} wait for file or money"]
    house.on_bank(4, text=f"unionpay settles {DAY}")
    await house.read()
    assert (await house.breaks())[0]["cleared_by"] == "line 2 of the statement"
    assert await house.balances(1003, 3012, 1242) == (2994, 0, 0)
    assert await house.settle() == []
    assert (await house.now(paid)).settlement is not None


async def test_a_date_that_is_settled_twice_is_money_of_unknown_origin(house: Treasury) -> None:
    await filed(house, 1000)
    for _ in range(2):
        house.on_bank(997, text=f"unionpay settles {DAY}")
    assert await house.read() == 0
    assert (await house.one_break())["note"] == f"the settlement of {DAY} has arrived already"
    assert await house.balances(1003, 3012, 2352) == (2 * 997, 0, -997)


async def test_a_payout_leaves_transit_on_its_bank_line(house: Treasury) -> None:
    payout = await paid_out(house)
    assert await house.balance(3014) == -9000
    house.on_bank(-9000, reference=payout.channel_order_no)
    assert await house.read() == 0
    assert await house.balances(1003, 3014) == (1000, 0)
    assert (await house.now(payout)).arrived_seq == "2"


async def test_a_bank_line_ends_a_payout_that_is_unknown(house: Treasury) -> None:
    payout = await paid_out(house, verdict=Verdict.UNKNOWN)
    assert payout.state is State.UNKNOWN
    house.on_bank(-9000, reference=payout.channel_order_no)
    await house.read()
    assert (await house.now(payout)).state is State.SUCCESS


async def test_a_returned_payout_is_given_back_by_the_line_that_returns_it(house: Treasury) -> None:
    payout = await paid_out(house)
    house.on_bank(-9000, reference=payout.channel_order_no)
    house.on_bank(9000, reference=payout.channel_order_no, reversal=True, day=LATER)
    await house.read()
    assert (await house.now(payout)).returned_at is not None
    assert await house.balances(1003, 3014, 3015) == (10_000, 0, 0)
    assert await house.balance(2322, payout.merchant) == -(9940 - 100)


@pytest.mark.parametrize("signed", [-9000, 9000])
async def test_a_second_line_of_one_payout_is_unknown_and_stops_nothing(house: Treasury, signed: int) -> None:
    payout = await paid_out(house)
    house.on_bank(-9000, reference=payout.channel_order_no)
    if signed > 0:
        house.on_bank(signed, reference=payout.channel_order_no)
    house.on_bank(signed, reference=payout.channel_order_no)
    house.on_bank(50, text="汇错款")
    assert await house.read() == 0
    assert await house.balance(1003) == house.bank.balance
    assert await house.balances(3014, 3015) == (0, 0)
    twice, mistake = sorted(await house.breaks(), key=lambda row: row["key"])
    assert (twice["theirs"], twice["intent"], mistake["theirs"]) == (signed, payout.id, 50)


@pytest.mark.parametrize("signed", [-8999, 8999])
async def test_a_line_of_another_amount_than_its_payout_proves_nothing(house: Treasury, signed: int) -> None:
    payout = await paid_out(house, verdict=Verdict.UNKNOWN)
    house.on_bank(signed, reference=payout.channel_order_no)
    await house.read()
    assert (await house.now(payout)).state is State.UNKNOWN
    assert (await house.one_break())["theirs"] == signed
    assert await house.balances(1003, 3014) == (house.bank.balance, -9000)


async def test_a_payout_that_had_failed_and_left_all_the_same_is_a_debit_of_unknown_origin(
    house: Treasury,
) -> None:
    payout = await paid_out(house, verdict=Verdict.FAILED)
    assert await house.balance(3014) == 0
    house.on_bank(-9000, reference=payout.channel_order_no)
    assert await house.read() == 0
    assert await house.balances(1003, 3014, 1243) == (1000, 0, 9000)
    row = await house.one_break()  # the contradiction itself has ended: the money is named by this one
    assert (row["class"], row["intent"]) == ("unknown_debit", payout.id)
    house.on_bank(9000, reference=payout.channel_order_no, reversal=True)
    await house.read()
    assert await house.balances(1003, 1243) == (10_000, 0)
    assert all(row["cleared_at"] for row in await house.breaks())


@pytest.mark.parametrize(("signed", "code"), [(666, 2352), (-35, 1243)])
async def test_a_reversal_clears_the_unknown_line_that_it_takes_back(
    house: Treasury, signed: int, code: int
) -> None:
    house.on_bank(signed, text="汇错款")
    await house.read()
    assert await house.balances(1003, code) == (signed, -signed)
    house.on_bank(-signed, text="冲正", reversal=True, day=LATER)
    await house.read()
    assert await house.balances(1003, code) == (0, 0)
    (row,) = await house.breaks()
    assert (row["cure"], row["cured_on"], row["cleared_at"] is not None) == ("mirror", LATER, True)


async def test_an_equal_amount_that_is_no_reversal_clears_nothing(house: Treasury) -> None:
    house.on_bank(666)
    house.on_bank(-666)
    await house.read()
    assert [row["cleared_at"] for row in await house.breaks()] == [None, None]


async def test_a_reversal_of_one_of_two_equal_lines_is_a_break_of_its_own(house: Treasury) -> None:
    for signed, reversal in ((666, False), (666, False), (-666, True)):
        house.on_bank(signed, reversal=reversal)
    await house.read()
    assert sorted(row["theirs"] for row in await house.breaks()) == [-666, 666, 666]
    assert all(row["cleared_at"] is None for row in await house.breaks())
    assert await house.balances(1003, 2352, 1243) == (666, -1332, 666)


async def test_a_statement_of_many_pages_is_booked_once_however_often_it_is_read(house: Treasury) -> None:
    for n in range(1, 12):
        house.on_bank(n)
    await house.read()
    assert await house.balance(1003) == house.bank.balance == 66
    before = await house.last_entry()
    await house.read()
    await house.pool.execute("UPDATE statement_cursor SET cursor = ''")
    await house.read()
    assert await house.last_entry() == before
    order = await house.pool.fetch(
        "SELECT b.key FROM break b JOIN transfer t ON t.voucher = b.voucher ORDER BY t.seq"
    )
    assert [row["key"] for row in order] == [str(n) for n in range(1, 12)]


async def test_a_bank_whose_cursor_stands_still_is_not_asked_for_ever(house: Treasury) -> None:
    async def again(account: str, cursor: str) -> StatementPage:
        return StatementPage([], cursor, more=True)

    house.bank.statement = again  # type: ignore[method-assign]
    with pytest.raises(MalformedMessage, match="the same cursor"):
        await house.read()


async def test_a_reading_that_is_cut_off_at_any_step_is_finished_by_the_next(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 10_000_000)
    await house.settle()
    for after in range(1000):
        day = NEXT + timedelta(days=after)
        payout = await house.payout(merchant, 9000)
        await house.filed(day, [stray(1, 1000, fee=3)])
        house.on_bank(-9000, reference=payout.channel_order_no, day=day)
        house.on_bank(9000, reference=payout.channel_order_no, day=day)
        house.on_bank(666, day=day)
        house.on_bank(-666, day=day, reversal=True)
        for part in (990, 7):
            house.on_bank(part, text=f"unionpay settles {day}", day=day)
        try:
            await read(cut_off(house.desk, after), house.account)
            break
        except Cut:
            assert await house.read() == 0
    assert after > 25  # every step was cut off once
    assert await house.balances(1003, 3012, 3014, 3015, 1242) == (house.bank.balance, 0, 0, 0, 0)
    assert await house.balance(2352) == 0
    assert {row["class"] for row in await house.breaks() if row["cleared_at"] is None} == {"missing_here"}


async def test_a_reconciliation_that_is_cut_off_at_any_step_is_finished_by_the_next(house: Treasury) -> None:
    merchant = await house.merchant()
    well, more, lost, refunded = [await house.paid(merchant, n * 1000) for n in range(1, 5)]
    refund = await house.undo(merchant, refunded, 500)
    unknown = await house.asked(merchant, 700)
    extra = stray(9, 88, fee=1)
    first = [listed(1, well, fee=3), listed(2, more, 2001), listed(3, refunded), listed(4, refund), extra]
    await house.pool.execute("UPDATE intent SET settle_date = NULL WHERE id = $1", refund.id)
    house.acquirer.files[DAY] = [*first, listed(5, unknown)]
    house.acquirer.files[NEXT] = [listed(1, lost), corrected(2, first[1], -1)]
    for day in (DAY, NEXT):

        async def again(n: int, day: Any = day) -> None:
            await reconcile(cut_off(house.desk, n), house.acquirer, day)

        assert await until_done(again) > 3
    assert net(first) + 700 + 3000 - 1 == await house.balance(3012) - 4  # less the fee, which S5 brings
    assert await house.balances(3011, 3013, 1242, 2351) == (0, 0, 0, -88)
    kinds = {(row["class"], row["cleared_at"] is None) for row in await house.breaks()}
    assert kinds == {("missing_here", True), ("amount_differs", False), ("missing_there", False)}
    assert (await house.now(unknown)).state is State.SUCCESS


async def until_done(work: Callable[[int], Awaitable[object]]) -> int:
    """Repeat `work`, cut off a step later each time, until it comes to its end; return how often it was cut off."""
    for after in range(1000):
        try:
            await work(after)
        except Cut:
            continue
        return after
    raise AssertionError("it never came to its end")


def net(lines: list[FileLine]) -> int:
    return sum((line.amount if line.credit else -line.amount) - line.fee for line in lines)


async def test_a_void_pair_that_the_file_leaves_out_is_taken_out_of_both_sides(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    void = await house.undo(merchant, paid, 1000, kind=Operation.VOID)
    assert (await house.now(paid)).voided
    await house.filed(DAY, [])
    assert await house.balances(3011, 3012, 3013) == (0, 0, 0)
    assert await house.breaks() == []
    assert await house.listed_on(void, paid) == [DAY, DAY]


async def test_a_void_pair_that_the_file_lists_is_matched_as_two_lines(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    void = await house.undo(merchant, paid, 1000, kind=Operation.VOID)
    await house.filed(DAY, [listed(1, paid), listed(2, void)])
    assert await house.balances(3011, 3012, 3013) == (0, 0, 0)
    assert await house.breaks() == []


async def test_a_void_that_the_file_does_not_list_beside_its_payment_is_missing_there(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    void = await house.undo(merchant, paid, 1000, kind=Operation.VOID)
    await house.filed(DAY, [listed(1, paid)])
    assert await house.balances(3011, 3012, 3013) == (0, 1000, -1000)
    assert (await house.one_break())["intent"] == void.id


async def test_a_void_that_is_proven_after_the_file_ends_the_break_of_its_payment(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    void = await house.undo(merchant, paid, 1000, kind=Operation.VOID)
    await house.filed(DAY, [])
    assert (await house.one_break())["intent"] == paid.id
    await weigh(
        house.desk, void, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=void.amount, settle_date=DAY)
    )
    await house.filed(NEXT, [])
    assert await house.balances(3011, 3012, 3013, 1242) == (0, 0, 0, 0)
    assert [row["cure"] for row in await house.breaks()] == ["mirror"]


async def test_a_payment_that_is_proven_after_its_file_was_placed_is_found_missing_by_the_next(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    late = await house.asked(merchant, 1000)
    await house.filed(DAY, [])
    assert await house.breaks() == []
    await weigh(house.desk, late, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=1000, settle_date=DAY))
    await house.filed(NEXT, [])
    row = await house.one_break()
    assert (row["class"], row["intent"], row["settle_date"]) == ("missing_there", late.id, NEXT)
    await house.filed(LATER, [listed(1, late)])
    assert (await house.breaks())[0]["cure"] == "B5"
    assert await house.balances(3011, 3012, 1242) == (0, 1000, 0)


async def test_a_line_of_a_payment_that_failed_is_one_break_and_its_contradiction_ends(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    failed = await house.asked(merchant, 1000)
    await weigh(house.desk, failed, StepKind.QUERY, Answer(Verdict.FAILED))
    failed = await house.now(failed)
    await weigh(house.desk, failed, StepKind.NOTIFICATION, Answer(Verdict.SUCCESS, amount=1000))
    assert (await house.one_break())["class"] == "contradiction"
    await house.filed(DAY, [listed(1, failed)])
    row = await house.one_break()
    assert (row["class"], row["intent"], row["template"]) == ("missing_here", failed.id, "B1")
    assert await house.balances(3012, 2351) == (1000, -1000)
