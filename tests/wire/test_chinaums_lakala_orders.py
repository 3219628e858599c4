"""Both app channels, connector against sandbox bank over real sockets: orders, refunds, voids, duplicates."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.clock import SetClock
from tests.wire.app_bank import Shop, registration, shop_of, until
from zhangfang.channels.chinaums import ChinaUms
from zhangfang.channels.port import AcquiringChannel, AppOrder, NotPresented, Operation, Order, Verdict
from zhangfang.kernel.clock import CHINA

BACK = "https://shop.example/back"
# What a refusal for the original's state proves: ChinaUMS may say it of a refund that it has done itself.
REFUSED = {"chinaums": Verdict.UNKNOWN, "lakala": Verdict.FAILED}


@pytest.fixture(params=["chinaums", "lakala"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with shop_of(request.param, tmp_path / "bank", clock) as made:
        yield made


@pytest.fixture
async def lakala(tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with shop_of("lakala", tmp_path / "bank", clock) as made:
        yield made


async def test_a_purchase_is_presented_paid_found_and_notified(shop: Shop) -> None:
    order = shop.order(amount=12345, instalments=3, fee_by="payer")
    made = await shop.connector.present(order, BACK)
    assert isinstance(made, AppOrder)
    assert made.payload
    assert await shop.verdict(order) is Verdict.ACCEPTED
    await shop.payer(order)
    answer = await shop.connector.query(order)
    assert (answer.verdict, answer.amount, answer.settle_date) == (Verdict.SUCCESS, 12345, date(2026, 9, 1))
    assert answer.channel_ref
    await until(lambda: shop.heard)
    heard = shop.heard[0]
    assert (heard.order_no, heard.operation) == (order.order_no, Operation.PURCHASE)
    assert replace(heard.answer, raw="", message="") == replace(answer, raw="", message="")
    assert isinstance(shop.connector, AcquiringChannel)


async def test_a_payer_who_refuses_ends_the_purchase(shop: Shop) -> None:
    order = shop.order()
    await shop.connector.present(order, BACK)
    await shop.payer(order, "refuse")
    assert await shop.verdict(order) is Verdict.FAILED
    await shop.payer(order, status=409)


async def test_a_purchase_whose_time_is_over_is_closed_by_the_query(shop: Shop) -> None:
    order = shop.order()
    await shop.connector.present(order, BACK)
    await shop.advance(minutes=14, seconds=59)
    assert await shop.verdict(order) is Verdict.ACCEPTED
    await shop.advance(seconds=1)
    assert await shop.verdict(order) is Verdict.FAILED
    await shop.payer(order, status=409)
    with pytest.raises(NotPresented, match="time"):
        await shop.connector.present(order, BACK)


async def test_a_payer_who_is_faster_than_the_closing_has_paid(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.order()
    await shop.connector.present(order, BACK)
    close = shop.connector._close

    async def lose_the_race(same: Order) -> None:
        await shop.payer(order)
        await close(same)

    monkeypatch.setattr(shop.connector, "_close", lose_the_race)
    await shop.set_time(order.requested_at.replace(minute=15))
    assert await shop.verdict(order) is Verdict.SUCCESS


async def test_an_order_that_was_never_presented_is_not_found_and_too_late_is_not_presented(
    shop: Shop,
) -> None:
    order = shop.order()
    assert await shop.verdict(order) is Verdict.NOT_FOUND
    await shop.advance(minutes=15)
    assert await shop.verdict(order) is Verdict.NOT_FOUND
    with pytest.raises(NotPresented):
        await shop.connector.present(order, BACK)
    assert await shop.movements() == []


async def test_presented_twice_it_is_one_order_with_one_payload(shop: Shop) -> None:
    order = shop.order()
    first = await shop.connector.present(order, BACK)
    assert await shop.connector.present(order, BACK) == first
    another_process = shop.connect()
    if shop.bank == "lakala":  # it gives the payload again; ChinaUMS refuses a number that it has
        assert await another_process.present(order, BACK) == first
    else:
        with pytest.raises(NotPresented, match="DUP_ORDER"):
            await another_process.present(order, BACK)
    assert len(await shop.movements()) == 1


async def test_a_lost_answer_to_the_preorder_makes_no_second_order(shop: Shop) -> None:
    order = shop.order("lost")
    await shop.fault(keyed={"lost": ["lost_answer"]})
    with pytest.raises(NotPresented):
        await shop.connector.present(order, BACK)
    if shop.bank == "lakala":
        assert isinstance(await shop.connector.present(order, BACK), AppOrder)
    else:
        with pytest.raises(NotPresented, match="DUP_ORDER"):
            await shop.connector.present(order, BACK)
    assert [row["state"] for row in await shop.movements()] == ["PENDING"]
    await shop.payer(order)  # whoever has the payload can still pay
    assert await shop.verdict(order) is Verdict.SUCCESS


async def test_another_amount_under_the_same_number_is_not_presented(shop: Shop) -> None:
    order = shop.order()
    await shop.connector.present(order, BACK)
    with pytest.raises(NotPresented):
        await shop.connect().present(replace(order, amount=order.amount + 1), BACK)
    assert [row["amount"] for row in await shop.movements()] == [order.amount]


@pytest.mark.parametrize("fault", ["refused", "throttle", "maintenance", "late_answer", "garbled_answer"])
async def test_whatever_goes_wrong_a_preorder_is_there_or_not_presented(shop: Shop, fault: str) -> None:
    order = shop.order("odd")
    await shop.fault(keyed={"odd": [fault]})
    with pytest.raises(NotPresented):
        await shop.connect(timeout_seconds=0.1).present(order, BACK)
    assert len(await shop.movements()) == (fault in ("late_answer", "garbled_answer"))


async def test_instalments_other_than_3_6_12_are_not_presented(shop: Shop) -> None:
    for wrong in (1, 9, 24):
        with pytest.raises(NotPresented, match="instalments"):
            await shop.connector.present(shop.order(instalments=wrong), BACK)


async def test_who_bears_the_charge_travels_to_lakala(lakala: Shop) -> None:
    by_payer = await lakala.paid(instalments=12, fee_by="payer")
    by_merchant = await lakala.paid(instalments=12, fee_by="merchant")
    fees = {row["order_no"]: row["fee"] for row in await lakala.movements()}
    assert (fees[by_payer.order_no], fees[by_merchant.order_no]) == (38, 750)


async def test_who_bears_the_charge_is_in_the_contract_of_chinaums(tmp_path: Path, clock: SetClock) -> None:
    async with shop_of("chinaums", tmp_path / "bank", clock) as shop:
        with pytest.raises(NotPresented, match="fee_by"):
            await shop.connector.present(shop.order(instalments=3, fee_by="merchant"), BACK)
        await shop.paid(instalments=3, fee_by="payer")
        await shop.control("POST", "/merchants", registration("chinaums") | {"instalment_fee_by": "merchant"})
        shop.connector = shop.connect(instalment_fee_by="merchant")
        await shop.paid(instalments=3, fee_by="merchant")
        assert [row["fee"] for row in await shop.movements()] == [38, 230]


async def test_a_refund_is_accepted_and_then_found_done(shop: Shop) -> None:
    paid = await shop.paid(amount=10000)
    part, rest = shop.undo(paid, 4000), shop.undo(paid, 6000)
    for refund in (part, rest):
        assert (await shop.connector.send(refund)).verdict is Verdict.ACCEPTED
        answer = await shop.connector.query(refund)
        assert (answer.verdict, answer.amount) == (Verdict.SUCCESS, refund.amount)
        assert answer.settle_date == date(2026, 9, 1)
    too_much = shop.undo(paid, 1)
    assert (await shop.connector.send(too_much)).verdict is REFUSED[shop.bank]
    assert await shop.verdict(too_much) is Verdict.FAILED


async def test_a_refund_sent_again_gives_back_once_and_with_another_amount_not_at_all(shop: Shop) -> None:
    paid = await shop.paid(amount=10000)
    refund = shop.undo(paid, 4000)
    for _ in range(3):
        assert (await shop.connector.send(refund)).verdict is Verdict.ACCEPTED
    assert (await shop.connector.send(replace(refund, amount=4001))).verdict is Verdict.UNKNOWN
    refunds = [row for row in await shop.movements() if row["operation"] == "refund"]
    assert [(row["amount"], row["original"]) for row in refunds] == [(4000, paid.order_no)]


async def test_a_refund_of_nothing_that_was_paid_fails(shop: Shop) -> None:
    waiting = shop.order()
    assert (await shop.connector.send(shop.undo(waiting))).verdict is Verdict.FAILED
    await shop.connector.present(waiting, BACK)
    refund = shop.undo(waiting)
    assert (await shop.connector.send(refund)).verdict is REFUSED[shop.bank]
    assert await shop.verdict(refund) is Verdict.FAILED


async def test_lakala_voids_on_the_same_day_only(lakala: Shop) -> None:
    first, second = await lakala.paid(), await lakala.paid()
    void = lakala.undo(first, operation=Operation.VOID)
    assert (await lakala.connector.send(void)).verdict is Verdict.ACCEPTED
    assert (await lakala.connector.send(void)).verdict is Verdict.ACCEPTED
    answer = await lakala.connector.query(void)
    assert (answer.verdict, answer.amount) == (Verdict.SUCCESS, first.amount)
    await lakala.set_time(datetime(2026, 9, 1, 23, 0, 1, tzinfo=CHINA))
    late = lakala.undo(second, operation=Operation.VOID)
    assert (await lakala.connector.send(late)).verdict is Verdict.FAILED
    assert [row["state"] for row in await lakala.movements()] == ["VOIDED", "SUCCESS", "SUCCESS", "FAILED"]


def test_chinaums_has_no_void(clock: SetClock) -> None:
    assert Operation.VOID not in ChinaUms.rules


async def test_a_wrong_secret_or_certificate_is_refused_and_books_nothing(shop: Shop) -> None:
    foreign: dict[str, Any] = {"app_key": "other"} if shop.bank == "chinaums" else {"appid": "OP2"}
    stranger = shop.connect(**foreign)
    with pytest.raises(NotPresented):
        await stranger.present(shop.order(), BACK)
    assert await shop.movements() == []
    paid = await shop.paid()
    answer = await stranger.send(shop.undo(paid))
    assert answer.verdict is not Verdict.ACCEPTED
    assert len(await shop.movements()) == 1


async def test_where_nothing_listens_a_refund_is_not_sent_and_a_query_proves_nothing(shop: Shop) -> None:
    paid = await shop.paid()
    nowhere = shop.connect(base_url="http://127.0.0.1:9")
    assert (await nowhere.send(shop.undo(paid))).verdict is Verdict.NOT_SENT
    assert (await nowhere.query(paid)).verdict is Verdict.UNKNOWN
    with pytest.raises(NotPresented):
        await nowhere.present(shop.order(), BACK)
