import pytest

from zhangfang.channels.encoded import form_body
from zhangfang.channels.port import MalformedMessage
from zhangfang.channels.unionpay.message import (
    canonical,
    masked,
    parse_answer,
    parse_form,
)
from zhangfang.kernel.text.masking import masked_account


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("signature=ab==&b=", {"signature": "ab==", "b": ""}),
        ("r={x=1&y=2}&b=3", {"r": "{x=1&y=2}", "b": "3"}),
        ("r={x={y=1&z=2}&w=3}&b=4", {"r": "{x={y=1&z=2}&w=3}", "b": "4"}),
        ("l=[a=1&b=2]&c={d=[e&f]}", {"l": "[a=1&b=2]", "c": "{d=[e&f]}"}),
        ("respMsg=余额不足[1000064]&respCode=64", {"respMsg": "余额不足[1000064]", "respCode": "64"}),
        ("respMsg=oops}&respCode=00", {"respMsg": "oops}", "respCode": "00"}),
        ("m={a]&b}&c=1", {"m": "{a]&b}", "c": "1"}),
    ],
)
def test_an_answer_is_split_outside_of_brackets_only(body: str, fields: dict[str, str]) -> None:
    assert parse_answer(body.encode()) == fields


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "field 1"),
        (b"a=1&b", "field 2"),
        (b"a=1&=2", "field 2"),
        (b"a=1&a=2", "field 2"),
        (b"a=1&b={c&d=2", "character 6"),
        (b"a=\xff", "byte 2"),
        (b"<html>busy</html>", "field 1"),
    ],
)
def test_an_unreadable_answer_says_where(body: bytes, part: str) -> None:
    with pytest.raises(MalformedMessage, match=part):
        parse_answer(body)


def test_a_form_keeps_blank_fields_and_decodes_plus_and_percent() -> None:
    assert parse_form(b"a=1&b=&c=x%2By+z&d=%E9%93%B6") == {"a": "1", "b": "", "c": "x+y z", "d": "银"}


@pytest.mark.parametrize(
    "body",
    [
        b"a",
        b"a=1&&b=2",
        b"a=%ff",
        b"a=\xe9",
        b"a=1&a=1",
        b"=1",
        b"a=" + b"1" * 70_000,
        b"&".join([b"a=1"] * 101),
    ],
)
def test_an_unreadable_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_form(body)


@pytest.mark.parametrize("body", [b"a=1%26b%3D2", b"a%3D1%26b=2", b"a=%5Bx%5D%26b", b"a=%7Bx%26"])
def test_two_signed_fields_cannot_pass_as_one(body: bytes) -> None:
    with pytest.raises(MalformedMessage, match=r"field 1|never closed"):
        parse_form(body)


def test_a_form_may_hold_an_and_in_brackets() -> None:
    assert parse_form(b"a=%7Bx%3D1%26y%3D2%7D&b=x%5B") == {"a": "{x=1&y=2}", "b": "x["}


def test_what_is_encoded_is_read_back_as_it_was() -> None:
    fields = {"signature": "a+b/c==", "key": "订单 {1&2}", "cert": "-----BEGIN\nX\r\n"}
    assert parse_form(form_body(fields)) == fields


def test_the_canonical_text_is_sorted_by_ascii_and_leaves_out_the_signature_alone() -> None:
    fields = {"b": "2", "signature": "x", "a": "银", "Z": "1", "signPubKeyCert": "c"}
    assert canonical(fields) == "Z=1&a=银&b=2&signPubKeyCert=c"


def test_a_stored_message_shows_no_account_no_customer_and_no_signature() -> None:
    kept = masked({
        "orderId": "o1", "accNo": "6222021234567890123", "customerInfo": "e30=", "signature": "s",
        "signPubKeyCert": "c", "payerVerifiInfo": "{payerNm=王}", "respCode": "00",
    })  # fmt: skip
    assert kept == "orderId=o1&accNo=622202****0123&respCode=00"


def test_a_short_account_number_is_masked_whole() -> None:
    assert masked_account("6222021234") == masked_account("622202123456") == "****"
