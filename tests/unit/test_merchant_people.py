"""What each state of a merchant stops, exactly, and that new terms leave alone what was accepted under the old ones."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.clock import SetClock
from tests.desk import Shop, open_shop
from tests.people import LIN, agree_terms
from tests.treasury import DAY, NEXT, Treasury, at, listed, treasury
from tests.unit.test_batch_path import HEADER, lines, submit
from zhangfang.approvals import NotAnOperator, acts, operator
from zhangfang.channels.port import Operation
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import (
    Merchant,
    NotFromHere,
    Terms,
    UnknownMerchant,
    freeze,
    get_merchant,
    terms_on,
    thaw,
)
from zhangfang.payments import NotAllowed, OperationStopped, Request, State, accept, close_merchant
from zhangfang.settlement import pay_out

WHY = (LIN, "a court asks for it")
THIRD = date(2026, 9, 3)


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as shop:
        yield shop


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def frozen(shop: Shop, merchant: Merchant) -> Merchant:
    await freeze(shop.desk.pool, shop.clock, merchant.id, *WHY)
    return await get_merchant(shop.desk.pool, merchant.id)


async def test_a_frozen_merchant_gets_no_payment_and_no_payout_but_a_repeat_of_an_old_request(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(available=10_000)
    old = await shop.ask(merchant, Operation.COLLECTION, "old", 1_000)
    cold = await frozen(shop, merchant)
    for kind in (Operation.PURCHASE, Operation.COLLECTION, Operation.PAYOUT):
        with pytest.raises(NotAllowed, match="is frozen"):
            await shop.ask(cold, kind, f"new-{kind}", 100)
    with pytest.raises(NotAllowed, match="is frozen"):
        await submit(shop, cold, HEADER + "".join(lines(range(3))))
    assert (await shop.ask(cold, Operation.COLLECTION, "old", 1_000)).id == old.id
    with pytest.raises(NotAllowed, match="is frozen"):  # who calls may still believe that it is active
        await shop.ask(merchant, Operation.PAYOUT, "stale", 100)
    await thaw(shop.desk.pool, shop.clock, merchant.id, *WHY)
    assert (await shop.ask(merchant, Operation.PAYOUT, "stale", 100)).state is not State.REFUSED


async def test_what_a_frozen_merchant_has_in_flight_ends_by_itself_and_payers_get_refunds(shop: Shop) -> None:
    merchant = await shop.merchant(available=10_000)
    paid = await shop.ask(merchant, Operation.COLLECTION, "paid", 1_000)
    shop.unionpay.on_send["flying"] = ["lost_answer"]
    flying = await shop.ask(merchant, Operation.COLLECTION, "flying", 2_000)
    shop.cmb.on_send["leaving"] = ["lost_answer"]
    leaving = await shop.ask(merchant, Operation.PAYOUT, "leaving", 3_000)
    cold = await frozen(shop, merchant)
    await shop.settle_down()
    assert [(await shop.reload(one)).state for one in (paid, flying, leaving)] == [State.SUCCESS] * 3
    back = await shop.ask(cold, Operation.REFUND, "back", 400, original=paid.id)
    await shop.settle_down()
    assert (await shop.reload(back)).state is State.SUCCESS
    held = await shop.balances(merchant.id)
    assert held[2321] == 3_000 - 400 - (18 - 2), "credits are taken, and the refund came out of them"
    assert held[2322] == 10_000 - 3_000 - 50


async def test_a_payout_that_was_not_sent_when_its_merchant_was_frozen_is_parked_until_it_is_thawed(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(available=10_000)
    shop.cmb.on_send["a"] = ["not_sent"]
    intent = await shop.ask(merchant, Operation.PAYOUT, "a", 1_000)
    assert intent.state is State.CREATED
    await frozen(shop, merchant)
    await shop.settle_down(rounds=4)
    assert not shop.cmb.sent
    assert (await shop.reload(intent)).state is State.PARKED
    assert (await shop.balances(merchant.id))[2322] == 10_000 - 1_050, "its money is held"
    await thaw(shop.desk.pool, shop.clock, merchant.id, *WHY)
    await shop.settle_down()
    assert (await shop.reload(intent)).state is State.SUCCESS


async def test_a_frozen_merchant_is_neither_settled_nor_paid_out_until_it_is_thawed(house: Treasury) -> None:
    merchant = await house.merchant(external_ref="M1", auto_payout=True)
    await house.arrived(merchant, 10_000)
    await freeze(house.pool, house.clock, merchant.id, *WHY)
    assert await house.settle() == []
    assert await house.balances(2321, 2322) == (-9_940, 0)
    await thaw(house.pool, house.clock, merchant.id, *WHY)
    await house.arrived(merchant, 20_000, day=NEXT)
    await freeze(house.pool, house.clock, merchant.id, *WHY)
    await house.settle(THIRD)
    await thaw(house.pool, house.clock, merchant.id, *WHY)
    await house.settle(THIRD + timedelta(days=1))
    assert [order.amount for order in house.bank.sent] == [9_940 + 19_880 - 100]


async def test_a_batch_that_was_settled_before_the_freeze_is_paid_out_after_it(house: Treasury) -> None:
    merchant = await house.merchant(external_ref="M1", auto_payout=True, settlement_account=None)
    await house.arrived(merchant, 10_000)
    assert "no settlement account" in (await house.settle())[0]
    await freeze(house.pool, house.clock, merchant.id, *WHY)
    assert await pay_out(house.desk) == [], "it waits for the thaw, and is no error"
    await thaw(house.pool, house.clock, merchant.id, *WHY)
    assert len(await pay_out(house.desk)) == 1


async def test_states_change_only_from_where_they_may_and_who_did_it_is_kept(shop: Shop) -> None:
    pool, clock, merchant = shop.desk.pool, shop.clock, (await shop.merchant()).id
    with pytest.raises(NotFromHere, match="is active; allowed: one that is frozen"):
        await close_merchant(shop.desk, merchant, *WHY)
    with pytest.raises(NotFromHere, match="is active"):
        await thaw(pool, clock, merchant, *WHY)
    with pytest.raises(InvalidInput):
        await freeze(pool, clock, merchant, LIN, "x")
    with pytest.raises(NotAnOperator):
        await freeze(pool, clock, merchant, operator("nobody"), "a reason")
    with pytest.raises(UnknownMerchant):
        await freeze(pool, clock, "mer_" + "0" * 26, *WHY)
    await freeze(pool, clock, merchant, *WHY)
    with pytest.raises(NotFromHere, match="is frozen"):
        await freeze(pool, clock, merchant, *WHY)
    with pytest.raises(NotFromHere, match="less than a minute ago"):
        await close_merchant(shop.desk, merchant, *WHY)
    clock.advance(minutes=2)
    await close_merchant(shop.desk, merchant, *WHY)
    for change in (freeze, thaw):
        with pytest.raises(NotFromHere, match="is closed"):
            await change(pool, clock, merchant, *WHY)
    kept = [(one.act, one.operator, one.reason) for one in await acts(pool) if one.target == merchant]
    kept_for = (LIN.id, WHY[1])
    assert kept == [("close merchant", *kept_for), ("freeze merchant", *kept_for)], (
        "a refused act leaves no record"
    )
    rows = await pool.fetch("SELECT state, changed_by, reason FROM merchant_state ORDER BY at")
    assert [tuple(row) for row in rows] == [("frozen", *kept_for), ("closed", *kept_for)]


async def test_a_merchant_is_closed_only_when_nothing_of_it_is_open_and_its_accounts_are_empty(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(available=1_050)
    shop.cmb.on_send["a"] = ["lost_answer"]
    payout = await shop.ask(merchant, Operation.PAYOUT, "a", 1_000)
    await frozen(shop, merchant)
    shop.clock.advance(minutes=2)
    with pytest.raises(NotFromHere, match="1 payments without an outcome"):
        await close_merchant(shop.desk, merchant.id, *WHY)
    await shop.settle_down()
    assert (await shop.reload(payout)).state is State.SUCCESS
    with pytest.raises(NotFromHere, match="1 payouts of the last 10 days, which may come back"):
        await close_merchant(shop.desk, merchant.id, *WHY)
    shop.clock.advance(hours=11 * 24)
    await close_merchant(shop.desk, merchant.id, *WHY)
    closed = await get_merchant(shop.desk.pool, merchant.id)
    with pytest.raises(NotAllowed, match="is closed"):
        await shop.ask(closed, Operation.REFUND, "back", 1, original=payout.id)
    with pytest.raises(NotAllowed, match="is closed"):
        await shop.ask(merchant, Operation.PAYOUT, "b", 1)


async def test_a_merchant_with_money_is_not_closed(shop: Shop) -> None:
    merchant = await shop.merchant(available=7)
    await frozen(shop, merchant)
    shop.clock.advance(minutes=2)
    with pytest.raises(NotFromHere, match="account 2322 holds 7 fen"):
        await close_merchant(shop.desk, merchant.id, *WHY)


async def test_a_payment_is_settled_by_the_terms_of_the_day_on_which_it_was_accepted(house: Treasury) -> None:
    merchant = await house.merchant(external_ref="M1")
    with pytest.raises(InvalidInput, match="effective_from"):
        await agree_terms(house, merchant.id, Terms(DAY, 0, True, True))
    await agree_terms(house, merchant.id, Terms(NEXT, 2, False, False))
    old = await house.paid(merchant, 10_000)
    house.clock.set(at(NEXT, 9))
    new = await house.paid(merchant, 20_000, NEXT)
    for day, one in ((DAY, old), (NEXT, new)):
        await house.filed(day, [listed(1, one)])
        await house.settled(day)
    for run_date, settled in ((NEXT, 9_940), (THIRD, 9_940), (THIRD + timedelta(days=1), 29_820)):
        await house.settle(run_date)
        assert await house.balance(2322) == -settled, run_date


async def test_the_fee_of_a_refund_follows_the_terms_of_its_payment_and_payouts_those_of_their_run(
    house: Treasury,
) -> None:
    merchant = await house.merchant(external_ref="M1")
    old = await house.paid(merchant, 10_000)
    await agree_terms(house, merchant.id, Terms(NEXT, 1, True, True))
    house.clock.set(at(NEXT, 9))
    new = await house.paid(merchant, 10_000, NEXT)
    now = await get_merchant(house.pool, merchant.id)
    assert (terms_on(now, DAY).auto_payout, terms_on(now, NEXT).auto_payout) == (False, True)
    assert (await house.undo(now, old, 10_000)).fee == 60, "given back: so it was agreed when it was paid"
    assert (await house.undo(now, new, 5_000)).fee == 0, "kept"
    await house.filed(NEXT, [listed(1, new)])
    await house.settled(NEXT)
    await house.settle(THIRD)
    assert [order.amount for order in house.bank.sent] == [9_940 - 5_000 - 100]


async def test_terms_are_recorded_and_never_change_what_is_in_force(house: Treasury) -> None:
    merchant = await house.merchant()
    await agree_terms(house, merchant.id, Terms(NEXT, 3, True, False))
    await agree_terms(house, merchant.id, Terms(NEXT, 2, True, False))
    now = await get_merchant(house.pool, merchant.id)
    assert now.later_terms == (Terms(NEXT, 2, True, False),)
    kept = [one.act for one in await acts(house.pool) if one.target == merchant.id]
    assert sorted(kept) == sorted(["propose", "approve", "done"] * 2)


@pytest.mark.parametrize("gone", ["unionpay", "cmb"])
async def test_a_channel_that_was_taken_out_of_the_settings_is_a_stopped_operation_everywhere(
    shop: Shop, gone: str
) -> None:
    merchant = await shop.merchant(available=10_000)
    paid = await shop.ask(merchant, Operation.COLLECTION, "paid", 1_000)
    await shop.settle_down()
    bank = {"unionpay": shop.unionpay, "cmb": shop.cmb}[gone]
    bank.on_send = {"open": ["lost_answer"]}
    kind = Operation.COLLECTION if gone == "unionpay" else Operation.PAYOUT
    waits = await shop.ask(merchant, kind, "open", 1_000)
    held = dict(shop.desk.channels)
    del shop.desk.channels[gone]  # type: ignore[attr-defined]
    with pytest.raises(OperationStopped, match=f"channel {gone}: not set up here"):
        shop.desk.channels[gone]
    if gone == "unionpay":
        back = Request(Operation.REFUND, "back", 100, "back", original=paid.id)
        with pytest.raises(OperationStopped, match="not set up here"):
            await accept(shop.desk, merchant, back)
    await shop.settle_down(rounds=3)
    assert (await shop.reload(waits)).state is State.UNKNOWN, "it waits, and nothing has failed"
    shop.desk.channels.update(held)  # type: ignore[attr-defined]
    await shop.settle_down()
    assert (await shop.reload(waits)).state is State.SUCCESS
