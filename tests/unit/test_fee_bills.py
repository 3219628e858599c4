"""Fees that are billed after the month, and the VAT in a month's income: stored first, posted once, summing to the fen."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, approve_newest, seen
from tests.treasury import DAY, NEXT, Treasury, at, listed, stray, treasury
from tests.unit.test_fees import agree
from zhangfang import approvals, fees
from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.proposals import approve
from zhangfang.channels.port import Answer, Verdict
from zhangfang.fees import NotBilled, NotSeparated, end_of, month_of, why
from zhangfang.fees.vat import tax_in
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import adjustment
from zhangfang.merchants import FeeKind, FeeRule, Merchant, OnRefund, Taken, Tier, get_merchant
from zhangfang.payments import Intent, StepKind, book, weigh
from zhangfang.payments.accept.requests import charged
from zhangfang.reconciliation import propose
from zhangfang.reconciliation.cures import undone

SEPTEMBER, OVER = date(2026, 9, 1), date(2026, 10, 1)
BILLED = FeeRule(FeeKind.COLLECTION, 6000, effective_from=NEXT, taken=Taken.MONTH)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        await open_platform_accounts(made.desk.ledger)
        yield made


async def billed(house: Treasury, rule: FeeRule) -> Merchant:
    """Return a merchant whose collections are charged by `rule`, on a day on which it applies."""
    merchant = await house.merchant()
    await agree(house.desk, merchant.id, rule)
    house.clock.set(at(NEXT, 9))
    return await get_merchant(house.pool, merchant.id)


async def paid(house: Treasury, merchant: Merchant, amount: int, day: date = NEXT) -> Intent:
    """Let a collection succeed that is charged as a request is."""
    house.clock.advance(seconds=1)
    intent = charged(merchant, await house.asked(merchant, amount))
    await house.pool.execute(
        "UPDATE intent SET fee = $2, fee_rule = $3, fee_taken = $4 WHERE id = $1",
        intent.id, intent.fee, intent.fee_rule, intent.fee_taken,
    )  # fmt: skip
    answer = Answer(Verdict.SUCCESS, amount=amount, settle_date=day)
    await weigh(house.desk, await house.now(intent), StepKind.ANSWER, answer)
    return await house.now(intent)


async def bill(house: Treasury, month: date = SEPTEMBER) -> int:
    return await fees.bill_month(house.pool, house.desk.ledger, house.clock, book, month)


async def given(house: Treasury, merchant: Merchant, amount: int) -> None:
    """Let a merchant have available money."""
    made = adjustment(
        new_id(house.clock), debit=(3012, "unionpay"), credit=(2322, merchant.id), amount=amount, business_date=NEXT,
        memo=new_id(house.clock),
    )  # fmt: skip
    await house.desk.ledger.create_transfers(made)


async def lines_of(house: Treasury) -> list[tuple[int, int]]:
    rows = await house.pool.fetch(
        "SELECT i.amount, l.fee FROM fee_bill_line l JOIN intent i ON i.id = l.intent ORDER BY l.bill, l.number"
    )
    return [(row["amount"], row["fee"]) for row in rows]


async def test_a_month_is_billed_once_and_its_lines_sum_to_the_bill(house: Treasury) -> None:
    merchant = await billed(house, BILLED)
    first = await paid(house, merchant, 100_00)
    await paid(house, merchant, 50_33)
    refund = await house.undo(merchant, first, 50_00)
    assert (first.fee, refund.fee, await house.balance(2361)) == (0, 0, 0)
    with pytest.raises(NotBilled, match="the month ends on 2026-09-30"):
        await bill(house)
    house.clock.set(at(OVER, 12))
    assert (await bill(house), await bill(house)) == (1, 0)
    (row,) = await house.pool.fetch("SELECT * FROM fee_bill")
    assert await lines_of(house) == [(100_00, 60), (50_33, 30), (50_00, -30)]
    assert (row["amount"], row["lines"], row["automatic"]) == (60, 3, False)
    assert await house.balances(1122, 6001) == (60, -60)
    late = await paid(house, merchant, 10_00, OVER)
    assert (await bill(house), late.fee) == (0, 0), "it waits for the next bill"
    house.clock.set(at(date(2026, 11, 1), 12))
    assert await bill(house, OVER) == 1
    assert (await lines_of(house))[3:] == [(10_00, 6)]
    assert (await why(house.pool, late.id)).words["zh"] == "记入月度账单，不随交易收取"


async def test_nothing_is_billed_while_a_payment_has_no_outcome(house: Treasury) -> None:
    merchant = await billed(house, BILLED)
    intent = charged(merchant, await house.asked(merchant, 100_00))
    await house.pool.execute("UPDATE intent SET fee_taken = 'month' WHERE id = $1", intent.id)
    house.clock.set(at(OVER, 12))
    with pytest.raises(NotBilled, match="1 payments up to 2026-09-30 have no outcome yet"):
        await bill(house)


@pytest.mark.parametrize(
    ("how", "lines"),
    [
        ("whole", [(150_00, 75), (150_00, 75)]),  # 300.00 reaches 0.5 %
        ("marginal", [(150_00, 90), (150_00, 80)]),  # 200.00 at 0.6 %, 100.00 at 0.5 %
    ],
)
async def test_tiers_by_the_months_volume_are_known_when_it_is_over(
    house: Treasury, how: Any, lines: list[tuple[int, int]]
) -> None:
    tiers = (Tier(200_00, 5000),)
    merchant = await billed(house, replace(BILLED, tiers=tiers, tiers_by="month", tiers_how=how))
    for _ in range(2):
        await paid(house, merchant, 150_00)
    house.clock.set(at(OVER, 12))
    await bill(house)
    assert await lines_of(house) == lines


async def test_a_bill_is_taken_from_available_money_when_two_people_agree(house: Treasury) -> None:
    merchant = await billed(house, BILLED)
    await paid(house, merchant, 100_00)
    house.clock.set(at(OVER, 12))
    await bill(house)
    id_ = await house.pool.fetchval("SELECT id FROM fee_bill")
    propose = partial(fees.propose_taking, house.pool, house.clock, id_, LIN, "as they wrote")
    proposal = await propose()
    with pytest.raises(approvals.SecondPerson):
        await approve(house.desk, *await seen(house.pool, proposal), LIN)
    done = await approve(house.desk, *await seen(house.pool, proposal), WANG)
    assert (done.result or "").startswith("not taken: "), "there was no money"
    await given(house, merchant, 10_00)
    done = await approve(house.desk, *await seen(house.pool, await propose()), WANG)
    assert done.result == "0.60 taken from available money"
    assert await house.balances(1122, 2322, 2361, 1222, 6001) == (0, -9_40, -60, 60, -60)
    assert await fees.take(house.pool, house.desk.ledger, house.clock, book, id_) == "it was paid before"
    with pytest.raises(InvalidInput, match="bill: got one that is not there, not posted or paid"):
        await propose()


async def test_a_contract_may_let_the_bill_be_taken_and_what_is_not_there_is_tried_again(
    house: Treasury,
) -> None:
    merchant = await billed(house, replace(BILLED, taken=Taken.AVAILABLE))
    await paid(house, merchant, 100_00)
    house.clock.set(at(OVER, 12))
    await bill(house)
    assert await house.balance(1122) == 60, "billed, and there was no money"
    await given(house, merchant, 10_00)
    await bill(house)
    await bill(house)
    assert await house.balances(1122, 2322) == (0, -9_40)


async def test_a_bill_that_only_gives_back_is_a_credit(house: Treasury) -> None:
    merchant = await billed(house, replace(BILLED, taken=Taken.AVAILABLE))
    first = await paid(house, merchant, 100_00)
    await given(house, merchant, 10_00)
    house.clock.set(at(OVER, 12))
    await bill(house)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=OVER)
    await house.undo(merchant, first, 100_00)
    house.clock.set(at(date(2026, 11, 1), 12))
    await bill(house, OVER)
    assert await lines_of(house) == [(100_00, 60), (100_00, -60)]
    assert await house.balances(1122, 2322, 2361, 6001) == (0, -10_00, 0, 0)


async def test_a_crash_between_two_steps_posts_and_takes_once(house: Treasury) -> None:
    """Each step is forgotten in turn, as if the process had stopped before it was stored."""
    merchant = await billed(house, replace(BILLED, taken=Taken.AVAILABLE))
    await paid(house, merchant, 100_00)
    await given(house, merchant, 10_00)
    house.clock.set(at(OVER, 12))
    await bill(house)
    for forgotten in ("posted_at = NULL, paid_at = NULL", "paid_at = NULL"):
        await house.pool.execute(f"UPDATE fee_bill SET {forgotten}")
        await bill(house)
        assert await house.balances(1122, 2322, 6001) == (0, -9_40, -60)


async def test_vat_is_taken_out_of_a_months_income_once_and_later_income_is_the_next_months(
    house: Treasury,
) -> None:
    merchant = await billed(house, BILLED)
    await paid(house, merchant, 1_000_00)
    separate = partial(fees.separate_vat, house.pool, house.desk.ledger, house.clock, book)
    with pytest.raises(NotSeparated, match="the month ends on"):
        await separate(SEPTEMBER)
    house.clock.set(at(OVER, 12))
    await bill(house)
    made = await separate(SEPTEMBER)
    assert (made.income, made.rate_ppm, made.tax) == (6_00, 60_000, 34)
    await house.pool.execute("UPDATE fee_vat SET posted_at = NULL")  # a crash after the ledger
    assert await separate(SEPTEMBER) == made == await fees.separated(house.pool, SEPTEMBER)
    assert await house.balances(6001, 2221) == (-5_66, -34)
    await paid(house, merchant, 500_00, OVER)
    house.clock.set(at(date(2026, 11, 1), 12))
    await bill(house, OVER)
    again = await separate(OVER)
    assert (again.income, again.tax) == (3_00, 17)
    assert await house.balances(6001, 2221) == (-8_49, -51)


@pytest.mark.parametrize(
    ("income", "tax"), [(106_00, 6_00), (1, 0), (9, 1), (0, 0), (-106_00, -6_00), (8, 0)]
)
def test_the_tax_in_an_income_is_rounded_half_up(income: int, tax: int) -> None:
    assert tax_in(income, 60_000) == tax


@pytest.mark.parametrize(("text", "last"), [("2026-02", 28), ("2028-02", 29), ("2026-12", 31)])
def test_a_month_is_named_by_its_year_and_number(text: str, last: int) -> None:
    assert end_of(month_of(text)).day == last
    for bad in ("2026-13", "2026-1", "26-01", text + "-01"):
        with pytest.raises(InvalidInput, match="month"):
            month_of(bad)


async def test_a_fee_that_was_taken_with_the_payment_is_not_billed(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.paid(merchant, 100_00, DAY)
    house.clock.set(at(OVER, 12))
    assert await bill(house) == 0
    assert await house.balances(1122, 2361) == (0, -60)


SETTLED = replace(BILLED, taken=Taken.SETTLEMENT)


async def owed(house: Treasury) -> list[Any]:
    """Return where the auditor finds the merchants' accounts to be other than their payments say, and what nobody owns."""
    audit = load("zhangfang_audit", "books.sql")
    found = [
        await house.pool.fetch(f"{audit.shared}\n{audit[name]}") for name in ("subledger_breaks", "unowned")
    ]
    return [row for rows in found for row in rows]


async def settled(house: Treasury, *intents: Intent) -> None:
    """Let the channel list these, bring their money, and settle them."""
    await house.filed(NEXT, [listed(n, intent) for n, intent in enumerate(intents, 1)])
    await house.settled(NEXT)
    await house.settle(date(2026, 9, 3))


async def test_a_fee_is_taken_at_settlement_less_what_refunds_before_it_would_give_back(
    house: Treasury,
) -> None:
    merchant = await billed(house, SETTLED)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    first, second = await paid(house, merchant, 100_00), await paid(house, merchant, 50_00)
    refund = await house.undo(merchant, first, 50_00)
    assert (first.fee, refund.fee, refund.fee_taken) == (60, 30, "settlement")
    assert await house.balances(2321, 2361) == (-100_00, 0), "nothing is taken before"
    assert await owed(house) == []
    await settled(house, first, second, refund)
    assert await house.balances(2321, 2322, 2361) == (0, -99_40, -60), "0.60 − 0.30 + 0.30"
    later = await house.undo(merchant, second, 50_00)
    assert (later.template, later.fee, later.fee_taken) == ("R2", 30, "")
    assert await house.balances(2322, 2361) == (-49_70, -30)
    assert (
        (await why(house.pool, refund.id))
        .words["en"]
        .startswith("not taken: refunded before settlement, 0.30 less")
    )
    assert (await why(house.pool, later.id)).words["en"].startswith("given back: 50.00 of 50.00")
    assert await owed(house) == []


async def test_a_refund_that_fails_after_its_settlement_brings_its_fee_back_into_what_is_taken(
    house: Treasury,
) -> None:
    merchant = await billed(house, SETTLED)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    first = await paid(house, merchant, 100_00)
    refund = await house.undo(merchant, first, 50_00)
    await settled(house, first)
    assert await house.balances(2321, 2322, 2361) == (0, -49_70, -30)
    await weigh(house.desk, refund, StepKind.ANSWER, Answer(Verdict.FAILED))
    assert (await house.now(refund)).state == "FAILED"
    await house.settle(date(2026, 9, 4))
    assert await house.balances(2321, 2322, 2361) == (0, -99_40, -60), "as if there had been no refund"
    assert await owed(house) == []


async def test_bills_that_were_posted_and_taken_are_owned_and_due(house: Treasury) -> None:
    merchant = await billed(house, replace(BILLED, taken=Taken.AVAILABLE))
    one = await paid(house, merchant, 100_00)
    await settled(house, one)
    house.clock.set(at(OVER, 12))
    await bill(house)
    await fees.separate_vat(house.pool, house.desk.ledger, house.clock, book, SEPTEMBER)
    assert await house.balances(1122, 2322, 2221) == (0, -99_40, -3)
    assert await owed(house) == []


async def test_the_channels_charges_stand_beside_the_income_and_what_differs_is_listed(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    rule = FeeRule(FeeKind.COLLECTION, 2000, effective_from=NEXT, on_refund=OnRefund.SHARE)
    await agree(house.desk, "unionpay", rule)
    house.clock.set(at(NEXT, 9))
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    one, two = await paid(house, merchant, 100_00), await paid(house, merchant, 50_00)
    back = await house.undo(merchant, two, 25_00)
    lines = [listed(1, one, fee=20), listed(2, two, fee=11), listed(3, back, fee=-5), stray(4, 1_00, fee=9)]
    await house.filed(NEXT, lines)
    (sums,), differing = await fees.margin(house.pool, SEPTEMBER)
    assert (sums.channel, sums.merchant, sums.lines, sums.amount) == ("unionpay", merchant.id, 3, 125_00)
    assert (sums.income, sums.charged, sums.expected) == (90 - 15, 26, 20 + 10 - 5)
    assert [(line.id, line.charged, line.expected) for line in differing] == [(two.id, 11, 10)]
    assert await fees.margin(house.pool, OVER) == ([], [])


async def test_a_payment_that_is_filled_in_is_billed_by_the_contract(house: Treasury) -> None:
    merchant = await billed(house, BILLED)
    await house.filed(NEXT, [stray(1, 88_00, note="STATIC-1")])
    await house.settled(NEXT)
    id_ = (await house.one_break())["id"]
    await propose(house.pool, house.clock, house.desk.journal, id_, "B2", LIN, merchant=merchant.id)
    await approve_newest(house.desk, id_, WANG)
    intent = await house.desk.journal.by_id(id_)
    assert intent is not None
    assert (intent.fee, intent.fee_taken, intent.fee_rule is not None) == (0, "month", True)
    house.clock.set(at(OVER, 12))
    await bill(house)
    assert await lines_of(house) == [(88_00, 53)]


async def test_a_false_success_gives_back_no_fee_that_was_not_taken(house: Treasury) -> None:
    merchant = await billed(house, SETTLED)
    one = await paid(house, merchant, 100_00)
    case: Any = SimpleNamespace(
        said=SimpleNamespace(cure="B6"), row={"intent": one.id}, journal=house.desk.journal, alias="reserve",
        voucher=new_id(house.clock),
    )  # fmt: skip
    ((whole,),) = await undone.vouchers(case, NEXT)
    assert whole.amount == 100_00, "the principal alone"
