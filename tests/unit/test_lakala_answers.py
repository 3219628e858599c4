"""What answers prove, by the table; what the requests say; and what a hostile or broken peer can send."""

import base64
import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from zhangfang.channels.lakala import LakalaConfig, answers, dayfile, requests
from zhangfang.channels.port import (
    Answer,
    ChannelError,
    MalformedMessage,
    NotPresented,
    Operation,
    Order,
    Verdict,
)
from zhangfang.channels.strict_json import parse_object
from zhangfang.kernel.errors import InvalidInput

CONFIG = LakalaConfig(
    merchant_no="822290058110001", term_no="A0000001", appid="OP1", sign_key_pem="", sign_cert_pem="",
    platform_cert_pem="", base_url="http://127.0.0.1:9", notify_url="http://127.0.0.1:9/n",
)  # fmt: skip
NOW = SetClock().now()
PAY = Order(Operation.PURCHASE, "A" * 32, NOW, 12345, "K1", "物业费")
BACK = Order(Operation.REFUND, "B" * 32, NOW, 45, "K2", original_order_no=PAY.order_no)
VOID = replace(BACK, operation=Operation.VOID, amount=12345)
FOUND = {
    "merchant_no": CONFIG.merchant_no, "out_trade_no": PAY.order_no, "trade_no": "T1", "trade_state": "SUCCESS",
    "total_amount": "12345", "trade_time": "20260901225959", "acc_trade_no": "2026", "user_id1": "张三",
}  # fmt: skip


def query(order: Order = PAY, code: str = answers.OK, **changes: Any) -> Answer:
    data = FOUND | {"out_trade_no": order.order_no} | changes
    body = json.dumps({"code": code, "msg": "m", "resp_data": data}).encode()
    return answers.of_query(parse_object(body), order, CONFIG)


def rows() -> list[dict[str, str]]:
    with (Path(answers.__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_of_the_table_has_a_mark_and_a_meaning() -> None:
    assert {row["mark"] for row in rows()} <= {"V", "V2", "C", "K", "G"}
    assert all(row["meaning"] for row in rows())
    assert all(not row["elsewhere"] or (row["elsewhere"], row["sent"]) == ("yes", "failed") for row in rows())


def test_only_invented_codes_begin_with_sbx_and_only_they_are_marked_as_gaps() -> None:
    assert all(row["code"].startswith("code=SBX") == (row["mark"] == "G") for row in rows())


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("INIT", Verdict.ACCEPTED), ("CREATE", Verdict.ACCEPTED), ("SUCCESS", Verdict.SUCCESS), ("FAIL", Verdict.FAILED),
        ("CLOSE", Verdict.FAILED), ("DEAL", Verdict.UNKNOWN), ("UNKNOWN", Verdict.UNKNOWN), ("REFUND", Verdict.MANUAL),
        ("PART_REFUND", Verdict.MANUAL), ("REVOKED", Verdict.MANUAL), ("success", Verdict.UNKNOWN), ("X", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_a_trade_state_proves_what_the_table_says(state: str, verdict: Verdict) -> None:
    assert query(trade_state=state).verdict is verdict


@pytest.mark.parametrize("operation", [BACK, VOID])
def test_a_refund_or_void_cannot_be_closed(operation: Order) -> None:
    assert query(operation, trade_state="CLOSE").verdict is Verdict.UNKNOWN
    assert query(operation, trade_state="SUCCESS").verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("code", "asked", "sent", "elsewhere"),
    [
        ("BBS10000", Verdict.UNKNOWN, Verdict.UNKNOWN, False), ("BBS11105", Verdict.UNKNOWN, Verdict.UNKNOWN, False),
        ("BBS11184", Verdict.UNKNOWN, Verdict.FAILED, True), ("SBX404", Verdict.NOT_FOUND, Verdict.FAILED, False),
        ("SBX409", Verdict.UNKNOWN, Verdict.UNKNOWN, False), ("BBS99999", Verdict.UNKNOWN, Verdict.UNKNOWN, False),
        ("000101", Verdict.UNKNOWN, Verdict.UNKNOWN, False),
    ],
)  # fmt: skip
def test_a_code_proves_what_the_table_says_and_an_unlisted_one_nothing(
    code: str, asked: Verdict, sent: Verdict, elsewhere: bool
) -> None:
    assert query(BACK, code).verdict is asked
    answer = answers.of_request({"code": code, "msg": ""}, BACK, CONFIG)
    assert (answer.verdict, answer.elsewhere) == (sent, elsewhere)


def test_found_alone_is_no_success() -> None:
    sent = {"code": answers.OK, "msg": "", "resp_data": {"out_trade_no": BACK.order_no}}
    assert answers.of_request(sent, BACK, CONFIG).verdict is Verdict.ACCEPTED


def test_the_settlement_date_follows_from_the_moment_and_the_cut_at_eleven() -> None:
    assert query().settle_date == date(2026, 9, 1)
    assert query(trade_time="20260901230000").settle_date == date(2026, 9, 2)
    assert query(trade_time="").settle_date is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"out_trade_no": "other"}, "out_trade_no"), ({"merchant_no": "1"}, "merchant_no"),
        ({"trade_state": 1}, "trade_state"),
        ({"total_amount": 12345}, "total_amount"), ({"total_amount": "1.5"}, "total_amount"),
        ({"total_amount": "-1"}, "total_amount"), ({"total_amount": None}, "total_amount"),
        ({"total_amount": 1.5}, "total_amount"), ({"trade_time": 20260901}, "trade_time"), ({"trade_no": []}, "trade_no"),
    ],
)  # fmt: skip
def test_an_answer_with_an_odd_field_is_malformed_and_names_it(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        query(**changes)


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_an_answer_without_its_data_is_malformed(data: Any) -> None:
    with pytest.raises(MalformedMessage, match="resp_data"):
        answers.of_query({"code": answers.OK, "resp_data": data}, PAY, CONFIG)


def test_nothing_about_a_person_is_kept() -> None:
    assert "张三" not in query().raw
    assert "trade_state" in query().raw


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reading_of_an_answer(data: bytes) -> None:
    try:
        answers.of_query(parse_object(data), PAY, CONFIG)
    except ChannelError:
        return


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(sorted(FOUND)), ODD))
def test_no_field_of_another_kind_crashes_or_makes_a_success_of_something_else(
    changes: dict[str, Any],
) -> None:
    try:
        answer = query(**changes)
    except ChannelError:
        return
    if answer.verdict is Verdict.SUCCESS:
        assert changes.get("trade_state", "SUCCESS") == "SUCCESS"
        assert isinstance(answer.amount, int)


def test_a_preorder_says_alipay_app_with_its_instalments_and_its_place() -> None:
    data = json.loads(requests.preorder(replace(PAY, instalments=3, fee_by="merchant"), CONFIG)[1])[
        "req_data"
    ]
    assert (data["account_type"], data["trans_type"], data["total_amount"]) == ("ALIPAY", "61", "12345")
    assert data["acc_busi_fields"] == {
        "timeout_express": "15", "extend_params": {"hb_fq_num": "3", "hb_fq_seller_percent": "100"},
    }  # fmt: skip
    assert data["location_info"]["request_ip"]
    plain = json.loads(requests.preorder(PAY, CONFIG)[1])["req_data"]
    assert "extend_params" not in plain["acc_busi_fields"]


@pytest.mark.parametrize(("fee_by", "percent"), [("", "0"), ("payer", "0"), ("merchant", "100")])
def test_who_bears_the_charge_is_a_percentage(fee_by: str, percent: str) -> None:
    data = json.loads(requests.preorder(replace(PAY, instalments=6, fee_by=fee_by), CONFIG)[1])["req_data"]
    assert data["acc_busi_fields"]["extend_params"]["hb_fq_seller_percent"] == percent


def test_what_the_wallet_does_not_have_is_not_presented() -> None:
    for wrong in (replace(PAY, instalments=9), replace(PAY, instalments=3, fee_by="state")):
        with pytest.raises(NotPresented):
            requests.preorder(wrong, CONFIG)


def test_a_long_description_is_cut_to_what_the_field_holds() -> None:
    data = json.loads(requests.preorder(replace(PAY, description="长" * 100), CONFIG)[1])["req_data"]
    assert len(data["subject"]) == 42


def test_a_refund_or_void_sent_again_has_the_same_body() -> None:
    for order in (BACK, VOID):
        assert requests.reversal(order, CONFIG) == requests.reversal(replace(order), CONFIG)
    assert "refund_amount" not in json.loads(requests.reversal(VOID, CONFIG)[1])["req_data"]


def test_an_order_number_of_another_shape_is_refused_before_anything_is_sent() -> None:
    for wrong in ("", "short", "A" * 33, "A-B-C-D-E-F"):
        with pytest.raises(InvalidInput, match="order_no"):
            requests.query(replace(PAY, order_no=wrong), CONFIG, NOW)


HEADER = (
    "settle_date,merchant_no,term_no,out_trade_no,trade_no,log_no,trade_main_type,total_amount,sign,fee,hb_fq_num,"
    "trade_time,origin_out_trade_no,remark"
)
LINE = f"2026-09-01,{CONFIG.merchant_no},A0000001,A1,99912345678901234,12345678901234,PREORDER,1000,C,4,,,,K1"
FOOTER = "#,count=1,total_amount=1000,fee=4"


def packed(content: bytes, name: str = "f.csv") -> dict[str, Any]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    data = buffer.getvalue()
    coded = base64.b64encode(data).decode()
    return {"content": coded, "sha256": hashlib.sha256(data).hexdigest(), "file_name": "f.zip"}


def file_of(line: str) -> dict[str, Any]:
    return packed("\r\n".join((HEADER, line, FOOTER)).encode("gb18030"))


def test_a_line_of_the_file_is_read() -> None:
    (line,) = dayfile.parse(file_of(LINE.replace("K1", "物业费")), CONFIG, NOW.date()).lines
    assert (line.order_no, line.amount, line.fee, line.credit, line.note) == ("A1", 1000, 4, True, "物业费")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (CONFIG.merchant_no, "822290058110002", "line 2, column merchant_no"),
        ("2026-09-01", "2026-09-02", "line 2, column settle_date"),
        (",12345678901234,", ",12345678901235,", "line 2, column log_no"),
        (",C,", ",D,", "line 2, column sign"),
        ("PREORDER", "GIFT", "line 2, column trade_main_type"),
    ],
)
def test_a_line_that_does_not_fit_is_named(old: str, new: str, named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        dayfile.parse(file_of(LINE.replace(old, new)), CONFIG, NOW.date())


def test_a_zip_that_is_a_bomb_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhangfang.channels.columns.MAX_BYTES", 1000)
    with pytest.raises(MalformedMessage, match="unpacks to more than"):
        dayfile.parse(packed(bytes(10_000_000)), CONFIG, NOW.date())


def test_a_file_that_is_not_the_one_that_was_hashed_is_refused() -> None:
    for changes in (
        {"sha256": "0" * 64},
        {"sha256": 1},
        {"content": "?"},
        {"content": None},
        {"file_name": ""},
    ):
        with pytest.raises(MalformedMessage):
            dayfile.parse(file_of(LINE) | changes, CONFIG, NOW.date())
