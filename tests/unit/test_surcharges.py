"""A fee that the payer bears: from the quote to the channel's order, the books, the file, refunds and splits."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.api import open_counter
from tests.clock import SetClock
from tests.treasury import DAY, Treasury, at, listed, treasury
from tests.unit.test_fees import agree
from zhangfang import fees
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeKind, FeeRule, Merchant, OnRefund, Taken, get_merchant
from zhangfang.payments import Intent, NewShare, NotAllowed, Request, Split, State, accept, ask, quote

audit = load("zhangfang_audit", "books.sql")
RULE = FeeRule(FeeKind.PURCHASE, 6000, borne="payer", effective_from=DAY, on_refund=OnRefund.SHARE)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made
        wrong = await made.pool.fetch(f"{audit['shared']}\n{audit['subledger_breaks']}")
        assert [dict(row) for row in wrong] == [], "the auditor counts it as any payment"


async def shop(house: Treasury, **rule: Any) -> Merchant:
    """Create a merchant whose payers bear the fee on DAY."""
    merchant = await house.merchant()
    house.clock.set(at(DAY.replace(month=8, day=31), 9))
    await agree(house.desk, merchant.id, replace(RULE, **rule))
    house.clock.set(at(DAY, 9))
    return await get_merchant(house.pool, merchant.id)


async def bought(house: Treasury, merchant: Merchant, price: int, **more: Any) -> Intent:
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=DAY)
    name = f"B-{price}"
    intent, _ = await accept(house.desk, merchant, Request(Operation.PURCHASE, name, price, name, **more))
    await ask(house.desk, intent)
    return await house.now(intent)


async def test_the_payer_pays_the_fee_on_top_and_the_merchant_gets_the_price(house: Treasury) -> None:
    merchant = await shop(house)
    asked = Request(Operation.PURCHASE, "q", 10_000, "q")
    told = await quote(house.desk, merchant, asked)
    paid = await bought(house, merchant, 10_000)
    assert (told.amount, told.surcharge) == (paid.amount, paid.surcharge) == (10_060, 60)
    assert paid.state is State.SUCCESS, "the channel was asked about the whole amount"
    assert await house.balances(3011, 2321, 2361) == (10_060, -10_000, -60)
    why = (await fees.why(house.pool, paid.id)).words["en"]
    assert why == "100.00 × 0.6 % = 0.60; fee 0.60; the payer pays 100.60 in all"
    await house.filed(DAY, [listed(1, paid, fee=21)])
    await house.settled(DAY)
    assert await house.breaks() == []
    assert await house.settle() == []
    assert await house.balances(2321, 2322, 3011, 3012) == (0, -10_000, 0, 0)
    assert (
        await accept(house.desk, merchant, replace(asked, order_no="B-10000", idempotency_key="B-10000"))
    )[0].id == paid.id


async def test_refunds_give_the_fee_back_in_proportion_and_the_merchant_ends_at_nothing(
    house: Treasury,
) -> None:
    merchant = await shop(house)
    paid = await bought(house, merchant, 10_000)
    for part in (5030, 1, 5029):
        assert (await house.undo(merchant, paid, part)).state is State.SUCCESS
    assert await house.balances(2321, 2361, 3013) == (0, 0, -10_060)
    with pytest.raises(NotAllowed, match="at most 0 fen"):
        await house.undo(merchant, paid, 1)


async def test_a_fee_that_is_kept_is_not_refunded_and_costs_the_merchant_nothing(house: Treasury) -> None:
    merchant = await shop(house, on_refund=OnRefund.KEPT)
    paid = await bought(house, merchant, 10_000)
    with pytest.raises(NotAllowed, match="at most 10000 fen"):
        await house.undo(merchant, paid, 10_001)
    assert (await house.undo(merchant, paid, 4000)).state is State.SUCCESS
    with pytest.raises(NotAllowed, match="at most 6000 fen"):
        await house.undo(merchant, paid, 6001)
    assert (await house.undo(merchant, paid, 6000)).state is State.SUCCESS
    assert await house.balances(2321, 2361) == (0, -60)


async def test_a_void_gives_back_all_of_it_even_a_fee_that_is_kept(house: Treasury) -> None:
    merchant = await shop(house, on_refund=OnRefund.KEPT)
    paid = await bought(house, merchant, 10_000)
    voided = await house.undo(merchant, paid, 10_060, kind=Operation.VOID)
    assert voided.state is State.SUCCESS
    assert await house.balances(2321, 2361) == (0, 0)


@pytest.mark.parametrize("how", [OnRefund.KEPT, OnRefund.SHARE])
async def test_parts_are_of_the_price_and_go_back_whole(house: Treasury, how: OnRefund) -> None:
    merchant, other = await shop(house, on_refund=how), await house.merchant()
    split = Split((NewShare(other.id, 0, 1_000_000),))
    paid = await bought(house, merchant, 10_000, split=split)
    assert paid.shared == 10_000
    most = 10_000 if how is OnRefund.KEPT else 10_060
    for part in (most // 3, most - most // 3):
        assert (await house.undo(merchant, paid, part)).state is State.SUCCESS
    assert [await house.balance(2321, one.id) for one in (merchant, other)] == [0, 0]
    assert await house.balance(2361) == (-60 if how is OnRefund.KEPT else 0)


@pytest.mark.parametrize(
    "bad", [{"kind": FeeKind.COLLECTION}, {"kind": FeeKind.PAYOUT}, {"taken": Taken.SETTLEMENT}]
)
async def test_only_who_sees_the_price_before_paying_bears_the_fee(
    house: Treasury, bad: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="borne"):
        await shop(house, **{"on_refund": OnRefund.TERMS} | bad)


async def test_the_api_quotes_and_shows_the_surcharge(database_url: str, tmp_path: Any) -> None:
    async with open_counter(database_url, tmp_path) as counter:
        caller, other = await counter.caller(), await counter.caller()
        assert caller.merchant
        shop = counter.shop
        day = china_day(shop.clock.now()) + timedelta(days=1)
        await agree(shop.desk, caller.merchant.id, replace(RULE, effective_from=day))
        shop.clock.advance(hours=24)
        told = (await caller("POST", "/v1/quotes", {"amount": 10_000})).json()
        assert (told["price"], told["surcharge"], told["amount"], told["fee"]) == (10_000, 60, 10_060, 60)
        assert "by the payer on top" in told["rule"]["en"]
        assert told["arithmetic"]["zh"].endswith("付款人共付 100.60")
        body = {"kind": "purchase", "order_no": "1", "amount": 10_000}
        made = (await caller("POST", "/v1/payments", body, key="1")).json()
        assert (made["amount"], made["surcharge"], made["fee"]) == (10_060, 60, 60)
        assert "surcharge" not in (await other("POST", "/v1/payments", body, key="1")).json()
        assert (await other("POST", "/v1/quotes", {"amount": 10_000})).json()["surcharge"] == 0
