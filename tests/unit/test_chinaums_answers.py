"""What answers prove, by the table; and what a hostile or broken peer can send."""

import base64
import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from zhangfang.channels import strict_json
from zhangfang.channels.chinaums import ChinaUmsConfig, answers, dayfile, requests
from zhangfang.channels.port import Answer, ChannelError, MalformedMessage, Operation, Order, Verdict
from zhangfang.channels.strict_json import parse_object
from zhangfang.kernel.errors import InvalidInput

CONFIG = ChinaUmsConfig(
    mid="898340158110001", tid="88880001", source="3194", app_id="a", app_key="k", notify_key="n",
    base_url="http://127.0.0.1:9", notify_url="http://127.0.0.1:9/n",
)  # fmt: skip
NOW = SetClock().now()
PAY = Order(Operation.PURCHASE, "A" * 32, NOW, 12345, "K1", "物业费")
BACK = Order(Operation.REFUND, "B" * 32, NOW, 45, "K2", original_order_no=PAY.order_no)
FOUND = {
    "errCode": "SUCCESS", "mid": CONFIG.mid, "merOrderId": f"3194{PAY.order_no}", "status": "TRADE_SUCCESS",
    "totalAmount": 12345, "settleDate": "2026-09-01", "targetOrderId": "T1", "buyerName": "张三",
}  # fmt: skip
REFUNDED = {
    "errCode": "SUCCESS", "mid": CONFIG.mid, "refundOrderId": f"3194{BACK.order_no}", "refundStatus": "SUCCESS",
    "refundAmount": 45, "refundTargetOrderId": "T2",
}  # fmt: skip


def query(**changes: Any) -> Answer:
    return answers.of_query(parse_object(json.dumps(FOUND | changes).encode()), PAY, CONFIG)


def rows() -> list[dict[str, str]]:
    with (Path(answers.__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_of_the_table_has_a_mark_and_a_meaning_and_ends_nothing_without_being_listed() -> None:
    assert {row["mark"] for row in rows()} <= {"V", "V2", "C", "K", "G"}
    assert all(row["meaning"] for row in rows())
    assert answers.CODES.of(Operation.PURCHASE, "status=NEVER_SEEN") == (
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        False,
    )
    assert answers.CODES.of(Operation.REFUND, "errCode=NEVER_SEEN").sent is Verdict.UNKNOWN


def test_only_a_definite_failure_can_go_elsewhere() -> None:
    for row in rows():
        assert row["elsewhere"] in ("", "yes")
        assert not row["elsewhere"] or row["sent"] == "failed"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("NEW_ORDER", Verdict.ACCEPTED), ("WAIT_BUYER_PAY", Verdict.ACCEPTED), ("TRADE_SUCCESS", Verdict.SUCCESS),
        ("TRADE_CLOSED", Verdict.FAILED), ("TRADE_REFUND", Verdict.MANUAL), ("UNKNOWN", Verdict.UNKNOWN),
        ("trade_success", Verdict.UNKNOWN), ("SOMETHING", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_a_status_proves_what_the_table_says(status: str, verdict: Verdict) -> None:
    assert query(status=status).verdict is verdict


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("NO_ORDER", Verdict.NOT_FOUND), ("INTERNAL_ERROR", Verdict.UNKNOWN), ("NO_SERVICE", Verdict.UNKNOWN),
        ("?", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_a_query_that_is_refused_says_nothing_of_the_order_but_not_found(code: str, verdict: Verdict) -> None:
    assert query(errCode=code).verdict is verdict


@pytest.mark.parametrize(
    ("code", "verdict", "elsewhere"),
    [
        ("INVALID_SIGN", Verdict.FAILED, True), ("BAD_REQUEST", Verdict.UNKNOWN, False),
        ("OPERATION_NOT_ALLOWED", Verdict.UNKNOWN, False), ("NO_SERVICE", Verdict.UNKNOWN, False),
        ("DUP_ORDER", Verdict.UNKNOWN, False), ("TIMEOUT", Verdict.UNKNOWN, False), ("NEW_CODE", Verdict.UNKNOWN, False),
    ],
)  # fmt: skip
def test_a_refused_refund_fails_only_by_a_listed_code(code: str, verdict: Verdict, elsewhere: bool) -> None:
    answer = answers.of_refund({"errCode": code, "errMsg": "no"}, BACK, CONFIG)
    assert (answer.verdict, answer.elsewhere, answer.message) == (verdict, elsewhere, "no")


@pytest.mark.parametrize(
    ("status", "sent", "final"),
    [
        ("SUCCESS", Verdict.ACCEPTED, Verdict.SUCCESS), ("FAIL", Verdict.UNKNOWN, Verdict.FAILED),
        ("PROCESSING", Verdict.ACCEPTED, Verdict.ACCEPTED), ("UNKNOWN", Verdict.UNKNOWN, Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_a_refunds_answer_is_at_best_accepted_and_its_query_decides(
    status: str, sent: Verdict, final: Verdict
) -> None:
    fields = REFUNDED | {"refundStatus": status}
    assert answers.of_refund(fields, BACK, CONFIG).verdict is sent
    assert answers.of_query(fields, BACK, CONFIG).verdict is final


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"merOrderId": "3194other"}, "merOrderId"), ({"mid": "898340158110002"}, "mid"), ({"errCode": None}, "errCode"),
        ({"status": 1}, "status"), ({"totalAmount": "12345"}, "totalAmount"), ({"totalAmount": 123.45}, "totalAmount"),
        ({"totalAmount": -1}, "totalAmount"), ({"totalAmount": True}, "totalAmount"), ({"totalAmount": None}, "totalAmount"),
        ({"totalAmount": 10**12}, "totalAmount"), ({"settleDate": 20260901}, "settleDate"),
        ({"settleDate": "x"}, "settleDate"),
    ],
)  # fmt: skip
def test_an_answer_with_an_odd_field_is_malformed_and_names_it(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        query(**changes)


def test_a_success_without_an_amount_is_no_success() -> None:
    fields = {name: value for name, value in FOUND.items() if name != "totalAmount"}
    with pytest.raises(MalformedMessage, match="totalAmount"):
        answers.of_query(fields, PAY, CONFIG)


def test_an_amount_off_by_one_fen_is_passed_on() -> None:
    assert query(totalAmount=12346).amount == 12346


def test_nothing_about_a_person_is_kept() -> None:
    assert "张三" not in query().raw
    assert "TRADE_SUCCESS" in query().raw


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'"a"', b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":Infinity}', b"{" * 200_000, b"[" * 60_000,
        b'{"a":' * 30_000, b'{"a":' + b"9" * 5000 + b"}", b"\xff\xfe", b'{"a":"\xff"}', b'{"a":1}' + b" " * 70_000,
        b'{"a":"\\ud800"}', b'{"a":{"b":"\\u0000"}}',
    ],
    ids=range(16),
)  # fmt: skip
def test_json_that_is_deep_huge_or_doubled_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_object(body)


def test_a_fraction_is_never_a_float() -> None:
    assert not isinstance(parse_object(b'{"a":1.10}')["a"], float)
    with pytest.raises(MalformedMessage):
        strict_json.fen(parse_object(b'{"a":1e2}')["a"], "a")


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
        assert changes.get("status", "TRADE_SUCCESS") == "TRADE_SUCCESS"
        assert isinstance(answer.amount, int)


def test_the_requests_carry_the_prefix_the_periods_and_whole_fen() -> None:
    made = json.loads(requests.precreate(replace(PAY, instalments=6), CONFIG)[1])
    assert (made["merOrderId"], made["totalAmount"], made["installmentNumber"]) == (
        f"3194{PAY.order_no}",
        12345,
        6,
    )
    assert "installmentNumber" not in json.loads(requests.precreate(PAY, CONFIG)[1])
    refund = json.loads(requests.refund(BACK, CONFIG)[1])
    assert (refund["merOrderId"], refund["refundOrderId"]) == (f"3194{PAY.order_no}", f"3194{BACK.order_no}")
    assert len(refund["refundOrderId"]) <= 50


def test_a_refund_sent_again_has_the_same_body() -> None:
    assert requests.refund(BACK, CONFIG) == requests.refund(replace(BACK), CONFIG)


def test_an_order_number_of_another_shape_is_refused_before_anything_is_sent() -> None:
    for wrong in ("", "short", "A" * 33, "A-B-C-D-E-F"):
        with pytest.raises(InvalidInput, match="order_no"):
            requests.query(replace(PAY, order_no=wrong), CONFIG, NOW)


HEADER = (
    "settleDate,mid,tid,merOrderId,targetOrderId,seqId,type,totalAmount,fee,netAmount,installmentNumber,payTime,"
    "refundOrderId,srcReserve"
)
LINE = f"2026-09-01,{CONFIG.mid},88880001,3194A1,T1,1,PAY,1000,4,996,,2026-09-01 10:00:00,,K1"
FOOTER = "#,count=1,totalAmount=1000,fee=4,netAmount=996"


def file_fields(line: str, footer: str = FOOTER) -> dict[str, Any]:
    content = "\r\n".join((HEADER, line, footer)).encode()
    coded = base64.b64encode(content).decode()
    return {"content": coded, "sha256": hashlib.sha256(content).hexdigest(), "fileName": "f.csv"}


def test_a_line_of_the_file_is_read() -> None:
    (line,) = dayfile.parse(file_fields(LINE), CONFIG, NOW.date()).lines
    assert (line.order_no, line.amount, line.fee, line.credit, line.note) == ("A1", 1000, 4, True, "K1")


@pytest.mark.parametrize(("kind", "credit"), [("PAY", True), ("REFUND", False)])
def test_a_fee_may_be_all_of_a_payment(kind: str, credit: bool) -> None:
    one_fen = LINE.replace("PAY,1000,4,996", f"{kind},1,1,0").replace(",,K1", ",3194R1,K1")
    (line,) = dayfile.parse(
        file_fields(one_fen, "#,count=1,totalAmount=1,fee=1,netAmount=0"), CONFIG, NOW.date()
    ).lines
    assert (line.amount, line.fee, line.credit) == (1, 1, credit)


@pytest.mark.parametrize(
    ("line", "footer", "named"),
    [
        (LINE.replace(CONFIG.mid, "898340158110002"), FOOTER, "line 2, column mid"),
        (LINE.replace("09-01", "09-02", 1), FOOTER, "line 2, column settleDate"),
        (LINE.replace("996", "1996"), FOOTER.replace("996", "1996"), "line 2, column netAmount"),
        (LINE.replace("996", "-1004"), FOOTER.replace("996", "-1004"), "not below zero for PAY"),
        (LINE.replace("PAY", "GIFT"), FOOTER, "line 2, column type"),
        (LINE, FOOTER.replace("1000", "1001"), "totalAmount"),
    ],
)
def test_a_line_that_does_not_fit_is_named(line: str, footer: str, named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        dayfile.parse(file_fields(line, footer), CONFIG, NOW.date())


def test_a_file_that_is_not_the_one_that_was_hashed_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="sha256"):
        dayfile.parse(file_fields(LINE) | {"sha256": "0" * 64}, CONFIG, NOW.date())
    with pytest.raises(MalformedMessage, match="base64"):
        dayfile.parse(file_fields(LINE) | {"content": "?"}, CONFIG, NOW.date())
