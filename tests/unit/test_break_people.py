"""Two people cure what no file explains, and their cure is booked once."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from tests.clock import SetClock
from tests.people import CHEN, LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import DAY, NEXT, Cut, Treasury, at, corrected, cut_off, listed, steps_of, stray, treasury
from zhangfang.approvals import PLATFORM, NoProposal, NotAnOperator, SecondPerson, operator
from zhangfang.channels.port import Answer, Verdict
from zhangfang.cli.aligned import aligned
from zhangfang.cli.books import breaks
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import FeeKind, FeeRule, NoFeeRule, UnknownMerchant
from zhangfang.payments import StepKind, intent_job, weigh
from zhangfang.reconciliation import finish_returns, list_breaks, propose

WEEK_LATER = DAY + timedelta(days=7)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def a_stray(house: Treasury, amount: int = 8800, note: str = "STATIC-1") -> Any:
    await house.filed(DAY, [stray(1, amount, note=note)])
    await house.settled(DAY)
    return (await house.one_break())["id"]


async def test_nobody_approves_their_own_proposal_however_they_write_their_name(house: Treasury) -> None:
    id_ = await a_stray(house)
    with pytest.raises(NoProposal, match="nobody has proposed"):
        await approve(house.desk, id_, WANG)
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B8", LIN)
    for name in ("lin", "Lin", " lin ", "ｌｉｎ"):
        with pytest.raises(SecondPerson, match="another person"):
            await approve(house.desk, id_, operator(name))
    assert (await house.one_break())["cure"] is None
    await approve(house.desk, id_, WANG)
    row = (await house.breaks())[0]
    assert (row["cleared_by"], row["cure"]) == ("lin and wang", "B8")


async def test_a_payment_that_is_filled_in_is_pending_and_settled_with_the_next_run(house: Treasury) -> None:
    merchant = await house.merchant()
    id_ = await a_stray(house)
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B2", LIN, merchant=merchant.id)
    await approve(house.desk, id_, WANG)
    assert await house.balances(2351, 2321, 2361) == (0, -(8800 - 53), -53)
    intent = await house.desk.journal.by_id(id_)
    assert intent is not None
    assert (intent.order_no, intent.fee, intent.template) == ("STATIC-1", 53, "B2")
    assert await house.listed_on(intent) == [DAY]
    assert await steps_of(house, id_) == ["person"]
    assert await house.settle() == []
    assert await house.balances(2321, 2322) == (0, -8747)
    refund = await house.undo(merchant, intent, 8800)
    assert refund.template == "R2"


async def test_a_number_that_the_merchant_has_used_gives_way_to_the_channels(house: Treasury) -> None:
    merchant = await house.merchant()
    used = await house.paid(merchant, 1000)
    await house.filed(DAY, [listed(1, used), stray(2, 8800, note=used.order_no)])
    id_ = (await house.one_break())["id"]
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B2", LIN, merchant=merchant.id)
    await approve(house.desk, id_, WANG)
    intent = await house.desk.journal.by_id(id_)
    assert intent is not None
    assert intent.order_no == intent.channel_order_no


async def test_a_cure_is_refused_before_anything_is_booked(house: Treasury) -> None:
    merchant, without = await house.merchant(), await house.merchant(fee_rules=(FeeRule(FeeKind.PAYOUT, 0),))
    id_ = await a_stray(house)
    for cure, name, error, match in (
        ("B7", None, InvalidInput, "allowed: B2, B3, B8"),
        ("M1", None, InvalidInput, "allowed: B2, B3, B8"),
        ("B2", None, InvalidInput, "the merchant to which it books"),
        ("B2", "mer_nobody", InvalidInput, "merchant"),
        ("B2", merchant.id[:-1] + ("0" if merchant.id[-1] != "0" else "1"), UnknownMerchant, "merchant"),
        ("B2", without.id, NoFeeRule, "collection"),
    ):
        with pytest.raises(error, match=match):
            await propose(
                house.desk.pool, house.desk.clock, house.desk.journal, id_, cure, LIN, merchant=name
            )
    with pytest.raises(NotAnOperator):
        await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B8", PLATFORM)
    assert (await house.one_break())["proposed_by"] is None


async def test_a_line_of_a_failed_payment_and_an_adjustment_are_not_filled_in(house: Treasury) -> None:
    merchant = await house.merchant()
    failed = await house.asked(merchant, 1000)
    await weigh(house.desk, failed, StepKind.QUERY, Answer(Verdict.FAILED))
    await house.filed(DAY, [listed(1, failed)])
    with pytest.raises(InvalidInput, match="allowed: B3, B8"):
        await propose(
            house.desk.pool,
            house.desk.clock,
            house.desk.journal,
            (await house.one_break())["id"],
            "B2",
            LIN,
            merchant=merchant.id,
        )
    await house.filed(NEXT, [corrected(1, stray(0, 1), 70)])
    (row,) = [row for row in await house.breaks() if row["theirs"] == 70]
    with pytest.raises(InvalidInput, match="adjustment"):
        await propose(
            house.desk.pool, house.desk.clock, house.desk.journal, row["id"], "B2", LIN, merchant=merchant.id
        )


async def test_a_long_item_goes_back_to_its_payer_by_a_refund_that_ends_by_evidence(house: Treasury) -> None:
    id_ = await a_stray(house)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B3", LIN)
    assert await house.balances(2351, 3013) == (-8800, 0)
    await approve(house.desk, id_, WANG)
    await approve(house.desk, id_, WANG)  # after a crash
    refund = await house.pool.fetchrow("SELECT * FROM intent WHERE original = $1", id_)
    await driven(house)
    assert await house.balances(2351, 3013) == (0, -8800)
    assert (await finish_returns(house.desk.pool, house.desk.clock), (await house.one_break())["cure"]) == (
        0,
        "B3",
    )
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await driven(house)
    assert await finish_returns(house.desk.pool, house.desk.clock) == 1
    (row,) = await house.breaks()
    assert (row["cleared_by"], row["returned_by"]) == ("lin and wang", refund["id"])
    assert (refund["merchant"], refund["template"], refund["fee"]) == ("platform", "B3", 0)


async def test_a_return_that_definitely_failed_leaves_the_break_open_as_before(house: Treasury) -> None:
    id_ = await a_stray(house)
    house.acquirer.answer = Answer(Verdict.FAILED, "77", "too old")
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B3", LIN)
    await approve(house.desk, id_, WANG)
    await driven(house)
    assert await finish_returns(house.desk.pool, house.desk.clock) == 1
    row = await house.one_break()
    assert (row["cure"], row["proposed_by"], row["returned_by"]) == (None, None, None)
    assert row["note"] == "STATIC-1; its return to the payer failed: 77 too old"
    assert await house.balances(2351, 3013) == (-8800, 0)
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B8", LIN)


async def test_what_the_channel_lists_twice_under_one_number_of_its_own_is_not_returned(
    house: Treasury,
) -> None:
    paid = await house.paid(await house.merchant(), 1000)
    await house.filed(DAY, [listed(1, paid), listed(2, paid)])
    with pytest.raises(InvalidInput, match="the channel reference of a payment"):
        await propose(
            house.desk.pool,
            house.desk.clock,
            house.desk.journal,
            (await house.one_break())["id"],
            "B3",
            LIN,
        )


async def driven(house: Treasury) -> None:
    for _ in range(3):
        await house.pool.execute("UPDATE intent SET lease_until = NULL")
        await run_due(house.pool, house.clock.now(), intent_job(house.desk))
        await house.quiet()
        house.clock.advance(seconds=61)


async def test_a_long_item_is_written_off_into_income_and_left_out_of_the_days_fees(house: Treasury) -> None:
    id_ = await a_stray(house)
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B8", LIN)
    await approve(house.desk, id_, WANG)
    assert await house.balances(2351, 2361, 1222, 6301) == (0, -8800, 8800, -8800)


async def test_a_short_item_is_written_off_to_our_loss_and_the_merchant_is_paid(house: Treasury) -> None:
    merchant = await house.merchant()
    lost = await house.paid(merchant, 1000)
    await house.filed(DAY, [])
    row = await house.one_break()
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, row["id"], "B7", LIN)
    await approve(house.desk, row["id"], WANG)
    assert await house.balances(3011, 1242, 1241, 6711, 2242) == (0, 0, 1000, 1000, -1000)
    assert await house.settle() == []
    assert await house.balances(2321, 2322) == (0, -994)
    await house.filed(WEEK_LATER, [listed(1, lost)])  # and then they find it after all: a long item
    assert (await house.one_break())["class"] == "duplicate"
    assert await house.balances(3011, 3012, 2351) == (0, 1000, -1000)


@pytest.mark.parametrize(
    ("amount", "cure", "suspense", "result"), [(1007, "B8", 2351, 6301), (991, "B7", 1242, 6711)]
)
async def test_a_difference_is_written_off_by_its_amount(
    house: Treasury, amount: int, cure: str, suspense: int, result: int
) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    await house.filed(DAY, [listed(1, paid, amount)])
    row = await house.one_break()
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, row["id"], cure, LIN)
    await approve(house.desk, row["id"], WANG)
    assert await house.balances(3011, 3012, suspense, result) == (0, amount, 0, 1000 - amount)


@pytest.mark.parametrize(
    ("hour", "minute", "expected"), [(7, 30, NEXT), (22, 59, NEXT), (23, 1, NEXT + timedelta(days=1))]
)
async def test_a_cure_is_booked_on_the_channels_day(
    house: Treasury, hour: int, minute: int, expected: date
) -> None:
    id_ = await a_stray(house)
    house.clock.set(at(NEXT, hour, minute))
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B8", LIN)
    await approve(house.desk, id_, WANG)
    row = (await house.breaks())[0]
    dates = await house.pool.fetch(
        "SELECT DISTINCT business_date FROM transfer WHERE voucher = $1", row["cure_voucher"]
    )
    assert [one["business_date"] for one in dates] == [expected]


@pytest.mark.parametrize("cure", ["B2", "B7", "B8"])
async def test_an_approval_that_is_cut_off_at_any_step_is_finished_by_the_next(
    house: Treasury, cure: str
) -> None:
    merchant = await house.merchant()
    for after in range(100):
        day = DAY + timedelta(days=after)
        house.clock.set(at(day, 12))
        await house.filed(day, [stray(1, 500, credit=cure != "B7")])
        row = await house.one_break()
        await propose(
            house.desk.pool,
            house.desk.clock,
            house.desk.journal,
            row["id"],
            cure,
            LIN,
            merchant=merchant.id if cure == "B2" else None,
        )
        try:
            await approve(cut_off(house.desk, after), row["id"], WANG)
            break
        except Cut:
            cleared = len([one for one in await house.breaks() if one["cleared_at"]])
            if cleared == after and (row := await house.one_break())["cure"]:
                with pytest.raises(InvalidInput, match="whose cure has begun"):
                    await propose(
                        house.desk.pool,
                        house.desk.clock,
                        house.desk.journal,
                        row["id"],
                        cure,
                        CHEN,
                        merchant=merchant.id,
                    )
            await house.filed(day, house.acquirer.files[day])  # type: ignore[arg-type]
            still = len([one for one in await house.breaks() if one["cleared_at"]])
            assert still == cleared, "a file clears nothing that people have begun"
            await approve(house.desk, row["id"], WANG)
    assert after > 4
    booked = {"B2": 2321, "B7": 6711, "B8": 6301}[cure]
    amount = 500 - 3 if cure == "B2" else 500
    assert await house.balances(2351, 1242, booked) == (
        0,
        0,
        (after + 1) * (amount if cure == "B7" else -amount),
    )


async def test_a_line_that_comes_before_the_approval_wins(house: Treasury) -> None:
    merchant = await house.merchant()
    late = await house.paid(merchant, 1000)
    await house.filed(DAY, [])
    row = await house.one_break()
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, row["id"], "B7", LIN)
    await house.filed(NEXT, [listed(1, late)])
    with pytest.raises(InvalidInput, match="not open"):
        await approve(house.desk, row["id"], WANG)
    assert await house.balances(1242, 1241, 3012) == (0, 0, 1000)


async def test_the_command_line_shows_what_is_open_and_who_proposed_what(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.filed(DAY, [stray(1, 8800)])
    house.on_bank(-35)
    await house.read()
    rows = [breaks.cells(row) for row in await list_breaks(house.pool)]
    of_debit = "X3.debit.3014 or X3.debit.3012 or X3.debit.3013 or B7.debit"
    assert {row[1:] for row in rows} == {
        ("missing_here", "2026-09-01", "", "88.00", "88.00", "", "open, can be cured by B2 or B3 or B8"),
        ("unknown_debit", "2026-09-02", "", "-0.35", "-0.35", "", f"open, can be cured by {of_debit}"),
    }
    id_ = next(row[0] for row in rows if row[1] == "missing_here")
    await propose(
        house.desk.pool, house.desk.clock, house.desk.journal, UUID(id_), "B2", LIN, merchant=merchant.id
    )
    (row,) = [row for row in await list_breaks(house.pool) if row["class"] == "missing_here"]
    assert breaks.cells(row)[7] == f"open, B2 for {merchant.id} proposed by lin"
    await approve(house.desk, UUID(id_), WANG)
    assert [row["class"] for row in await list_breaks(house.pool)] == ["unknown_debit"]
    states = {breaks.cells(row)[7] for row in await list_breaks(house.pool, cleared=True)}
    assert "cleared by lin and wang: B2" in states
    first, second, *_ = aligned([breaks.COLUMNS, *rows])
    assert first.index("class") == second.index(rows[0][1])


def test_an_id_that_is_none_is_a_clear_error() -> None:
    answer = CliRunner().invoke(breaks.app, ["cure", "x", "B8"])
    assert isinstance(answer.exception, InvalidInput)
    assert "`zhangfang breaks list`" in str(answer.exception)
