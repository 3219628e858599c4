"""Each cure of a bank line and of what was never done: booked once, refused where it cannot be, and good to the auditor."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import (
    ACCOUNT,
    ALIAS,
    DAY,
    NEXT,
    Cut,
    Treasury,
    at,
    cut_off,
    listed,
    open_channel,
    stray,
    treasury,
)
from zhangfang.approvals import NoProposal
from zhangfang.channels.port import Answer, FileLine, Operation, PartyAccount, Verdict
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.merchants import Merchant
from zhangfang.payments import (
    PREFIX,
    Intent,
    NewShare,
    Request,
    Split,
    State,
    StepKind,
    intent_job,
    seal_payee,
    split_payment,
    weigh,
)
from zhangfang.payments.accept.requests import draft
from zhangfang.payments.course import steps
from zhangfang.payments.sealing import fingerprint
from zhangfang.reconciliation import Cure, finish_returns, preview, propose, return_late_payments

PROOF = "letter 113"
LATER = NEXT + timedelta(days=1)
audit = load("zhangfang_audit", "books.sql")


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        await open_channel(made.desk.ledger, ALIAS)
        yield made
        wrong = await made.pool.fetch(f"{audit['shared']}\n{audit['subledger_breaks']}")
        assert [dict(row) for row in wrong] == [], "the auditor counts what the cures have moved"
        assert await made.pool.fetch(f"{audit['shared']}\n{audit['unowned']}") == []


async def cured(house: Treasury, row: Any, cure: str, **said: Any) -> Any:
    """Look at a cure, propose it, approve it, and return the break as it is then."""
    whole = Cure(cure, **said)
    looked = await preview(house.desk, row["id"], whole)
    await propose(house.pool, house.clock, house.desk.journal, row["id"], whole, LIN)
    await approve(house.desk, row["id"], WANG)
    await approve(house.desk, row["id"], WANG)  # after a crash
    voucher = row["cure_voucher"]
    booked = await house.pool.fetchval("SELECT count(*) FROM transfer WHERE voucher = $1", voucher)
    if cure not in ("X3.3012", "X3.debit.3012", "B3", "X4"):
        assert booked == len([one for several in looked for one in several if one.voucher == voucher]), cure
    return await house.pool.fetchrow("SELECT * FROM break WHERE id = $1", row["id"])


def shown(intent: Intent) -> str:
    return prefixed(PREFIX[intent.kind], intent.id)


async def a_line(house: Treasury, signed: int, text: str = "汇错款") -> Any:
    house.on_bank(signed, text=text)
    await house.read()
    return await house.one_break()


async def rich(house: Treasury, amount: int = 100_000) -> tuple[Merchant, Intent]:
    """Return a merchant with so much available, and its payment."""
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, amount)
    await house.settle()
    return merchant, await house.now(paid)


async def test_a_false_success_is_taken_back_and_never_settled(house: Treasury) -> None:
    merchant = await house.merchant()
    lost, good = await house.paid(merchant, 1000), await house.paid(merchant, 2000)
    await house.filed(DAY, [listed(1, good)])
    await house.settled(DAY)
    row = await house.one_break()
    with pytest.raises(InvalidInput, match=r"proof: got nothing"):
        await propose(house.pool, house.clock, house.desk.journal, row["id"], "B6", LIN)
    done = await cured(house, row, "B6", proof=PROOF)
    assert (done["cure"], done["cleared_by"]) == ("B6", "lin and wang")
    assert await house.balances(1242, 3011, 2321, 2361) == (0, 0, -1988, -12)
    now = await house.now(lost)
    assert (now.state, now.refunded, now.fee_refunded, now.voided) == (State.SUCCESS, 1000, 6, True)
    assert await house.settle() == []
    assert ((await house.now(lost)).settlement, await house.balances(2321, 2322)) == (None, (0, -1988))
    await house.filed(NEXT, [listed(1, lost)])
    row = await house.one_break()
    assert (row["class"], row["template"]) == ("duplicate", "B1")
    await cured(house, row, "B3")  # the payer's order was never served: the money goes back
    assert await house.balances(2351) == (-1000,)


async def test_a_false_success_that_was_split_is_taken_back_by_its_parts(house: Treasury) -> None:
    seller, one, other = [await house.merchant() for _ in range(3)]
    lost = await house.paid(seller, 1000)
    for n, (who, fen) in enumerate(((one, 300), (other, 400))):
        split = Split((NewShare(who.id, fen),))
        await split_payment(house.pool, house.desk.ledger, house.clock, seller, lost.id, split, f"k{n}")
    await house.filed(DAY, [])
    await cured(house, await house.one_break(), "B6", proof=PROOF)
    assert await house.balances(1242, 3011, 2321, 2361) == (0, 0, 0, 0)
    assert [await house.balance(2321, who.id) for who in (seller, one, other)] == [0, 0, 0]
    assert await house.settle() == []


async def test_a_payment_on_which_something_was_built_is_no_false_success(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    lost = await house.paid(merchant, 1000)
    await house.filed(DAY, [])
    row = await house.one_break()
    await house.undo(merchant, lost, 500)
    with pytest.raises(InvalidInput, match="refunded or settled"):
        await propose(house.pool, house.clock, house.desk.journal, row["id"], Cure("B6", proof=PROOF), LIN)


async def test_a_refund_that_was_never_made_goes_back_to_the_merchant_and_may_be_asked_for_again(
    house: Treasury,
) -> None:
    merchant, paid = await rich(house)
    refund = await house.undo(merchant, paid, 40_000)
    before = await house.balances(2322, 2361)
    await house.filed(NEXT, [])
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=DAY)
    row = next(one for one in await house.breaks() if one["class"] == "missing_there")
    await cured(house, row, "R5", proof=PROOF)
    assert await house.balances(3013) == (0,)
    assert await house.balances(2322, 2361) == (before[0] - 39_760, before[1] - 240)
    assert (await house.now(paid)).refunded == 0
    again = await house.undo(merchant, await house.now(paid), 100_000)
    assert again.state is State.SUCCESS
    await house.filed(LATER, [replace(listed(1, refund)), replace(listed(2, again))])
    assert (await house.one_break())["class"] == "duplicate"


async def test_a_payout_that_a_channel_never_made_goes_back_to_the_merchant(house: Treasury) -> None:
    merchant, _ = await rich(house)
    before = await house.balance(2322)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    payout = await by_acquirer(house, merchant, 9_000)
    assert (payout.state, await house.balance(3014, "unionpay")) == (State.SUCCESS, -9_000)
    await house.filed(NEXT, [])
    row = await house.one_break()
    assert (row["class"], row["template"]) == ("missing_there", "")
    await cured(house, row, "O6", proof=PROOF)
    assert await house.balances(3014, 2322) == (0, before)
    await house.filed(LATER, [listed(1, payout)])
    row = await house.one_break()
    assert (row["class"], row["template"]) == ("duplicate", "B5-")
    await cured(house, row, "B7")


async def by_acquirer(house: Treasury, merchant: Merchant, amount: int) -> Intent:
    """Pay out through the channel with the files, as some do."""
    name = f"P{amount}"
    request = Request(Operation.PAYOUT, name, amount, name, account=ACCOUNT)
    made = draft(
        house.desk.vault, house.clock, merchant.id, request, fingerprint(house.desk.vault, request), 100
    )
    intent = replace(made, channel="unionpay", channel_order_no=f"C{made.id.hex[1:]}")
    await house.desk.journal.insert(intent, [])
    assert await steps.prepare(house.desk, intent)
    await steps.send(house.desk, intent, ACCOUNT)
    return await house.now(intent)


async def test_a_settlement_that_the_text_did_not_say_is_identified_with_its_fee(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 10_000)
    await house.filed(DAY, [listed(1, paid, fee=30)])
    row = await a_line(house, 9_970, "unreadable")
    for said, why in (
        ({"channel": "unionpay", "day": NEXT}, "not matched here"),
        ({"channel": "unionpay"}, "day: got nothing"),
        ({"channel": "nobody", "day": DAY}, "not matched here"),
    ):
        with pytest.raises(InvalidInput, match=why):
            await propose(
                house.pool, house.clock, house.desk.journal, row["id"], Cure("X3.3012", **said), LIN
            )
    await cured(house, row, "X3.3012", channel="unionpay", day=DAY)
    assert await house.balances(2352, 3012, 1241, 2242, 2202) == (0, 0, 30, -30, 0)
    assert await house.settle() == []
    assert (await house.now(paid)).settlement is not None
    row = await a_line(house, 9_970, f"unionpay settles {DAY}")
    assert row["note"] == f"the settlement of {DAY} has arrived already"
    with pytest.raises(InvalidInput, match="whose money has come"):
        await cured(house, row, "X3.3012", channel="unionpay", day=DAY)
    await cured(house, row, "B8.receipt")
    assert await house.balances(2352, 6301) == (0, -9_970)


async def test_a_payout_that_came_back_without_its_number_is_returned(house: Treasury) -> None:
    merchant, _ = await rich(house)
    payout = await house.payout(merchant, 9_000)
    house.on_bank(-9_000, reference=payout.channel_order_no)
    await house.read()
    before = await house.balance(2322)
    row = await a_line(house, 9_000, "退汇")
    with pytest.raises(InvalidInput, match="a payout"):
        await cured(
            house, row, "X3.3015", payment=shown((await house.arrived(merchant, 9_000, day=LATER))[0])
        )
    await cured(house, row, "X3.3015", payment=shown(payout))
    assert (await house.now(payout)).returned_at is not None
    assert await house.balances(2352, 3015, 3014) == (0, 0, 0)
    assert await house.balance(2322) == before - 9_000
    again = await a_line_more(house, 9_000, reference=payout.channel_order_no)
    assert (again["class"], again["note"]) == (
        "unknown_receipt",
        f"not a O8 of payout {payout.channel_order_no}",
    )


async def a_line_more(house: Treasury, signed: int, **more: Any) -> Any:
    house.on_bank(signed, **more)
    await house.read()
    return await house.one_break()


@pytest.mark.parametrize("verdict", [Verdict.SUCCESS, Verdict.UNKNOWN])
async def test_a_debit_without_its_number_is_a_payout(house: Treasury, verdict: Verdict) -> None:
    merchant, _ = await rich(house)
    house.bank.answer = Answer(verdict)
    payout = await house.payout(merchant, 9_000)
    row = await a_line(house, -9_000, "转账")
    await cured(house, row, "X3.debit.3014", payment=shown(payout))
    assert await house.balances(1243, 3014) == (0, 0)
    now = await house.now(payout)
    assert (now.state, now.arrived_seq) == (State.SUCCESS, row["key"])
    again = await a_line_more(house, -9_000, reference=payout.channel_order_no)
    await cured(house, again, "B7.debit")
    assert await house.balances(1243, 6711) == (0, 9_000)


async def test_a_payment_that_no_file_lists_came_by_itself(house: Treasury) -> None:
    merchant = await house.merchant()
    lost = await house.paid(merchant, 1000)
    await house.filed(DAY, [])
    house.on_bank(1000, text="?")
    await house.read()
    row = next(one for one in await house.breaks() if one["class"] == "unknown_receipt")
    await cured(house, row, "X3.3011", payment=shown(lost))
    assert [one["cleared_at"] is not None for one in await house.breaks()] == [True, True]
    assert await house.balances(2352, 1242, 3011) == (0, 0, 0)
    assert await house.listed_on(lost) == [DAY]


async def test_a_refund_that_no_file_lists_left_by_itself(house: Treasury) -> None:
    merchant, paid = await rich(house)
    refund = await house.undo(merchant, paid, 40_000)
    await house.filed(NEXT, [])
    house.on_bank(-40_000, text="?")
    await house.read()
    row = next(one for one in await house.breaks() if one["class"] == "unknown_debit")
    await cured(house, row, "X3.debit.3013", payment=shown(refund))
    assert await house.balances(1243, 3013) == (0, 0)
    assert [one["cleared_at"] is not None for one in await house.breaks()] == [True, True]


async def test_a_merchants_own_money_becomes_available(house: Treasury) -> None:
    merchant = await house.merchant()
    row = await a_line(house, 7_000)
    await cured(house, row, "X3.2322", merchant=merchant.id, proof=PROOF)
    assert await house.balances(2352, 2322) == (0, -7_000)


def payee(house: Treasury, row: Any) -> dict[str, str]:
    account = PartyAccount("6222000000000034", "李四")
    return {"account": seal_payee(house.desk.vault, account, row["id"]), "tail": "0034", "proof": PROOF}


async def driven(house: Treasury) -> None:
    for _ in range(3):
        await house.pool.execute("UPDATE intent SET lease_until = NULL")
        await run_due(house.pool, house.clock.now(), intent_job(house.desk))
        await house.quiet()
        house.clock.advance(seconds=61)


async def test_money_from_nowhere_is_sent_back_and_waits_for_its_proof(house: Treasury) -> None:
    row = await a_line(house, 7_000)
    house.bank.answer = Answer(Verdict.UNKNOWN)
    await cured(house, row, "X4", **payee(house, row))
    await driven(house)
    assert await house.balances(2352, 3014) == (0, -7_000)
    assert await finish_returns(house.pool, house.clock) == 0
    (order,) = {one.order_no: one for one in house.bank.sent}.values()
    assert (order.account, order.amount) == (PartyAccount("6222000000000034", "李四"), 7_000)
    house.bank.answer = Answer(Verdict.SUCCESS)
    await driven(house)
    assert await finish_returns(house.pool, house.clock) == 1
    (done,) = await house.breaks()
    assert (done["cleared_by"], done["cure"]) == ("lin and wang", "X4")
    house.on_bank(-7_000, reference=order.order_no)
    await house.read()
    assert await house.balances(1003, 2352, 3014) == (0, 0, 0)
    intent = await house.desk.journal.by_channel_order(order.order_no)
    assert intent is not None
    back = Answer(Verdict.RETURNED, amount=7_000, message="account closed")
    await weigh(house.desk, intent, StepKind.BANK, back)
    await finish_returns(house.pool, house.clock)
    row = await house.one_break()
    assert (row["cure"], row["note"].endswith("what was sent back came back")) == (None, True)
    assert await house.balances(2352, 3015) == (-7_000, 7_000)


async def test_what_could_not_be_sent_back_lies_in_suspense_as_before(house: Treasury) -> None:
    row = await a_line(house, 7_000)
    house.bank.answer = Answer(Verdict.FAILED, "77", "no such account", elsewhere=True)
    await cured(house, row, "X4", **payee(house, row))
    await driven(house)
    assert await finish_returns(house.pool, house.clock) == 1
    row = await house.one_break()
    assert row["note"].endswith("its return to the payer failed: 77 no such account")
    assert await house.balances(2352, 3014) == (-7_000, 0)
    await cured(house, row, "B8.receipt")


async def test_an_account_of_another_break_is_refused(house: Treasury) -> None:
    first = await a_line(house, 7_000)
    sealed = payee(house, first)
    await cured(house, first, "B8.receipt")
    second = await a_line(house, 7_001)
    with pytest.raises(Exception, match="does not open"):
        await cured(house, second, "X4", **sealed)


async def test_a_late_payment_of_a_closed_order_goes_back_by_itself(house: Treasury) -> None:
    merchant = await house.merchant()
    closed = await house.asked(merchant, 1000, Operation.PURCHASE, State.CLOSED)
    await weigh(
        house.desk, closed, StepKind.NOTIFICATION, Answer(Verdict.SUCCESS, amount=1000, settle_date=DAY)
    )
    await house.filed(DAY, [listed(1, closed)])
    assert (await house.now(closed)).state is State.CLOSED
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    channels = house.desk.channels
    assert await return_late_payments(house.pool, channels, house.clock) == 1
    assert await return_late_payments(house.pool, channels, house.clock) == 0
    await driven(house)
    assert await finish_returns(house.pool, house.clock) == 1
    row = next(one for one in await house.breaks() if one["class"] == "missing_here")
    assert (row["cure"], row["cleared_by"]) == ("R4", "platform")
    assert await house.balances(2351, 3013) == (0, -1000)
    assert all(one["cleared_at"] for one in await house.breaks())


async def test_a_late_payment_whose_return_failed_waits_for_people(house: Treasury) -> None:
    closed = await house.asked(await house.merchant(), 1000, Operation.PURCHASE, State.CLOSED)
    await house.filed(DAY, [listed(1, closed)])
    house.acquirer.answer = Answer(Verdict.FAILED, "77", "too old")
    await return_late_payments(house.pool, house.desk.channels, house.clock)
    await driven(house)
    assert await finish_returns(house.pool, house.clock) == 1
    assert await return_late_payments(house.pool, house.desk.channels, house.clock) == 0
    await cured(house, await house.one_break(), "B8")


async def test_a_contradiction_that_no_file_decides_is_seen_by_two(house: Treasury) -> None:
    merchant = await house.merchant()
    failed = await house.asked(merchant, 1000)
    await weigh(house.desk, failed, StepKind.QUERY, Answer(Verdict.FAILED))
    await weigh(house.desk, await house.now(failed), StepKind.QUERY, Answer(Verdict.SUCCESS, amount=1000))
    done = await cured(house, await house.one_break(), "seen")
    assert done["cure"] == "seen"


async def test_a_return_of_another_amount_is_given_to_its_merchant(house: Treasury) -> None:
    merchant, _ = await rich(house)
    payout = await house.payout(merchant, 9_000)
    before = await house.balance(2322)
    line = FileLine(
        1,
        "",
        "Q1",
        Operation.PAYOUT,
        8_990,
        True,
        0,
        adjustment=True,
        original_order_no=payout.channel_order_no,
    )
    await house.pool.execute("UPDATE intent SET channel = 'unionpay' WHERE id = $1", payout.id)
    await house.filed(NEXT, [line])
    row = next(one for one in await house.breaks() if one["class"] == "missing_here")
    assert row["intent"] == payout.id
    await cured(house, row, "B2.return")
    assert await house.balance(2322) == before - 8_990
    await house.pool.execute("UPDATE intent SET channel = 'cmb' WHERE id = $1", payout.id)


@pytest.mark.parametrize(
    ("cure", "signed"),
    [("X3.3012", 9_970), ("X3.3015", 9_000), ("X3.debit.3014", -9_000), ("X3.3011", 1_000)],
)
async def test_a_cure_that_is_cut_off_at_any_step_is_finished_by_the_next(
    house: Treasury, cure: str, signed: int
) -> None:
    merchant, _ = await rich(house, 1_000_000)
    for after in range(60):
        day = LATER + timedelta(days=after)
        house.clock.set(at(day, 12))
        said = await of(house, merchant, cure, day)
        house.on_bank(signed, text="?", day=day)
        await house.read()
        (row,) = [
            one for one in await house.breaks() if not one["cleared_at"] and one["template"] in ("X1", "X2")
        ]
        await propose(house.pool, house.clock, house.desk.journal, row["id"], Cure(cure, **said), LIN)
        try:
            await approve(cut_off(house.desk, after), row["id"], WANG)
            break
        except Cut:
            await approve(house.desk, row["id"], WANG)
    assert after > 4
    assert await house.balances(2352, 1243, 1242) == (0, 0, 0)
    assert [one for one in await house.breaks() if one["cleared_at"] is None] == []


async def of(house: Treasury, merchant: Merchant, cure: str, day: Any) -> dict[str, Any]:
    """Make what a bank line can be identified as, and return what people say of it."""
    if cure in ("X3.3015", "X3.debit.3014"):
        payout = await house.payout(merchant, 9_000)
        return {"payment": shown(payout)}
    paid = await house.paid(merchant, 1_000 if cure == "X3.3011" else 10_000, day)
    await house.filed(day, [] if cure == "X3.3011" else [listed(1, paid, fee=30)])
    return {"payment": shown(paid)} if cure == "X3.3011" else {"channel": "unionpay", "day": day}


async def test_nothing_is_proposed_for_a_break_that_is_over(house: Treasury) -> None:
    await house.filed(DAY, [stray(1, 8800)])
    row = await house.one_break()
    await cured(house, row, "B8")
    with pytest.raises(InvalidInput, match="not open"):
        await propose(house.pool, house.clock, house.desk.journal, row["id"], "B8", LIN)
    with pytest.raises(NoProposal):
        await approve(house.desk, "nothing", WANG)
