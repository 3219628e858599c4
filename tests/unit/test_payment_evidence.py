"""What evidence does to an intent: booked once, final once, contradictions opened as breaks, crashes repaired."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from zhangfang.channels.port import Answer, NotWritten, Operation, Order, Verdict
from zhangfang.fees import Charge
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Account, AccountFlag, Book
from zhangfang.merchants import MerchantState
from zhangfang.payments import Intent, NotAllowed, Request, State, StepKind, accept, fill_in, store, weigh
from zhangfang.payments.course import posting, steps
from zhangfang.payments.course.posting import LedgerRefused

SUCCESS = Answer(Verdict.SUCCESS, "00", channel_ref="ref1", amount=1000)
FAILED = Answer(Verdict.FAILED, "64")


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as opened:
        yield opened


async def told(shop: Shop, intent: Intent) -> list[str]:
    rows = await shop.desk.pool.fetch("SELECT event FROM webhook WHERE intent = $1 ORDER BY id", intent.id)
    return [row["event"] for row in rows]


async def breaks(shop: Shop) -> list[tuple[str, int, int]]:
    rows = await shop.desk.pool.fetch("SELECT class, ours, theirs FROM break")
    return [tuple(row) for row in rows]


async def test_a_purchase_that_is_paid_after_it_was_closed_opens_a_break_and_books_nothing(
    shop: Shop,
) -> None:
    merchant = await shop.merchant()
    purchase = await shop.ask(merchant, Operation.PURCHASE, "A1", 1000)
    await shop.desk.pool.execute("UPDATE intent SET absent_since = $1", shop.clock.now())
    shop.clock.advance(minutes=1)
    await shop.drive()
    purchase = await shop.reload(purchase)
    assert purchase.state is State.CLOSED
    for _ in range(3):
        await weigh(shop.desk, purchase, StepKind.NOTIFICATION, replace(SUCCESS, amount=1000))
    assert (await shop.reload(purchase)).state is State.CLOSED
    assert await breaks(shop) == [("contradiction", 0, 1000)]
    assert (await shop.balances(merchant.id))[2321] == 0


async def test_a_failure_after_success_opens_a_break_and_the_money_stays(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.QUERY, SUCCESS)
    await weigh(
        shop.desk, paid, StepKind.QUERY, FAILED
    )  # a reader that is late: it still holds the open intent
    await weigh(shop.desk, await shop.reload(paid), StepKind.QUERY, FAILED)
    assert (await shop.reload(paid)).state is State.SUCCESS
    assert await breaks(shop) == [("contradiction", 1000, 0)]
    assert (await shop.balances(merchant.id))[2321] == 994


async def test_a_success_that_was_booked_beside_a_failure_is_taken_back(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.QUERY, FAILED)
    for _ in range(2):
        await weigh(shop.desk, paid, StepKind.NOTIFICATION, SUCCESS)  # it read the intent before it failed
    assert (await shop.reload(paid)).state is State.FAILED
    assert (await shop.balances(merchant.id)) == dict.fromkeys(await shop.balances(merchant.id), 0)
    assert await breaks(shop) == [("contradiction", 0, 1000)]


@pytest.mark.parametrize("kind", [Operation.PURCHASE, Operation.COLLECTION])
async def test_a_success_that_was_booked_and_never_stored_is_taken_back_when_the_channel_says_failed(
    shop: Shop, kind: Operation
) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, kind, "A1", 1000)
    booked = posting.transfers(paid, shop.desk.alias, paid.business_date)
    await posting.must_post(shop.desk, paid, booked)  # and here the process died
    assert (await shop.balances(merchant.id))[2321] == 994
    await weigh(shop.desk, paid, StepKind.QUERY, FAILED)
    assert (await shop.reload(paid)).state is State.FAILED
    assert (await shop.balances(merchant.id)) == dict.fromkeys(await shop.balances(merchant.id), 0)


@pytest.mark.parametrize("kind", [Operation.REFUND, Operation.VOID])
async def test_a_refused_or_failed_refund_gives_its_counters_back_exactly_once(
    shop: Shop, kind: Operation
) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.QUERY, SUCCESS)
    shop.unionpay.on_send["R1"] = ["lost_request"]
    refund = await shop.ask(merchant, kind, "R1", 1000, original=paid.id)
    taken = await shop.reload(paid)
    assert (taken.refunded, taken.fee_refunded, taken.voided) == (1000, 6, False)
    for _ in range(3):
        await weigh(shop.desk, refund, StepKind.QUERY, FAILED)
    back = await shop.reload(paid)
    assert (back.refunded, back.fee_refunded, back.voided) == (0, 0, False)
    assert (await shop.balances(merchant.id))[2321] == 994
    assert (await shop.balances(merchant.id))[3013] == 0


async def test_refunds_after_one_that_failed_are_accepted_and_give_the_whole_fee_back(shop: Shop) -> None:
    """The fee of the second one was rounded up beside the first one, which then fails."""
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 100)
    await weigh(shop.desk, paid, StepKind.QUERY, replace(SUCCESS, amount=100))
    shop.unionpay.on_send["R1"] = ["lost_request"]
    first = await shop.ask(merchant, Operation.REFUND, "R1", 49, original=paid.id)
    await shop.ask(merchant, Operation.REFUND, "R2", 1, original=paid.id)
    await weigh(shop.desk, first, StepKind.QUERY, FAILED)
    for number, part in (("R3", 1), ("R4", 48), ("R5", 50)):
        await shop.ask(merchant, Operation.REFUND, number, part, original=paid.id)
    back = await shop.reload(paid)
    assert (back.refunded, back.fee_refunded) == (100, paid.fee) == (100, 1)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NotWritten("name", "36 characters", "at most 35"), State.FAILED),
        (InvalidInput("amount", "text of 3 characters", "yuan"), State.UNKNOWN),
        (KeyError("trsAmt"), State.UNKNOWN),
    ],
)
async def test_only_an_order_that_cannot_be_written_fails_without_an_answer(
    shop: Shop, error: Exception, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in reading an answer, the order was sent."""
    merchant = await shop.merchant(100_000)

    async def fails(order: Order) -> Answer:
        raise error

    for bank in (shop.cmb, shop.unionpay):
        monkeypatch.setattr(bank, "send", fails)
        monkeypatch.setattr(bank, "query", fails)
    for number, kind in (("A1", Operation.COLLECTION), ("O1", Operation.PAYOUT)):
        one = await shop.ask(merchant, kind, number, 1000)
        for _ in range(4):  # a payout that one channel cannot write is tried at the next one
            await shop.forget_leases()
            shop.clock.advance(minutes=6)
            await shop.drive()
            await shop.idle()
        assert (await shop.reload(one)).state is state


async def test_a_refund_that_the_ledger_refuses_is_never_sent_and_gives_its_counters_back_once(
    shop: Shop,
) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.QUERY, SUCCESS)
    pending = Account(Book.CUSTOMERS, 2321, merchant.id, AccountFlag.CREDIT_FLOOR)
    day = shop.clock.now().date()
    await shop.desk.ledger.set_flags(pending, AccountFlag.FROZEN, id_=new_id(shop.clock), business_date=day)
    refund = await shop.ask(merchant, Operation.REFUND, "R1", 500, original=paid.id)
    assert (refund.state, refund.code) == (State.REFUSED, "account_frozen")
    for _ in range(3):  # a driver that read it before goes on: the refusal is durable, so is the state
        await steps.advance(shop.desk, replace(refund, state=State.CREATED))
    assert (await shop.reload(paid)).refunded == 0
    assert shop.unionpay.sent[refund.channel_order_no] == []


async def test_a_refusal_that_may_pass_ends_nothing(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    payout = await shop.ask(merchant, Operation.PAYOUT, "O1", 100)
    stranger = replace(
        payout, merchant="mer_without_accounts", voucher=new_id(shop.clock), state=State.CREATED
    )
    with pytest.raises(LedgerRefused, match="DEBIT_NOT_FOUND"):
        await steps.prepare(shop.desk, stranger)
    assert (await shop.reload(payout)).state is not State.REFUSED


@pytest.mark.parametrize("answer", [FAILED, replace(SUCCESS, verdict=Verdict.RETURNED)])
async def test_money_given_back_before_midnight_and_written_down_after_it_is_given_back_once(
    shop: Shop, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger has booked, the process dies, and the next one comes on another business date."""
    merchant = await shop.merchant(100_000)
    payout = await shop.ask(merchant, Operation.PAYOUT, "O1", 1000)
    shop.clock.set(shop.clock.now().replace(hour=15, minute=59))  # 23:59 in China
    with monkeypatch.context() as dying:
        dying.setattr(store, "write", _dies)
        dying.setattr(posting, "must_post", _then_dies(posting.must_post))
        with pytest.raises(ConnectionError):
            await weigh(shop.desk, payout, StepKind.QUERY, answer)
    shop.clock.advance(minutes=5)
    for _ in range(2):
        await weigh(shop.desk, await shop.reload(payout), StepKind.QUERY, answer)
    balances = await shop.balances(merchant.id)
    fee_kept = 50 if answer.verdict is Verdict.RETURNED else 0
    assert balances[2322] == 100_000 - fee_kept
    assert balances[3014] == (1000 if fee_kept else 0)


async def _dies(*_: object) -> None:
    raise ConnectionError("the process is gone")


def _then_dies(post: object) -> object:
    async def posted(*of: object) -> None:
        await post(*of)  # type: ignore[operator]
        raise ConnectionError("the process is gone")

    return posted


async def test_a_pay_in_booked_on_one_date_and_proven_again_with_another_keeps_the_first(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    today = paid.business_date
    await posting.must_post(shop.desk, paid, posting.transfers(paid, "cmb", today))
    late = replace(SUCCESS, settle_date=today + timedelta(days=1))
    await weigh(shop.desk, paid, StepKind.NOTIFICATION, late)
    now = await shop.reload(paid)
    assert (now.state, now.settle_date) == (State.SUCCESS, today), "the row says what the books say"
    assert (await shop.balances(merchant.id))[2321] == 994


async def test_a_posting_that_differs_in_more_than_its_date_is_an_error(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await posting.must_post(shop.desk, paid, posting.transfers(paid, "cmb", paid.business_date))
    other = replace(paid, amount=1001)
    with pytest.raises(LedgerRefused):
        await posting.must_post(shop.desk, paid, posting.transfers(other, "cmb", paid.business_date))


async def test_a_payout_that_comes_back_later_is_returned_once_and_stays_a_success(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    payout = await shop.ask(merchant, Operation.PAYOUT, "O1", 1000)
    await weigh(shop.desk, payout, StepKind.QUERY, SUCCESS)
    for _ in range(3):
        returned = replace(SUCCESS, verdict=Verdict.RETURNED)
        await weigh(shop.desk, await shop.reload(payout), StepKind.BANK, returned)
    after = await shop.reload(payout)
    assert (after.state, after.returned_at) == (State.SUCCESS, shop.clock.now())
    balances = await shop.balances(merchant.id)
    assert (balances[2322], balances[3015]) == (100_000 - 50, 1000)


@pytest.mark.parametrize("state", ["open", "paid"])
async def test_a_return_of_one_fen_credits_nothing_and_opens_a_break(shop: Shop, state: str) -> None:
    merchant = await shop.merchant(100_000)
    payout = await shop.ask(merchant, Operation.PAYOUT, "O1", 5000)
    if state == "paid":
        await weigh(shop.desk, payout, StepKind.QUERY, replace(SUCCESS, amount=5000))
    one_fen = replace(SUCCESS, verdict=Verdict.RETURNED, amount=1)
    for _ in range(2):
        await weigh(shop.desk, await shop.reload(payout), StepKind.NOTIFICATION, one_fen)
    now = await shop.reload(payout)
    assert (now.state, now.returned_at) == (State.SUCCESS if state == "paid" else State.MANUAL, None)
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5050
    assert await breaks(shop) == [("contradiction", 5000 if state == "paid" else 0, 1)]
    await weigh(
        shop.desk, now, StepKind.NOTIFICATION, replace(SUCCESS, verdict=Verdict.RETURNED, amount=5000)
    )
    assert (await shop.reload(payout)).returned_at is not None, "the whole return is still believed"


async def test_a_notification_of_another_amount_after_the_end_opens_a_break(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.QUERY, SUCCESS)
    for amount in (999, 1001, 999):
        await weigh(
            shop.desk, await shop.reload(paid), StepKind.NOTIFICATION, replace(SUCCESS, amount=amount)
        )
    assert await breaks(shop) == [("contradiction", 1000, 999), ("contradiction", 1000, 1001)]
    assert (await shop.balances(merchant.id))[2321] == 994


@pytest.mark.parametrize(
    "flawed",
    [
        {"amount": None},
        {"lacks": "currencyCode: missing"},
        {"settle_date": date(2027, 4, 1)},
        {"requested_at": datetime(2025, 9, 1, tzinfo=UTC)},
        {"verdict": Verdict.RETURNED},
    ],
    ids=str,
)
@pytest.mark.parametrize("ended", [False, True])
async def test_evidence_that_is_not_whole_is_kept_and_proves_nothing(
    shop: Shop, flawed: dict[str, Any], ended: bool
) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    if ended:
        await weigh(shop.desk, paid, StepKind.QUERY, FAILED)
    await weigh(shop.desk, await shop.reload(paid), StepKind.NOTIFICATION, replace(SUCCESS, **flawed))
    assert (await shop.reload(paid)).state is (State.FAILED if ended else State.UNKNOWN)
    assert (await shop.balances(merchant.id))[2321] == 0
    assert await breaks(shop) == []
    (kept,) = [s for s in await shop.desk.journal.steps(paid.id) if s.kind is StepKind.NOTIFICATION]
    assert (kept.verdict, kept.message[:14]) == ("unknown", "proves nothing")


async def test_sixty_equal_notifications_at_once_are_booked_once_and_say_so_once(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await asyncio.gather(*(weigh(shop.desk, paid, StepKind.NOTIFICATION, SUCCESS) for _ in range(60)))
    steps_ = await shop.desk.journal.steps(paid.id)
    assert [step.kind for step in steps_].count(StepKind.LEDGER) == 1
    assert [step.kind for step in steps_].count(StepKind.NOTIFICATION) == 60
    assert (await shop.balances(merchant.id))[2321] == 994


async def test_success_with_another_amount_moves_nothing_and_goes_to_people(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.NOTIFICATION, replace(SUCCESS, amount=999))
    assert (await shop.reload(paid)).state is State.MANUAL
    assert (await shop.balances(merchant.id))[2321] == 0
    await weigh(shop.desk, await shop.reload(paid), StepKind.NOTIFICATION, replace(SUCCESS, amount=1000))
    assert (await shop.reload(paid)).state is State.SUCCESS


async def test_a_merchant_that_is_frozen_asks_for_nothing_new_but_finds_what_it_asked(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    frozen = replace(merchant, state=MerchantState.FROZEN)
    again, new = await accept(
        shop.desk, frozen, Request(Operation.COLLECTION, "A1", 1000, "A1", account=PAYER)
    )
    assert (again.id, new) == (paid.id, False)
    with pytest.raises(NotAllowed, match="frozen"):
        await accept(shop.desk, frozen, Request(Operation.COLLECTION, "A2", 1000, "A2", account=PAYER))


async def test_a_payment_filled_in_gets_the_channels_number_where_the_merchants_is_taken(shop: Shop) -> None:
    merchant = await shop.merchant()
    await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    ids = new_id(shop.clock), new_id(shop.clock)
    for _ in range(2):
        id_ = await fill_in(
            shop.desk.pool, shop.desk.clock, shop.desk.journal, merchant.id,
            channel="unionpay", channel_order_no="c" * 32, channel_ref="q1", order_no="A1",
            amount=500, fee=Charge(3, None, ""),
            settle_date=shop.clock.now().date(), ids=ids, evidence=(StepKind.PERSON, "two people"),
        )  # fmt: skip
    made = await shop.desk.journal.by_id(id_)
    assert made is not None
    assert (made.order_no, made.state, made.amount) == ("c" * 32, State.SUCCESS, 500)
    assert len(await shop.desk.journal.steps(id_)) == 1


async def test_merchants_without_an_endpoint_are_told_nothing(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    await weigh(shop.desk, paid, StepKind.QUERY, SUCCESS)
    assert await told(shop, paid) == []
