"""The day's close: what the file lists, what is transferred, what the bank says it owes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.unionpay_sandbox_client import (
    MER_ID,
    NOON,
    Merchant,
    Receiver,
    eventually,
    merchant_at_noon,
    merchant_on,
    receiving,
)

Pair = tuple[Merchant, Receiver]
MORNING = NOON.replace(day=2, hour=9)  # when the file of 1 September is out
PAYDAY = MORNING.replace(minute=30)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with merchant_at_noon(tmp_path / "bank") as made:
        yield made


async def with_account(merchant: Merchant, receiver: Receiver) -> None:
    account = {"merId": MER_ID, "url": f"{receiver.url}/", "account": "755900000000001"}
    await merchant.control("POST", "/settlement_account", account)


async def at(merchant: Merchant, moment: datetime, day: str) -> tuple[list[list[str]], list[list[str]]]:
    """Wait until `moment` is reached and the day's file is out."""

    async def out() -> tuple[list[list[str]], list[list[str]]] | None:
        code, normal, exceptions = await merchant.file(day)
        return (normal, exceptions) if code == "00" else None

    await merchant.set_clock(moment)
    found = await eventually(out)
    assert found is not None
    return found


async def summary(merchant: Merchant) -> dict[str, Any]:
    found: dict[str, Any] = await merchant.control("GET", "/book/summary")
    return found


async def transferred(merchant: Merchant, day: str) -> None:
    async def done() -> bool:
        return bool((await summary(merchant))["days"].get(day, {}).get("transferred"))

    await eventually(done)


def fee(amount: int) -> int:
    """30 basis points, half up, at least one fen, computed another way than the bank does."""
    return max(1, int(f"{amount * 3 + 500:d}"[:-3] or "0"))


def signed(text: str) -> int:
    return {"C": 1, "D": -1}[text[0]] * int(text[1:])


async def test_the_file_is_out_at_nine_the_next_morning(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001")
    assert (await merchant.file("0901"))[0] == "98"
    await merchant.set_clock(MORNING - timedelta(seconds=1))
    await asyncio.sleep(0.15)
    assert (await merchant.file("0901"))[0] == "98"
    normal, exceptions = await at(merchant, MORNING, "0901")
    assert (len(normal), exceptions) == (1, [])


@pytest.mark.parametrize("day", ["0831", "0902", "0229", "1399"])
async def test_a_day_the_bank_has_not_closed_has_no_file(pair: Pair, day: str) -> None:
    merchant, _ = pair
    await at(merchant, MORNING, "0901")
    assert (await merchant.file(day))[0] == "98"


async def test_a_day_without_transactions_has_an_empty_file(pair: Pair) -> None:
    merchant, _ = pair
    assert await at(merchant, MORNING + timedelta(days=3), "0903") == ([], [])
    assert (await merchant.file("0901"))[0] == "00"


async def test_a_row_tells_the_transaction_column_by_column(pair: Pair) -> None:
    merchant, _ = pair
    paid = await merchant.collect("A0000001", 12_345, reqReserved="合同7")
    await merchant.give_back("refund", "R0000001", paid["queryId"], 2_345)
    (debit, refund), _ = await at(merchant, MORNING, "0901")
    told = {5: "0901120000", 6: "621234*********0123", 7: "000000012345", 10: paid["queryId"], 12: "A0000001"}
    told |= {
        16: "D000000000037",
        17: "C000000012308",
        20: "11",
        21: "03",
        22: "000501",
        28: MER_ID,
        35: "合同7",
    }
    assert {number: debit[number] for number in told} == told
    back = {
        7: "000000002345",
        12: "R0000001",
        17: "D000000002345",
        20: "04",
        27: paid["queryId"],
        41: "A0000001",
    }
    back |= {14: debit[4], 15: debit[5]}
    assert {number: refund[number] for number in back} == back


async def test_an_order_number_of_forty_is_cut_to_the_column(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A" * 31 + "B" * 9)
    (row,), _ = await at(merchant, MORNING, "0901")
    assert row[12] == "A" * 31 + "B"


async def test_failed_and_voided_orders_are_in_no_file(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={"F0000001": ["decline"]})
    paid = (await merchant.collect("A0000001"))["queryId"]
    await merchant.give_back("void", "V0000001", paid, 1000)
    await merchant.collect("F0000001")
    assert await at(merchant, MORNING, "0901") == ([], [])
    assert (await summary(merchant))["owed_fen"] == 0


async def test_23_oclock_divides_the_files(pair: Pair) -> None:
    merchant, _ = pair
    for order, moment in (("A0000001", (22, 59, 59)), ("A0000002", (23, 0, 0))):
        hour, minute, second = moment
        await merchant.set_clock(NOON.replace(hour=hour, minute=minute, second=second))
        await merchant.collect(order)
    first, _ = await at(merchant, MORNING, "0901")
    second_day, _ = await at(merchant, MORNING + timedelta(days=1), "0902")
    assert ([row[12] for row in first], [row[12] for row in second_day]) == (["A0000001"], ["A0000002"])


async def test_a_file_is_the_same_whenever_it_is_asked_for(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001")
    first = await at(merchant, MORNING, "0901")
    await merchant.collect("A0000002")
    await merchant.control("PUT", "/plant", {"missing": ["A0000001"]})
    assert await at(merchant, MORNING + timedelta(days=5), "0901") == first


async def test_new_year_s_eve_is_found_without_a_year(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.set_clock(datetime(2026, 12, 31, 22, tzinfo=NOON.tzinfo))
    await merchant.collect("A0000001")
    (row,), _ = await at(merchant, datetime(2027, 1, 2, 12, tzinfo=NOON.tzinfo), "1231")
    assert row[12] == "A0000001"


@given(
    days=st.lists(
        st.lists(st.tuples(st.integers(1, 200_000), st.integers(0, 100), st.booleans()), max_size=4),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_transferred_is_the_independent_sum(
    tmp_path_factory: pytest.TempPathFactory, days: list[list[tuple[int, int, bool]]]
) -> None:
    async with merchant_at_noon(tmp_path_factory.mktemp("bank")) as (merchant, receiver):
        await with_account(merchant, receiver)
        expected: dict[str, int] = {}
        for number, orders in enumerate(days):
            await merchant.set_clock(NOON + timedelta(days=number))
            net = 0
            for index, (amount, part, void) in enumerate(orders):
                paid = (await merchant.collect(f"A{number:03d}{index:04d}", amount))["queryId"]
                back = amount * part // 100
                if void:
                    await merchant.give_back("void", f"V{number:03d}{index:04d}", paid, amount)
                elif back:
                    await merchant.give_back("refund", f"R{number:03d}{index:04d}", paid, back)
                net += 0 if void else amount - fee(amount) - back
            expected[f"UP-{MER_ID}-202609{number + 1:02d}"] = net
            if number == 0:  # nothing can have been paid out yet
                owed = await summary(merchant)
                assert owed["owed_fen"] - owed["unsettled_fee_fen"] == net
        await merchant.set_clock(PAYDAY + timedelta(days=len(days)))
        await transferred(merchant, f"2026-09-{len(days):02d}")
        sign = {"/credit": 1, "/debit": -1}
        paid_out = {order["id"]: sign[path] * order["amount_fen"] for path, order in receiver.transfers}
        assert paid_out == {name: net for name, net in expected.items() if net}
        after = await summary(merchant)
        assert (after["owed_fen"], after["unsettled_fee_fen"]) == (0, 0)


async def test_a_transfer_says_what_it_is_and_is_asked_again_until_acknowledged(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.control("PUT", "/faults", {"keyed": {"A0000001": ["notify_lost"]}})
    await with_account(merchant, receiver)
    await merchant.collect("A0000001", 10_000)
    receiver.statuses += [500]
    await merchant.set_clock(PAYDAY)
    await transferred(merchant, "2026-09-01")
    paths, orders = zip(*receiver.transfers, strict=True)
    assert paths == ("/credit", "/credit")
    assert orders[0] == orders[1]
    assert orders[0]["id"] == f"UP-{MER_ID}-20260901"
    assert (orders[0]["amount_fen"], orders[0]["account"]) == (9_970, "755900000000001")
    assert orders[0]["text"] == f"银联商户清算 20260901 {MER_ID}"


async def test_a_net_below_zero_is_taken(pair: Pair) -> None:
    merchant, receiver = pair
    await with_account(merchant, receiver)
    paid = (await merchant.collect("A0000001", 10_000))["queryId"]
    await merchant.set_clock(NOON + timedelta(days=1))
    await merchant.give_back("refund", "R0000001", paid, 4_000)
    await merchant.set_clock(PAYDAY + timedelta(days=1))
    await transferred(merchant, "2026-09-02")
    assert [(path, order["amount_fen"]) for path, order in receiver.transfers] == [
        ("/credit", 9_970),
        ("/debit", 4_000),
    ]


async def test_nothing_is_transferred_before_half_past_nine_or_without_an_account(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.collect("A0000001", 10_000)
    await merchant.set_clock(PAYDAY)
    await asyncio.sleep(0.2)
    assert not receiver.transfers
    assert not (await summary(merchant))["days"]["2026-09-01"]["transferred"]
    await with_account(merchant, receiver)
    await transferred(merchant, "2026-09-01")
    await merchant.collect("A0000002", 10_000)
    await merchant.set_clock(PAYDAY + timedelta(days=1) - timedelta(seconds=1))
    await asyncio.sleep(0.2)
    assert len(receiver.transfers) == 1


async def test_a_missing_row_comes_a_day_late_with_its_money(pair: Pair) -> None:
    merchant, receiver = pair
    await with_account(merchant, receiver)
    await merchant.control("PUT", "/plant", {"missing": ["A0000001"]})
    await merchant.collect("A0000001", 10_000)
    await merchant.collect("A0000002", 20_000)
    normal, _ = await at(merchant, PAYDAY, "0901")
    assert [row[12] for row in normal] == ["A0000002"]
    await transferred(merchant, "2026-09-01")
    assert (await summary(merchant))["owed_fen"] == 10_000
    normal, _ = await at(merchant, PAYDAY + timedelta(days=1), "0902")
    assert [(row[12], row[5]) for row in normal] == [("A0000001", "0901120000")]
    await transferred(merchant, "2026-09-02")
    (row,) = await merchant.book(key="A0000001")
    assert (row["settleDate"], row["listed_in"], row["settled_in"]) == (
        "2026-09-01",
        "2026-09-02",
        "2026-09-02",
    )
    assert [order["amount_fen"] for _, order in receiver.transfers] == [19_940, 9_970]


async def test_a_fen_too_many_is_corrected_by_the_next_day(pair: Pair) -> None:
    merchant, receiver = pair
    await with_account(merchant, receiver)
    await merchant.control("PUT", "/plant", {"off_by_one": ["A0000001"]})
    paid = await merchant.collect("A0000001", 10_000)
    (row,), _ = await at(merchant, PAYDAY, "0901")
    assert (row[7], signed(row[16]), signed(row[17])) == ("000000010001", -30, 9_971)
    await transferred(merchant, "2026-09-01")
    assert (await summary(merchant))["owed_fen"] == -1
    await merchant.collect("A0000002", 1_000, txnTime="20260902093000")
    _, (correction,) = await at(merchant, PAYDAY + timedelta(days=1), "0902")
    assert (correction[7], signed(correction[16]), correction[17]) == ("000000000001", -1, MER_ID)
    assert correction[22].split() == [paid["queryId"], "A0000001"]
    await transferred(merchant, "2026-09-02")
    after = await summary(merchant)
    assert (after["owed_fen"], after["days"]["2026-09-02"]["adjust_fen"]) == (0, -1)
    assert [order["amount_fen"] for _, order in receiver.transfers] == [9_971, 1_000 - 3 - 1]


async def test_an_extra_row_is_a_real_transaction_listed_and_settled_once(pair: Pair) -> None:
    merchant, receiver = pair
    await with_account(merchant, receiver)
    extra = {"settleDate": "2026-09-01", "amount": 8_800, "key": "STATIC-7", "account": "6222020000000000018"}
    for _ in range(2):
        await merchant.control("PUT", "/plant", {"extra": [extra]})
    (row,) = await merchant.book()
    assert (row["state"], row["amount"], row["accNo"]) == ("SUCCESS", 8_800, "622202*********0018")
    assert (await summary(merchant))["owed_fen"] == 8_800
    (listed,), _ = await at(merchant, PAYDAY, "0901")
    assert (listed[35], listed[7]) == ("STATIC-7", "000000008800")
    await transferred(merchant, "2026-09-01")
    assert receiver.transfers[0][1]["amount_fen"] == 8_800 - 26
    assert not receiver.got  # nobody asked for it, nobody is told
    status, answer = await merchant.control_status("PUT", "/plant", {"extra": [extra]})
    assert (status, "settleDate" in answer["error"]) == (409, True)


async def test_two_debits_for_one_key_are_counted_until_one_is_given_back(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001", reqReserved="K1")
    second = (await merchant.collect("A0000002", reqReserved="K1"))["queryId"]
    await merchant.collect("A0000003", reqReserved="K2")
    assert (await summary(merchant))["double_debits"] == 1
    await merchant.give_back("void", "V0000001", second, 1000, reqReserved="K1")
    assert (await summary(merchant))["double_debits"] == 0


async def test_the_day_s_figures_are_the_same_before_and_after_its_close(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 10_000))["queryId"]
    await merchant.give_back("refund", "R0000001", paid, 100)
    before = (await summary(merchant))["days"]["2026-09-01"]
    assert (before["pay_in_fen"], before["refund_fen"], before["fee_fen"], before["net_fen"]) == (
        10_000,
        100,
        30,
        9_870,
    )
    await at(merchant, MORNING, "0901")
    assert (await summary(merchant))["days"]["2026-09-01"] == before


async def test_days_that_passed_while_the_bank_was_down_are_closed_and_paid(tmp_path: Path) -> None:
    async with receiving() as receiver:
        async with merchant_on(tmp_path / "bank", f"{receiver.url}/back") as merchant:
            await merchant.set_clock(NOON)
            await with_account(merchant, receiver)
            await merchant.collect("A0000001", 10_000)
            await merchant.set_clock(MORNING - timedelta(minutes=1), rate=3_600)
        async with merchant_on(tmp_path / "bank", f"{receiver.url}/back") as merchant:
            await transferred(merchant, "2026-09-01")
            assert [order["amount_fen"] for _, order in receiver.transfers] == [9_970]
