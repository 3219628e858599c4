"""What the generic bank's connector writes and reads: bytes, signatures, codes, hosts, and whatever a broken peer sends."""

import contextlib
import csv
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import genericbank_keys as keys
from zhangfang.channels import genericbank
from zhangfang.channels.genericbank import codes, messages, replies
from zhangfang.channels.genericbank.config import GenericBankConfig
from zhangfang.channels.genericbank.signature import Signer
from zhangfang.channels.port import (
    ChannelError,
    ForgedMessage,
    MalformedMessage,
    Operation,
    Order,
    PartyAccount,
    Verdict,
)
from zhangfang.kernel.errors import InvalidInput

PAYEE = PartyAccount("6228480402564890018", "深圳某某物业有限公司", "corporate", "中国农业银行")
ORDER = Order(
    operation=Operation.PAYOUT,
    order_no="019aae2b4c7d70008000000000000100",
    requested_at=datetime(2026, 11, 22, 17, 0, tzinfo=UTC),  # the 23rd in China
    amount=105,
    key="M-2026-1",
    description="货款",
    account=PAYEE,
)
SERIAL = "20261123019aae2b4c7d70008000000000000100"
HELD: dict[str, Any] = {
    "client_id": "ZF01",
    "base_url": "http://127.0.0.1:1",
    "account": "8050000000000001",
    "sign_key_pem": keys.private_pem(keys.OURS),
    "bank_key_pem": keys.public_pem(keys.BANK),
}
CONFIG = GenericBankConfig(**HELD)
ASKED = b"a request"
PAID = {
    "serial": SERIAL,
    "bankSerial": "GB1",
    "amount": "1.05",
    "currency": "CNY",
    "code": "S000",
    "reason": "",
}


def told(code: str = "0000", /, **body: Any) -> dict[str, Any]:
    return {"requestDigest": hashlib.sha256(ASKED).hexdigest(), "code": code, "message": "", "body": body}


def test_a_payment_is_these_bytes_and_the_same_at_every_sending() -> None:
    now = datetime(2026, 11, 22, 17, 0, 1, tzinfo=UTC)
    body = messages.payment(ORDER, CONFIG)
    assert messages.request("PAY001", "ZF01", body, now).decode() == (
        '{"txCode":"PAY001","clientId":"ZF01","time":"20261123010001","body":{'
        '"serial":"20261123019aae2b4c7d70008000000000000100","payer":"8050000000000001",'
        '"payee":"6228480402564890018","payeeName":"深圳某某物业有限公司",'
        '"payeeType":{"holder":"corporate","class":"basic","medium":"corporate"},'
        '"payeeBank":"中国农业银行","amount":"1.05","currency":"CNY","purpose":"货款","note":"M-2026-1"}}'
    )
    assert messages.payment(ORDER, CONFIG) == body


def test_the_payees_class_goes_to_the_bank_as_it_was_told() -> None:
    order = replace(ORDER, account=replace(PAYEE, class_="basic2"))
    assert messages.payment(order, CONFIG)["payeeType"]["class"] == "basic2"


def test_our_signature_opens_to_the_padded_digest_of_the_bytes() -> None:
    signer = Signer(CONFIG.sign_key_pem, CONFIG.bank_key_pem)
    assert keys.opened(signer.sign(ASKED), keys.OURS) == keys.padded(ASKED)


def test_a_signature_made_in_plain_integers_verifies_and_one_of_another_key_does_not() -> None:
    signer = Signer(CONFIG.sign_key_pem, CONFIG.bank_key_pem)
    signer.verify(ASKED, keys.signed(ASKED, keys.BANK))
    for body, signature in [
        (ASKED, keys.signed(ASKED, keys.OURS)),
        (ASKED + b" ", keys.signed(ASKED, keys.BANK)),
        (ASKED, ""),
        (ASKED, "not base64"),
    ]:
        with pytest.raises(ForgedMessage):
            signer.verify(body, signature)


@pytest.mark.parametrize("name", ["sign_key_pem", "bank_key_pem"])
def test_a_key_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        genericbank.GenericBank(GenericBankConfig(**HELD | {name: "nothing"}), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8080", "http://[::1]:1", "https://localhost", "http://127.9.9.9"]
)
def test_this_machine_may_be_a_bank(host: str) -> None:
    GenericBankConfig(**HELD | {"base_url": host})


@pytest.mark.parametrize("host", ["https://bank.example", "http://10.0.0.1:80", "http://127.0.0.1.example"])
def test_any_other_host_needs_to_be_allowed(host: str) -> None:
    with pytest.raises(InvalidInput, match="base_url"):
        GenericBankConfig(**HELD | {"base_url": host})
    GenericBankConfig(**HELD | {"base_url": host, "allow_production": True})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "http://127.0.0.1:0"),
        ("base_url", "ftp://127.0.0.1"),
        ("base_url", "http://u@127.0.0.1"),
        ("client_id", ""),
        ("account", "8050 0000"),
        ("timeout_seconds", 0.0),
    ],
)
def test_what_could_not_work_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=field):
        GenericBankConfig(**HELD | {field: value})


def test_no_secret_and_no_account_is_in_the_configurations_repr() -> None:
    shown = repr(CONFIG)
    assert "PRIVATE" not in shown
    assert CONFIG.account not in shown


@pytest.mark.parametrize(
    "change",
    [
        {"account": None},
        {"operation": Operation.COLLECTION},
        {"order_no": "with-dash"},
        {"account": replace(PAYEE, name="")},
        {"account": replace(PAYEE, number="6" * 36)},
        {"description": "长" * 101},
        {"amount": 0},
    ],
)
def test_an_order_that_cannot_be_written_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        messages.payment(replace(ORDER, **change), CONFIG)


TABLE = list(
    csv.DictReader((Path(codes.__file__).parent / "codes.csv").read_text(encoding="utf-8").splitlines())
)


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row["operations"] == "payout"], ids=lambda row: row["code"]
)
def test_each_code_of_a_payment_has_the_tables_verdict(row: dict[str, str]) -> None:
    message = told(**PAID | {"code": row["code"]})
    for read, column in ((replies.payment_answer, "sent"), (replies.query_answer, "final")):
        answer = read(message, ORDER)
        assert (answer.verdict, answer.code, answer.amount) == (Verdict(row[column]), row["code"], 105)
        assert answer.elsewhere == (row["elsewhere"] == "yes" and row[column] == "failed")


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row["operations"] == "answer"], ids=lambda row: row["code"]
)
def test_each_code_of_a_message_has_the_tables_verdict(row: dict[str, str]) -> None:
    for read, column in ((replies.payment_answer, "sent"), (replies.query_answer, "final")):
        answer = read(told(row["code"]), ORDER)
        assert (answer.verdict, answer.amount) == (Verdict(row[column]), None)
        assert answer.elsewhere == (row["elsewhere"] == "yes" and row[column] == "failed")


@given(st.text(max_size=6).filter(lambda code: code not in {row["code"] for row in TABLE} | {"0000"}))
def test_a_code_that_is_not_listed_proves_nothing(code: str) -> None:
    for message in (told(code), told(**PAID | {"code": code})):
        assert replies.payment_answer(message, ORDER).verdict is Verdict.UNKNOWN
        assert replies.query_answer(message, ORDER).verdict is Verdict.UNKNOWN


def test_every_code_is_marked_as_invented() -> None:
    assert {row["mark"] for row in TABLE} == {"G"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("serial", "20261123" + "0" * 32),
        ("serial", ""),
        ("currency", "USD"),
        ("amount", "1.055"),
        ("amount", "1.050"),
        ("amount", "1.5"),
        ("amount", "105"),
        ("amount", "-1.05"),
        ("amount", "0.00"),
        ("amount", "1e2"),
        ("amount", 1.05),
        ("code", None),
        ("bankSerial", 7),
    ],
)
def test_a_payment_that_is_not_as_agreed_is_malformed(field: str, value: object) -> None:
    with pytest.raises(MalformedMessage):
        replies.query_answer(told(**PAID | {field: value}), ORDER)


def test_neither_name_nor_account_of_the_payee_stays_in_the_evidence() -> None:
    answer = replies.query_answer(told(**PAID | {"reason": f"户口{PAYEE.number} {PAYEE.name} 已销户"}), ORDER)
    for value in (PAYEE.number, PAYEE.name):
        assert value not in answer.message + answer.raw


def test_an_answer_to_another_request_is_forged() -> None:
    raw = json.dumps(told(**PAID)).encode()
    assert messages.answer(raw, ASKED)["code"] == "0000"
    with pytest.raises(ForgedMessage, match="requestDigest"):
        messages.answer(raw, b"another request")


LINE = {
    "seq": 7,
    "time": "20261123100000",
    "direction": "D",
    "amount": "1.05",
    "balance": "-0.05",
    "serial": SERIAL,
    "bankSerial": "GB1",
    "counterparty": PAYEE.name,
    "text": "货款",
    "reversal": False,
}


def page(*lines: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return told(account=CONFIG.account, lines=list(lines), more=more)


def test_a_line_names_our_order_and_the_cursor_is_the_last_lines_number() -> None:
    found = replies.statement_page(
        page(LINE, LINE | {"seq": 9, "direction": "C"}, more=True), CONFIG.account, "6"
    )
    first = found.lines[0]
    assert (first.reference, first.amount, first.credit, first.balance) == (ORDER.order_no, 105, False, -5)
    assert first.booked_at == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    assert (found.cursor, found.more) == ("9", True)
    assert PAYEE.name not in first.raw


@pytest.mark.parametrize("field", ["serial", "bankSerial", "counterparty", "text", "reversal"])
@pytest.mark.parametrize("odd", ["\0", "\ud800", "a\0b", 7, None, ["x"], {"a": "\udfff"}])
def test_nothing_odd_in_a_text_stops_a_statement_and_all_of_it_can_be_stored(field: str, odd: object) -> None:
    raw = json.dumps(page(LINE | {field: odd}, LINE | {"seq": 8})).encode()
    message = messages.answer(raw, ASKED)
    odd_one, usual = replies.statement_page(message, CONFIG.account, "6").lines
    assert (odd_one.amount, odd_one.credit, odd_one.balance) == (usual.amount, usual.credit, usual.balance)
    kept = odd_one.text + odd_one.reference + odd_one.request_no + odd_one.counterparty + odd_one.raw
    assert b"\0" not in kept.encode()


@pytest.mark.parametrize(
    "message",
    [
        page(LINE, LINE),
        page(LINE | {"seq": 6}),
        page(more=True),
        page(LINE | {"amount": "1.050"}),
        page(LINE | {"direction": "X"}),
        page(LINE | {"time": "2026112310000"}),
        page(LINE | {"seq": True}),
        told("4002"),
        told(account="another", lines=[], more=False),
        told(account=CONFIG.account, lines=[1], more=False),
        told(account=CONFIG.account, lines=[], more="no"),
    ],
)
def test_a_page_that_is_not_as_agreed_is_malformed(message: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        replies.statement_page(message, CONFIG.account, "6")


@given(st.binary(max_size=300))
def test_random_bytes_are_malformed_or_forged(raw: bytes) -> None:
    with pytest.raises(ChannelError):
        messages.answer(raw, ASKED)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*PAID, *LINE, "lines", "more", "account"]), VALUES), st.text(max_size=5)
)
def test_no_answer_is_misread_with_anything_but_malformed(body: dict[str, Any], code: str) -> None:
    for code_ in (code, "0000"):
        for read in (
            lambda message: replies.payment_answer(message, ORDER),
            lambda message: replies.query_answer(message, ORDER),
            lambda message: replies.statement_page(message, CONFIG.account, "6"),
        ):
            with contextlib.suppress(MalformedMessage):
                read(told(code_, **body))
