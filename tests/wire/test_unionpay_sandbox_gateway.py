"""Orders over the wire: taken, found, given back, refused; and anything else a client may send."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.unionpay_sandbox_client import (
    BACK,
    CARD,
    FILE,
    FRONT,
    MER_ID,
    NOON,
    QUERY,
    Merchant,
    Receiver,
    keyed_signature,
    merchant_at_noon,
    merchant_identity,
    merchant_on,
    pem_of,
    split_answer,
    text_to_sign,
    until,
)

Pair = tuple[Merchant, Receiver]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with merchant_at_noon(tmp_path / "bank") as made:
        yield made


async def test_a_collection_is_accepted_then_booked_then_notified(pair: Pair) -> None:
    merchant, receiver = pair
    answer = await merchant.collect("A0000001", 12_345)
    assert (answer["respCode"], answer["respMsg"]) == ("00", "成功[0000000]")
    assert "settleDate" not in answer  # accepted is not yet success
    (row,) = await merchant.book()
    assert {name: row[name] for name in ("state", "amount", "fee", "settleDate", "key", "accNo")} == {
        "state": "SUCCESS",
        "amount": 12_345,
        "fee": 37,
        "settleDate": "2026-09-01",
        "key": "A0000001",
        "accNo": "621234*********0123",
    }
    told = (await until(lambda: receiver.got))[0]
    assert merchant.genuine(told)
    assert (told["orderId"], told["respCode"], told["settleAmt"]) == ("A0000001", "00", "12345")
    assert (told["queryId"], told["settleDate"]) == (answer["queryId"], "0901")


async def test_the_account_is_nowhere_in_the_clear(pair: Pair, tmp_path: Path) -> None:
    merchant, receiver = pair
    await merchant.collect("A0000001")
    await until(lambda: receiver.got)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "bank").iterdir())
    assert CARD.encode() not in stored
    assert CARD not in str(receiver.got) + str(await merchant.query("A0000001"))


async def test_a_query_finds_an_order_by_either_number(pair: Pair) -> None:
    merchant, _ = pair
    made = await merchant.collect("A0000001")
    found = await merchant.query("A0000001")
    assert (found["respCode"], found["origRespCode"]) == ("00", "00")
    assert (found["txnAmt"], found["settleDate"], found["reqReserved"]) == ("1000", "0901", "A0000001")
    by_bank = merchant.common("00", "00", "000000", "") | {"queryId": made["queryId"]}
    assert (await merchant.ask(QUERY, by_bank))["origRespCode"] == "00"


async def test_an_order_is_not_found_by_another_number_or_time(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001")
    assert (await merchant.query("A0000002"))["respCode"] == "34"
    fields = merchant.common("00", "00", "000000", "A0000001") | {"txnTime": "20260901115959"}
    assert (await merchant.ask(QUERY, fields))["respCode"] == "34"


@pytest.mark.parametrize("change", [{}, {"txnAmt": "999"}, {"txnTime": "20260901120001"}])
async def test_a_number_is_taken_once_a_day(pair: Pair, change: dict[str, str]) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001")
    assert (await merchant.ask(BACK, merchant.money("collection", "A0000001", 1000) | change))[
        "respCode"
    ] == "12"
    assert [row["amount"] for row in await merchant.book()] == [1000]


async def test_identical_requests_at_the_same_moment_make_one_order(pair: Pair) -> None:
    merchant, _ = pair
    answers = await asyncio.gather(*(merchant.collect("A0000001") for _ in range(8)))
    assert sorted(answer["respCode"] for answer in answers) == ["00", *["12"] * 7]
    assert len(await merchant.book()) == 1


async def test_a_number_may_come_again_on_another_day(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001")
    await merchant.set_clock(NOON + timedelta(days=1))
    assert (await merchant.collect("A0000001"))["respCode"] == "00"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": base64.b64encode(bytes(256)).decode()}, "11"),
        ({"signature": "%"}, "11"),
        ({"signature": ""}, "13"),
        ({"certId": "1"}, "11"),
        ({"txnAmt": "1001"}, "11"),
        ({"signMethod": "11"}, "11"),
        ({"merId": "777290058110049"}, "31"),
    ],
)
async def test_a_message_that_was_not_signed_by_its_merchant_does_nothing(
    pair: Pair, change: dict[str, str], code: str
) -> None:
    merchant, _ = pair
    fields = merchant.sign(merchant.money("collection", "A0000001", 1000)) | change
    answer = split_answer(await merchant.post(BACK, fields))
    assert answer["respCode"] == code
    assert merchant.genuine(answer)
    assert await merchant.book() == []


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"txnAmt": "0"}, "10", "txnAmt"),
        ({"txnAmt": "1.00"}, "10", "txnAmt"),
        ({"txnAmt": "１２"}, "10", "txnAmt"),
        ({"txnAmt": ""}, "13", "txnAmt"),
        ({"orderId": "A_000001"}, "10", "orderId"),
        ({"orderId": "A" * 41}, "10", "orderId"),
        ({"version": "5.0.0"}, "10", "version"),
        ({"encoding": "utf8"}, "10", "encoding"),
        ({"currencyCode": "840"}, "10", "currencyCode"),
        ({"txnTime": "20260231120000"}, "10", "txnTime"),
        ({"txnTime": "20260830120000"}, "10", "txnTime"),
        ({"backUrl": ""}, "13", "backUrl"),
        ({"backUrl": "javascript:alert(1)"}, "10", "backUrl"),
        ({"reqReserved": "a&b=c"}, "10", "reqReserved"),
        ({"accNo": ""}, "13", "accNo"),
        ({"bizType": "000201"}, "10", "bizType"),
        ({"txnSubType": "02"}, "32", "txnSubType"),
        ({"txnType": "01", "txnSubType": "01", "bizType": "000201"}, "32", "txnType"),
    ],
)
async def test_a_defect_is_refused_by_its_name(
    pair: Pair, change: dict[str, str], code: str, named: str
) -> None:
    merchant, _ = pair
    answer = await merchant.ask(BACK, merchant.money("collection", "A0000001", 1000) | change)
    assert answer["respCode"] == code
    assert named in answer["respMsg"]
    assert await merchant.book() == []


async def test_gbk_messages_are_read_answered_and_signed_in_gbk(pair: Pair) -> None:
    merchant, receiver = pair
    answer = await merchant.collect("A0000001", encoding="GBK", reqReserved="物业费")
    assert (answer["respCode"], answer["encoding"], answer["reqReserved"]) == ("00", "GBK", "物业费")
    await until(lambda: receiver.got)
    assert (await merchant.book())[0]["key"] == "物业费"


async def test_sign_method_11_is_verified_and_answered_in_kind(pair: Pair) -> None:
    merchant, _ = pair
    data = {
        "merId": MER_ID,
        "name": "m",
        "certificate": pem_of(merchant_identity()[1]),
        "secure_key": "testkey",
    }
    await merchant.control("POST", "/merchants", data)
    fields = merchant.money("collection", "A0000001", 1) | {"signMethod": "11"}
    fields["signature"] = keyed_signature(text_to_sign(fields), "testkey")
    answer = split_answer(await merchant.post(BACK, fields))
    assert answer["respCode"] == "00"
    assert answer["signature"] == keyed_signature(text_to_sign(answer), "testkey")


async def test_refunds_go_up_to_what_remains(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 1000))["queryId"]
    assert await merchant.give_back("refund", "R0000001", paid, 400) == "00"
    assert await merchant.give_back("refund", "R0000002", paid, 601) == "36"
    assert await merchant.give_back("refund", "R0000003", paid, 600) == "00"
    assert await merchant.give_back("refund", "R0000004", paid, 1) == "45"
    assert (await merchant.query("R0000002"))["origRespCode"] == "36"


async def test_a_refund_may_name_its_original_by_order_number_and_time(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001", 1000)
    fields = merchant.money("refund", "R0000001", 1000)
    fields |= {"origOrderId": "A0000001", "origTxnTime": fields["txnTime"]}
    assert (await merchant.ask(BACK, fields))["respCode"] == "00"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"origQryId": "202609011200009999999"}, "35"),
        ({"origQryId": ""}, "13"),
        ({"bizType": "000201"}, "36"),
        ({"txnAmt": "1001"}, "36"),
    ],
)
@pytest.mark.parametrize("kind", ["refund", "void"])
async def test_a_return_must_match_its_original(
    pair: Pair, kind: str, change: dict[str, str], code: str
) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 1000))["queryId"]
    fields = merchant.money(kind, "R0000001", 1000, origQryId=paid) | change
    assert (await merchant.ask(BACK, fields))["respCode"] == code


async def test_a_refund_cannot_be_refunded(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 1000))["queryId"]
    fields = merchant.money("refund", "R0000001", 1000, origQryId=paid)
    back = (await merchant.ask(BACK, fields))["queryId"]
    assert await merchant.give_back("refund", "R0000002", back, 1) == "35"


async def test_a_void_takes_back_the_whole_on_its_day_once(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 1000))["queryId"]
    assert await merchant.give_back("void", "V0000001", paid, 999) == "36"
    assert await merchant.give_back("void", "V0000002", paid, 1000) == "00"
    assert await merchant.give_back("void", "V0000003", paid, 1000) == "45"
    assert await merchant.give_back("refund", "R0000001", paid, 1) == "45"
    assert [row["state"] for row in await merchant.book(orderId="A0000001")] == ["VOIDED"]
    assert (await merchant.query("A0000001"))["origRespCode"] == "00"


async def test_a_void_does_not_follow_a_refund(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 1000))["queryId"]
    await merchant.give_back("refund", "R0000001", paid, 1)
    assert await merchant.give_back("void", "V0000001", paid, 1000) == "45"


async def test_a_void_ends_at_23_oclock_and_a_refund_does_not(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.set_clock(NOON.replace(hour=22, minute=59, second=59))
    early = (await merchant.collect("A0000001", 1000))["queryId"]
    late = (await merchant.collect("A0000002", 1000))["queryId"]
    assert await merchant.give_back("void", "V0000001", early, 1000) == "00"
    await merchant.set_clock(NOON.replace(hour=23))
    assert await merchant.give_back("void", "V0000002", late, 1000) == "35"
    assert await merchant.give_back("refund", "R0000001", late, 1000) == "00"
    days = {row["orderId"]: row["settleDate"] for row in await merchant.book()}
    assert (days["A0000002"], days["R0000001"]) == ("2026-09-01", "2026-09-02")


@given(amounts=st.lists(st.integers(1, 600), min_size=1, max_size=6))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_refunds_never_exceed_the_original(tmp_path: Path, amounts: list[int]) -> None:
    name = f"b{abs(hash(tuple(amounts)))}"
    async with merchant_at_noon(tmp_path / name) as (merchant, _):
        paid = (await merchant.collect("A0000001", 1000))["queryId"]
        asked = [merchant.give_back("refund", f"R{n:07d}", paid, amount) for n, amount in enumerate(amounts)]
        await asyncio.gather(*asked)
        rows = await merchant.book(txnType="04")
        taken = sum(row["amount"] for row in rows if row["state"] == "SUCCESS")
        assert taken <= 1000
        assert all(row["amount"] > 1000 - taken for row in rows if row["state"] == "FAILED")


PATHS = st.sampled_from([FRONT, BACK, QUERY, FILE, "/cashier/x", "/nowhere"])
NAMES = [
    "version",
    "encoding",
    "signMethod",
    "signature",
    "certId",
    "merId",
    "txnType",
    "txnAmt",
    "orderId",
    "x",
]


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_any_bytes_to_any_path_get_an_answer(pair: Pair, method: str) -> None:
    merchant, _ = pair
    bodies = st.binary(max_size=400) | st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=30)).map(
        lambda fields: b"&".join(name.encode() + b"=" + value for name, value in fields.items())
    )

    async def send(path: str, body: bytes) -> None:
        url = f"http://127.0.0.1:{merchant.port}{path}"
        async with merchant.http.request(method, url, data=body) as response:
            text = (await response.read()).decode("utf-8")
            assert response.status in {200, 400, 404, 405}
            assert "Traceback" not in text
            if method == "POST" and path in {BACK, QUERY, FILE}:
                assert split_answer(text)["respCode"] in {"10", "13", "31"}

    cases: list[tuple[str, bytes]] = []

    @given(PATHS, bodies)
    @settings(max_examples=60, database=None)
    def collect(path: str, body: bytes) -> None:
        cases.append((path, body))

    collect()
    for path, body in cases:
        await send(path, body)


async def test_bytes_that_are_not_http_do_not_harm_the_bank(pair: Pair) -> None:
    merchant, _ = pair
    for raw in (
        b"\x00\xff\x13",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"\r\n" * 99,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", merchant.port)
        writer.write(raw)
        writer.write_eof()
        assert b"Traceback" not in await reader.read()
        writer.close()
    assert (await merchant.collect("A0000001"))["respCode"] == "00"


async def test_a_body_beyond_all_bounds_is_refused(pair: Pair) -> None:
    merchant, _ = pair
    async with merchant.http.post(
        f"http://127.0.0.1:{merchant.port}{BACK}", data=io.BytesIO(b"a" * 3_000_000)
    ) as response:
        assert response.status == 413


async def count(receiver: Receiver, wanted: int) -> None:
    await until(lambda: len(receiver.got) == wanted)


async def test_an_unanswered_notification_comes_five_times_at_growing_gaps(pair: Pair) -> None:
    merchant, receiver = pair
    receiver.statuses += [500, 404, 301, 500, 500, 500]
    await merchant.collect("A0000001")
    for sent, minutes in enumerate((1, 2, 4, 5), 1):
        await count(receiver, sent)
        await asyncio.sleep(0.15)
        await merchant.set_clock(merchant.now + timedelta(minutes=minutes) - timedelta(seconds=1))
        await asyncio.sleep(0.15)
        assert len(receiver.got) == sent  # not before its time
        await merchant.set_clock(merchant.now + timedelta(seconds=1))
    await count(receiver, 5)
    await asyncio.sleep(0.15)
    await merchant.set_clock(merchant.now + timedelta(hours=1))
    await asyncio.sleep(0.15)
    assert len(receiver.got) == 5


@pytest.mark.parametrize("status", [200, 302])
async def test_an_answered_notification_is_not_sent_again(pair: Pair, status: int) -> None:
    merchant, receiver = pair
    receiver.statuses += [status]
    await merchant.collect("A0000001")
    await until(lambda: receiver.got)
    await asyncio.sleep(0.15)
    await merchant.set_clock(merchant.now + timedelta(hours=1))
    await asyncio.sleep(0.15)
    assert len(receiver.got) == 1


async def test_another_merchant_cannot_see_or_refund_an_order(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001"))["queryId"]
    other = {"merId": "777290058110099"}
    data = {**other, "name": "other", "certificate": pem_of(merchant_identity()[1])}
    await merchant.control("POST", "/merchants", data)
    query = merchant.common("00", "00", "000000", "A0000001") | other
    assert (await merchant.ask(QUERY, query))["respCode"] == "34"
    assert await merchant.give_back("refund", "R0000001", paid, 1, **other) == "35"


async def test_the_book_is_the_same_after_a_start(tmp_path: Path) -> None:
    async with merchant_at_noon(tmp_path / "bank") as (merchant, receiver):
        paid = (await merchant.collect("A0000001"))["queryId"]
        await merchant.give_back("refund", "R0000001", paid, 300)
        before = await merchant.book()
        await until(lambda: len(receiver.got) == 2)
    async with merchant_on(tmp_path / "bank") as merchant:
        assert await merchant.book() == before
        assert (await merchant.collect("A0000001"))["respCode"] == "12"
        assert await merchant.give_back("refund", "R0000002", paid, 701) == "36"
        assert await merchant.give_back("refund", "R0000003", paid, 700) == "00"


@pytest.mark.parametrize(
    ("method", "path", "data", "named"),
    [
        ("PUT", "/clock", {"now": "yesterday"}, "now"),
        ("PUT", "/clock", {"now": "2026-09-01T12:00:00"}, "now"),
        ("PUT", "/clock", {"now": "2026-09-01T12:00:00+08:00", "rate": -1}, "rate"),
        ("PUT", "/faults", {"rates": {"lost": 1}}, "lost_answer"),
        ("PUT", "/faults", {"rates": {"lost_answer": 2}}, "rates.lost_answer"),
        ("PUT", "/faults", {"keyed": {"K": "lost_answer"}}, "keyed"),
        ("PUT", "/faults", [], "body"),
        ("POST", "/merchants", {"merId": "1"}, "merId"),
        ("POST", "/merchants", {"merId": MER_ID, "name": "m", "certificate": "x"}, "certificate"),
        ("POST", "/settlement_account", {"merId": MER_ID, "url": "x", "account": "1"}, "url"),
        ("PUT", "/plant", {"missing": [1]}, "missing"),
        ("PUT", "/plant", {"extra": [{"settleDate": "2026-09-01", "amount": 1.5, "key": ""}]}, "amount"),
        ("GET", "/book?colour=red", None, "colour"),
        ("GET", "/nowhere", None, "Not Found"),
    ],
)
async def test_the_control_plane_says_what_is_wrong(
    pair: Pair, method: str, path: str, data: object, named: str
) -> None:
    status, answer = await pair[0].control_status(method, path, data)
    assert 400 <= status < 500
    assert named in answer["error"]


async def test_a_passed_day_does_not_come_back(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.set_clock(NOON - timedelta(days=9))
    await merchant.set_clock(NOON)
    await merchant.collect("A0000001")
    data = {"now": (NOON - timedelta(days=1)).isoformat()}
    assert (await merchant.control_status("PUT", "/clock", data))[0] == 409
