"""The sandbox's payouts, instalments and the faults that came with them, asked by a merchant that shares no code with it."""

import base64
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.wire.unionpay_sandbox_client import (
    BACK,
    CARD,
    FRONT,
    MER_ID,
    NOON,
    Merchant,
    Receiver,
    eventually,
    merchant_at_noon,
    merchant_on,
    until,
)

Pair = tuple[Merchant, Receiver]
NAMED = {"customerInfo": base64.b64encode("{customerNm=王小明}".encode()).decode()}
COMPANY = NAMED | {
    "accType": "04",
    "reserved": "{comDebitCardAccName=阳光物业公司&businessLicenseRegNo=91440300X}",
}
MORNING = NOON.replace(day=2, hour=9)
PAYDAY = MORNING.replace(minute=30)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with merchant_at_noon(tmp_path / "bank") as made:
        yield made


async def pay_out(merchant: Merchant, order_id: str, amount: int = 1000, **more: str) -> dict[str, str]:
    fields = merchant.money("payout", order_id, amount, accNo=CARD, **(NAMED | more))
    return await merchant.ask(BACK, fields)


async def file_of(merchant: Merchant, day: str) -> tuple[list[list[str]], list[list[str]]]:
    async def out() -> tuple[list[list[str]], list[list[str]]] | None:
        code, normal, exceptions = await merchant.file(day)
        return (normal, exceptions) if code == "00" else None

    found = await eventually(out)
    assert found is not None
    return found


async def movements(merchant: Merchant, after: int = 0) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await merchant.control("GET", f"/movements?after={after}")
    return rows


async def test_a_payout_is_booked_notified_and_found(pair: Pair) -> None:
    merchant, receiver = pair
    assert (await pay_out(merchant, "O0000001", 5_000, billNo="工资"))["respCode"] == "00"
    told = (await until(lambda: receiver.got))[0]
    assert (told["txnType"], told["respCode"], told["txnAmt"]) == ("12", "00", "5000")
    assert (await merchant.query("O0000001"))["origRespCode"] == "00"
    (row,) = await merchant.book()
    assert (row["state"], row["fee"], row["accNo"]) == ("SUCCESS", 0, "621234*********0123")


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"customerInfo": ""}, "13", "customerInfo"),
        ({"customerInfo": base64.b64encode(b"{certifTp=01}").decode()}, "13", "customerNm"),
        ({"accType": "04"}, "13", "businessLicenseRegNo"),
        ({"accType": "04", "reserved": "{comDebitCardAccName=a}"}, "13", "businessLicenseRegNo"),
        ({"accType": "04", "reserved": "{businessLicenseRegNo=1}"}, "13", "comDebitCardAccName"),
        ({"accType": "04", "reserved": "comDebitCardAccName"}, "10", "reserved"),
        ({"bizType": "000501"}, "10", "bizType"),
    ],
)
async def test_a_payout_whose_payee_is_not_named_is_refused_by_the_field(
    pair: Pair, change: dict[str, str], code: str, named: str
) -> None:
    merchant, _ = pair
    answer = await pay_out(merchant, "O0000001", 1000, **change)
    assert (answer["respCode"], named in answer["respMsg"]) == (code, True)
    assert await merchant.book() == []


async def test_payouts_are_debit_rows_and_taken_off_what_is_paid(pair: Pair) -> None:
    merchant, receiver = pair
    account = {"merId": MER_ID, "url": receiver.url, "account": "7559"}
    await merchant.control("POST", "/settlement_account", account)
    await merchant.collect("A0000001", 10_000)
    await pay_out(merchant, "O0000001", 3_000, **COMPANY, billNo="货款")
    summary = await merchant.control("GET", "/book/summary")
    assert (summary["owed_fen"], summary["unsettled_fee_fen"]) == (7_000, 30)
    await merchant.set_clock(PAYDAY)
    (_, row), _ = await file_of(merchant, "0901")
    told = {
        7: "000000003000",
        12: "O0000001",
        16: "C000000000000",
        17: "D000000003000",
        20: "12",
        22: "000401",
    }
    told |= {23: "04", 25: "货款", 35: "O0000001"}
    assert {number: row[number] for number in told} == told
    await until(lambda: receiver.transfers)
    assert [(path, order["amount_fen"]) for path, order in receiver.transfers] == [("/credit", 6_970)]

    async def settled() -> bool:
        return [row["settled_in"] for row in await movements(merchant)] == ["2026-09-01", "2026-09-01"]

    await eventually(settled)
    assert (await merchant.control("GET", "/book/summary"))["owed_fen"] == 0


async def test_a_payout_that_comes_back_is_told_by_query_and_paid_back_a_day_later(tmp_path: Path) -> None:
    async with merchant_at_noon(tmp_path / "bank") as (merchant, receiver):
        await merchant.fault(keyed={"O0000001": ["returned"]})
        paid = await pay_out(merchant, "O0000001", 3_000)
        assert (await merchant.query("O0000001"))["origRespCode"] == "00"
        await until(lambda: receiver.got)
        await merchant.set_clock(MORNING)
        (row,), exceptions = await file_of(merchant, "0901")
        assert (row[12], exceptions) == ("O0000001", [])
    async with merchant_on(tmp_path / "bank") as merchant:  # it comes back over a restart of the bank
        merchant.now = NOON

        async def back() -> bool:
            return (await merchant.query("O0000001"))["origRespCode"] == "B0"

        await merchant.control("PUT", "/clock", {"now": MORNING.replace(hour=10).isoformat(), "rate": 0})
        await eventually(back)
        assert (await merchant.query("O0000001"))["settleDate"] == "0901"
        assert (await merchant.control("GET", "/book/summary"))["owed_fen"] == 0
        assert [row["state"] for row in await movements(merchant)] == ["RETURNED"]
        await merchant.set_clock(MORNING + timedelta(days=1))
        normal, (row,) = await file_of(merchant, "0902")
        assert (normal, row[1], row[7], row[16]) == ([], "E12", "000000003000", "C000000003000")
        assert row[22].split() == [paid["queryId"], "O0000001"]
        assert (await merchant.control("GET", "/book/summary"))["days"]["2026-09-02"]["net_fen"] == 3_000


async def test_instalments_are_booked_and_stand_in_their_columns(pair: Pair) -> None:
    merchant, _ = pair
    fields = merchant.money("purchase", "I0000001", 12_000, accNo=CARD, txnSubType="03")
    fields["instalTransInfo"] = "{numberOfInstallments=06}"
    assert (await merchant.ask(BACK, fields))["respCode"] == "00"
    for bad in ("{numberOfInstallments=6}", "{numberOfInstallments=01}", "06"):
        answer = await merchant.ask(BACK, fields | {"orderId": "I0000002", "instalTransInfo": bad})
        assert (answer["respCode"], "instalTransInfo" in answer["respMsg"]) == ("10", True)
    await merchant.set_clock(MORNING)
    (row,), _ = await file_of(merchant, "0901")
    assert (row[21], row[38], row[39]) == ("03", "C00000000360", "06")
    assert (row[16], row[17]) == ("D000000000036", "C000000011964")  # the payer's surcharge is in no sum


async def test_a_payer_can_be_played_by_the_control_plane(pair: Pair) -> None:
    merchant, receiver = pair
    for order_id in ("P0000001", "P0000002"):
        fields = merchant.money("purchase", order_id, 1_000, frontUrl="http://127.0.0.1/")
        async with merchant.http.post(
            f"http://127.0.0.1:{merchant.port}{FRONT}", data=merchant.sign(fields)
        ) as response:
            assert response.status == 200
    for order_id, action in (("P0000001", "pay"), ("P0000002", "refuse")):
        await merchant.control("POST", "/payers", {"order_no": order_id, "action": action})
    assert [row["state"] for row in await merchant.book()] == ["SUCCESS", "FAILED"]
    await until(lambda: receiver.got)
    for data, status in (
        ({"order_no": "P0000001", "action": "pay"}, 409),
        ({"order_no": "nobody", "action": "pay"}, 404),
        ({"order_no": "P0000001", "action": "run"}, 400),
    ):
        assert (await merchant.control_status("POST", "/payers", data))[0] == status


async def test_the_movements_are_the_banks_own_truth(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={"A0000002": ["decline"], "A0000003": ["contradict"]})
    for number in (1, 2, 3):
        await merchant.collect(f"A000000{number}", 1_000)
    paid = await merchant.query("A0000001")
    await merchant.give_back("void", "V0000001", paid["queryId"], 1_000)
    rows = await movements(merchant)
    seen = [(row["order_no"], row["operation"], row["state"], row["original"]) for row in rows]
    assert seen == [
        ("A0000001", "collection", "VOIDED", ""),
        ("A0000002", "collection", "FAILED", ""),
        ("A0000003", "collection", "SUCCESS", ""),
        ("V0000001", "void", "SUCCESS", "A0000001"),
    ]
    assert (
        rows[0] | {"seq": 1, "key": "A0000001", "amount": 1_000, "fee": 3, "settle_date": "2026-09-01"}
        == rows[0]
    )
    assert rows[0]["account"] == "621234*********0123"
    assert [(row["denied"], row["settled_in"], row["return_settled_in"]) for row in rows] == [
        (False, None, None),
        (False, None, None),
        (True, None, None),
        (False, None, None),
    ]
    assert await movements(merchant, rows[2]["seq"]) == rows[3:]
    assert (await merchant.control_status("GET", "/movements?after=-1"))[0] == 400


async def test_a_contradiction_says_failed_debits_all_the_same_and_stands_in_the_file(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={"A0000001": ["contradict"]})
    assert (await merchant.collect("A0000001"))["respCode"] == "64"
    found = await merchant.query("A0000001")
    assert (found["origRespCode"], "settleDate" in found) == ("64", False)
    await merchant.collect("A0000002", reqReserved="A0000001")
    await until(lambda: receiver.got)
    assert [told["orderId"] for told in receiver.got] == ["A0000002"]
    summary = await merchant.control("GET", "/book/summary")
    assert (summary["double_debits"], summary["denied"]) == (0, 1)
    await merchant.set_clock(MORNING)
    rows, _ = await file_of(merchant, "0901")
    assert [row[12] for row in rows] == ["A0000001", "A0000002"]


async def test_a_later_decline_was_accepted_first(pair: Pair) -> None:
    merchant, receiver = pair
    paid = (await merchant.collect("B0000001", 1_000))["queryId"]
    await merchant.fault(keyed={"A0000001": ["decline_later"], "R0000001": ["decline_later"]})
    assert (await merchant.collect("A0000001"))["respCode"] == "00"
    assert await merchant.give_back("refund", "R0000001", paid, 1_000) == "00"
    assert (await merchant.query("A0000001"))["origRespCode"] == "05"

    async def ended() -> bool:
        return (await merchant.query("A0000001"))["origRespCode"] == "64"

    await eventually(ended)
    assert await merchant.give_back("refund", "R0000002", paid, 1_000) == "00"  # the failed one took nothing
    await until(lambda: len(receiver.got) == 2)
    assert {told["orderId"] for told in receiver.got} == {"B0000001", "R0000002"}


@pytest.mark.parametrize(("fault", "codes"), [("maintenance", {"02", "39"}), ("account_type", {"62"})])
async def test_a_refusal_has_its_own_code(pair: Pair, fault: str, codes: set[str]) -> None:
    merchant, _ = pair
    orders = [f"O000000{n}" for n in range(8)]
    await merchant.fault(rates={fault: 1.0})
    assert {(await pay_out(merchant, order_id))["respCode"] for order_id in orders} == codes
    assert {row["state"] for row in await movements(merchant)} <= {"FAILED"}
    again = {(await pay_out(merchant, order_id))["respCode"] for order_id in orders}
    assert again == ({"00"} if fault == "maintenance" else {"12"})


async def test_a_disordered_notification_is_followed_by_an_older_state(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={"A0000001": ["notify_disordered"]})
    await merchant.collect("A0000001")
    await until(lambda: len(receiver.got) == 2)
    assert [told["respCode"] for told in receiver.got] == ["00", "05"]
    assert all(merchant.genuine(told) for told in receiver.got)


async def test_the_faults_of_the_file_each_do_what_they_say(pair: Pair) -> None:
    merchant, _ = pair
    keyed = {"A0000001": "file_missing", "A0000002": "file_extra", "A0000003": "file_off_by_one"}
    keyed |= {"A0000004": "file_late_row"}
    await merchant.fault(keyed={key: [fault] for key, fault in keyed.items()})
    for order_id in keyed:
        await merchant.collect(order_id, 10_000)
    await merchant.set_clock(MORNING)
    rows, _ = await file_of(merchant, "0901")
    assert [(row[12], row[7]) for row in rows if row[12] in keyed] == [
        ("A0000002", "000000010000"),
        ("A0000003", "000000010001"),
    ]
    (extra,) = [row for row in rows if row[12] not in keyed]
    assert (extra[7], extra[20], extra[35]) == ("000000010000", "01", "")
    assert extra[12] in {row["order_no"] for row in await movements(merchant) if row["key"] == ""}
    await merchant.set_clock(MORNING + timedelta(days=1))
    rows, exceptions = await file_of(merchant, "0902")
    assert ([row[12] for row in rows], [row[16] for row in exceptions]) == (["A0000004"], ["D000000000001"])
    (lost,) = await merchant.book(key="A0000001")
    assert (lost["state"], lost["listed_in"]) == ("SUCCESS", None)
    await merchant.set_clock(MORNING + timedelta(days=3))
    assert [row[12] for row in (await file_of(merchant, "0904"))[0]] == ["A0000001"]
    assert [(await file_of(merchant, day))[0] for day in ("0903",)] == [[]]
    assert (await merchant.control("GET", "/faults"))["met"] == dict.fromkeys(keyed.values(), 1)


async def test_a_file_can_be_late_or_damaged_at_its_first_fetch_alone(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001")
    await merchant.control("PUT", "/plant", {"file_not_ready": ["2026-09-01"], "file_bad": ["2026-09-01"]})
    assert (await merchant.file("0901"))[0] == "98"  # it is not made yet: that is no fault
    await merchant.set_clock(MORNING)

    async def made() -> bool:
        return bool(await merchant.book(listed_in="2026-09-01"))

    await eventually(made)
    assert (await merchant.file("0901"))[0] == "98"
    with pytest.raises(zipfile.BadZipFile):
        await merchant.file("0901")
    assert [row[12] for row in (await file_of(merchant, "0901"))[0]] == ["A0000001"]
    status, answer = await merchant.control_status("PUT", "/plant", {"file_bad": ["tomorrow"]})
    assert (status, "file_bad" in answer["error"]) == (400, True)
