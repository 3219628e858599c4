"""Both app channels: the settlement day, its file with planted errors, and the transfer of its net."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.clock import SetClock
from tests.wire.app_bank import MERCHANT, NAMES, Shop, lakala_pair, shop_of, until
from tests.wire.unionpay_sandbox_client import eventually
from zhangfang.channels.port import (
    ChannelFile,
    FileLine,
    FileNotReady,
    MalformedMessage,
    Operation,
    Order,
    Verdict,
)
from zhangfang.kernel.clock import CHINA

DAY = date(2026, 9, 1)


@pytest.fixture(params=["chinaums", "lakala"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with shop_of(request.param, tmp_path / "bank", clock) as made:
        yield made


async def file_of(shop: Shop, day: int) -> ChannelFile:
    """The file of a day in September, as soon as the bank has closed it."""

    async def ready() -> list[ChannelFile]:
        try:
            return [await shop.connector.file(date(2026, 9, day))]
        except FileNotReady:
            return []

    return (await eventually(ready))[0]


async def morning(shop: Shop, day: int, hour: int = 9, minute: int = 31) -> None:
    await shop.set_time(datetime(2026, 9, day, hour, minute, tzinfo=CHINA))


def line_of(file: ChannelFile, order: Order) -> FileLine:
    (found,) = [line for line in file.lines if line.order_no == order.order_no]
    return found


async def test_a_file_lists_the_days_payments_and_refunds_and_its_net_is_paid(shop: Shop) -> None:
    paid = await shop.paid("A1", amount=10000)
    refund = shop.undo(paid, 4000, key="A2")
    await shop.connector.send(refund)
    refs = [(await shop.connector.query(each)).channel_ref for each in (paid, refund)]
    await morning(shop, 2)
    file = await file_of(shop, 1)
    assert (file.channel, file.settle_date, len(file.lines)) == (shop.bank, DAY, 2)
    pay, back = line_of(file, paid), line_of(file, refund)
    assert (pay.operation, pay.amount, pay.credit, pay.fee) == (Operation.PURCHASE, 10000, True, 38)
    assert (back.operation, back.amount, back.credit, back.fee) == (Operation.REFUND, 4000, False, 0)
    assert (pay.original_order_no, back.original_order_no) == ("", paid.order_no)
    assert [pay.channel_ref, back.channel_ref] == refs
    assert (pay.note, back.note) == ("A1", "A2")
    await until(lambda: shop.transfers)
    path, order = shop.transfers[0]
    assert (path, order["amount_fen"]) == ("/credit", 10000 - 38 - 4000)
    assert order["text"] == f"{NAMES[shop.bank]} 20260901 {MERCHANT[shop.bank]}"
    assert shop.connector.settlement_of(order["text"]) == DAY


async def test_a_day_that_brings_less_than_it_takes_is_debited_and_owed_nothing_after(shop: Shop) -> None:
    paid = await shop.paid(amount=10000)
    assert (await shop.control("GET", "/book/summary"))["owed_fen"] == 10000
    await morning(shop, 2)
    await until(lambda: shop.transfers)
    await shop.connector.send(shop.undo(paid))
    assert (await shop.control("GET", "/book/summary"))["owed_fen"] == -10000
    await morning(shop, 3)
    await until(lambda: len(shop.transfers) == 2)
    assert [(path, order["amount_fen"]) for path, order in shop.transfers] == [
        ("/credit", 9962),
        ("/debit", 10000),
    ]

    async def settled() -> bool:
        return bool((await shop.control("GET", "/book/summary"))["owed_fen"] == 0)

    await eventually(settled)


async def test_the_day_is_cut_at_eleven_in_the_evening(shop: Shop) -> None:
    orders = []
    for moment in ((22, 59, 59), (23, 0, 1)):
        await shop.set_time(datetime(2026, 9, 1, *moment, tzinfo=CHINA))
        orders.append(await shop.paid())
    days = [(await shop.connector.query(order)).settle_date for order in orders]
    assert days == [DAY, date(2026, 9, 2)]
    await morning(shop, 2)
    assert [line.order_no for line in (await file_of(shop, 1)).lines] == [orders[0].order_no]
    await morning(shop, 3)
    assert [line.order_no for line in (await file_of(shop, 2)).lines] == [orders[1].order_no]


async def test_lakalas_voided_pair_stands_in_no_file(tmp_path: Path, clock: SetClock) -> None:
    async with shop_of("lakala", tmp_path / "bank", clock) as shop:
        await shop.connector.send(shop.undo(await shop.paid(), operation=Operation.VOID))
        kept = await shop.paid()
        await morning(shop, 2)
        assert [line.order_no for line in (await file_of(shop, 1)).lines] == [kept.order_no]


async def test_a_file_is_not_ready_before_nine(shop: Shop) -> None:
    await shop.paid()
    await morning(shop, 2, 8, 59)
    with pytest.raises(FileNotReady):
        await shop.connector.file(DAY)
    with pytest.raises(FileNotReady):
        await shop.connector.file(date(2020, 1, 1))


async def test_a_file_can_be_not_ready_or_cut_at_the_first_fetch_and_is_good_then(shop: Shop) -> None:
    await shop.paid()
    await shop.control("PUT", "/plant", {"file_not_ready": ["2026-09-01"], "file_bad": ["2026-09-01"]})
    await morning(shop, 2)

    async def closed() -> bool:
        return bool((await shop.control("GET", "/book/summary"))["days"])

    await eventually(closed)
    with pytest.raises(FileNotReady):
        await shop.connector.file(DAY)
    with pytest.raises(MalformedMessage):
        await shop.connector.file(DAY)
    assert len((await shop.connector.file(DAY)).lines) == 1


async def test_a_file_that_somebody_else_signed_is_not_read(tmp_path: Path, clock: SetClock) -> None:
    async with shop_of("lakala", tmp_path / "bank", clock) as shop:
        await morning(shop, 2)
        await file_of(shop, 1)
        with pytest.raises(MalformedMessage, match="serial_no"):
            await shop.connect(platform_cert_pem=lakala_pair()[1]).file(DAY)


async def test_planted_errors_come_once_and_heal_on_their_days(shop: Shop) -> None:
    faults = {
        "F1": ["file_missing"],
        "F2": ["file_late_row"],
        "F3": ["file_off_by_one"],
        "F4": ["file_extra"],
    }
    await shop.fault(keyed=faults)
    missing, late, off, extra = [await shop.paid(key, amount=1000) for key in faults]
    await morning(shop, 2)
    first = await file_of(shop, 1)
    listed = [(line.order_no, line.amount) for line in first.lines]
    assert (missing.order_no, 1000) not in listed
    assert (late.order_no, 1000) not in listed
    assert (off.order_no, 1001) in listed
    assert (extra.order_no, 1000) in listed
    (unasked,) = [line for line in first.lines if line.note == "extra-F4"]
    assert (unasked.amount, unasked.credit, unasked.operation) == (1000, True, Operation.PURCHASE)
    await morning(shop, 3)
    second = await file_of(shop, 2)
    assert [line.order_no for line in second.lines if not line.adjustment] == [late.order_no]
    (correction,) = [line for line in second.lines if line.adjustment]
    assert (correction.original_order_no, correction.amount, correction.credit) == (off.order_no, 1, False)
    assert (correction.order_no, correction.operation, correction.fee) == ("", None, 0)
    assert correction.channel_ref == line_of(first, off).channel_ref
    await morning(shop, 5)
    assert (await file_of(shop, 3)).lines == ()
    assert [line.order_no for line in (await file_of(shop, 4)).lines] == [missing.order_no]
    await until(lambda: len(shop.transfers) == 3)
    net = sum(order["amount_fen"] for _, order in shop.transfers)
    assert net == 5 * (1000 - 4)  # the extra one too: the bank has it in its book

    async def settled() -> bool:
        return bool((await shop.control("GET", "/book/summary"))["owed_fen"] == 0)

    await eventually(settled)
    assert (await shop.control("GET", "/faults"))["met"] == dict.fromkeys(
        ("file_missing", "file_late_row", "file_off_by_one", "file_extra"), 1
    )


async def test_a_contradiction_stands_in_the_file(shop: Shop) -> None:
    await shop.fault(keyed={"C1": ["contradict"]})
    order = await shop.paid("C1")
    assert await shop.verdict(order) is Verdict.FAILED
    await morning(shop, 2)
    assert line_of(await file_of(shop, 1), order).amount == order.amount


async def test_an_extra_debit_can_be_planted_by_hand(shop: Shop) -> None:
    extra = {"settleDate": "2026-09-01", "amount": 250, "key": "by hand"}
    for _ in range(2):
        await shop.control("PUT", "/plant", {"extra": [extra]})
    await morning(shop, 2)
    assert [(line.note, line.amount) for line in (await file_of(shop, 1)).lines] == [("by hand", 250)]


async def test_other_peoples_bank_lines_are_no_settlement_of_ours(shop: Shop) -> None:
    name, merchant = NAMES[shop.bank], MERCHANT[shop.bank]
    for text in (
        f"{name} 20260901 {merchant[:-1]}9", f"{name} 20260231 {merchant}", f"{name} 2026901 {merchant}", name, "",
        f"{name} ２０２６０９０１ {merchant}", f"货款 20260901 {merchant}",
    ):  # fmt: skip
        assert shop.connector.settlement_of(text) is None
