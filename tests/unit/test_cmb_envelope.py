"""The envelope against a bank written a second time."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from gmssl.sm4 import SM4_ENCRYPT

from tests.unit.cmb_counterpart import PADDED, UID, Bank, Json, crypt
from zhangfang.channels.cmb import Refused, make_enterprise_key
from zhangfang.channels.cmb.envelope import Keys, canonical, parse, seal, unseal
from zhangfang.channels.port import ForgedMessage, MalformedMessage

HEAD = {"funcode": "BB1PAYQR", "userid": UID, "reqid": "20261123090000123000000000001"}
REQUEST = {"request": {"head": HEAD}}


@pytest.fixture(scope="module")
def parties() -> tuple[Bank, Keys]:
    private, public = make_enterprise_key()
    bank = Bank(our_public=public)
    keys = Keys(UID, bytes.fromhex(private), bytes.fromhex(public), bytes.fromhex(bank.public), bank.sm4)
    return bank, keys


def test_canonical_json_is_sorted_at_every_level_without_white_space() -> None:
    written: Json = {"b": [{"z": "北京 1", "a": None}], "a": {"Z": True, "a": 1.0, "_": '/\n"'}}
    read = json.loads(json.dumps(written), parse_float=str)
    assert canonical(read) == '{"a":{"Z":true,"_":"/\\n\\"","a":"1.0"},"b":[{"a":null,"z":"北京 1"}]}'


def test_the_user_id_is_filled_with_zeros_to_sixteen(parties: tuple[Bank, Keys]) -> None:
    assert parties[1].padded_uid == PADDED


def test_the_bank_can_open_and_verify_a_request(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    body = {"bb1payopx1": [{"trsAmt": "1.05", "crtNam": "王小明"}]}
    data = seal("request", HEAD, body, "20261123090000", keys)
    opened = bank.open({"UID": UID, "FUNCODE": "BB1PAYQR", "ALG": "SM", "DATA": data})
    assert opened["request"] == {"head": HEAD, "body": body}
    assert opened["signature"]["sigtim"] == "20261123090000"


def test_a_reply_of_the_bank_is_opened(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    reply = unseal(bank.reply(REQUEST, {"note": "成功"}) + b"\r\n", HEAD, keys)
    assert reply.body == {"note": "成功"}


def test_a_reply_without_a_body_is_an_empty_one(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    head = HEAD | {"resultcode": "SUC0000"}
    assert unseal(bank.seal({"response": {"head": head}}), HEAD, keys).body == {}


def test_a_number_keeps_the_digits_that_were_signed(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    private, public = bytes.fromhex(bank.private), bytes.fromhex(bank.public)
    theirs = Keys(UID, private, public, keys.public, keys.sm4)
    document: Any = json.loads('{"trsAmt":1.50}', parse_float=Decimal)
    data = seal("response", HEAD | {"resultcode": "SUC0000"}, document, "20261123090000", theirs)
    assert '"trsAmt":1.50' in unseal(data.encode(), HEAD, keys).raw


def test_raw_evidence_masks_accounts_and_names_and_keeps_references(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    body = {
        "bb1payqrz1": [
            {
                "crtAcc": "6225880123456789",
                "crtNam": "王小明",
                "dbtAcc": "755900000010101",
                "accNbr": "OSA7699A02060B0102",
                "rtnNar": "户口6225880123456789不存在",
                "reqNbr": "5480037057",
                "trsAmt": "1234567890.12",
                "unheard_of": "13800138000",
            }
        ]
    }
    raw = unseal(bank.reply(REQUEST, body), HEAD, keys).raw
    for hidden in ("6225880123456789", "王小明", "755900000010101", "13800138000", "OSA7699A02060B0102"):
        assert hidden not in raw
    for kept in ("622588****6789", "5480037057", "1234567890.12", HEAD["reqid"]):
        assert kept in raw


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CDCServer:[ErrCode:CDC0001,ErrMsg:请求报文解密失败]", "请求报文解密失败"),
        ("CDCServer: busy", "CDCServer: busy"),
        ("CDCServer:ErrMsg:户口755900000010101不存在", "户口755900****0101不存在"),
    ],
)
def test_plain_text_of_the_gateway_is_read_before_base64(
    parties: tuple[Bank, Keys], text: str, message: str
) -> None:
    with pytest.raises(Refused) as raised:
        unseal(text.encode(), HEAD, parties[1])
    assert (raised.value.code, raised.value.message) == ("CDCServer", message)
    assert "755900000010101" not in raised.value.raw + str(raised.value)


def test_an_error_of_the_bank_is_a_refusal_with_its_code(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    with pytest.raises(Refused) as raised:
        unseal(bank.reply(REQUEST, {}, "FAAQ086", "户口110902773110203不存在"), HEAD, keys)
    assert raised.value.code == "FAAQ086"
    assert "110902773110203" not in str(raised.value) + raised.value.raw


@pytest.mark.parametrize("name", ["funcode", "userid", "reqid"])
def test_a_signed_answer_to_another_request_is_forged(parties: tuple[Bank, Keys], name: str) -> None:
    bank, keys = parties
    other = {"request": {"head": HEAD | {name: "another"}}}
    with pytest.raises(ForgedMessage, match=name):
        unseal(bank.reply(other, {}), HEAD, keys)


def test_an_answer_signed_by_someone_else_is_forged(parties: tuple[Bank, Keys]) -> None:
    bank, keys = parties
    impostor = Bank(our_public=bank.our_public, sm4=bank.sm4)
    with pytest.raises(ForgedMessage, match="does not verify"):
        unseal(impostor.reply(REQUEST, {}), HEAD, keys)


def sealed(bank: Bank, plain: bytes) -> bytes:
    return base64.b64encode(crypt(SM4_ENCRYPT, bank.sm4, plain))


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"{",
        b'{"signature":[]}',
        b'{"signature":{"sigdat":NaN}}',
        b'{"signature":{"sigdat":"\\ud800"}}',
        b"[" * 100_000,
        b'{"n":' + b"9" * 5000 + b"}",
    ],
)
def test_what_decrypts_but_is_no_document_is_malformed(parties: tuple[Bank, Keys], plain: bytes) -> None:
    with pytest.raises(MalformedMessage):
        unseal(sealed(parties[0], plain), HEAD, parties[1])


@pytest.mark.parametrize("sigdat", ["", "x", "AAAA", "é", "A" * 88])
def test_a_signature_of_the_wrong_shape_is_forged(parties: tuple[Bank, Keys], sigdat: str) -> None:
    plain = json.dumps({"signature": {"sigdat": sigdat}}).encode()
    with pytest.raises(ForgedMessage):
        unseal(sealed(parties[0], plain), HEAD, parties[1])


@pytest.mark.parametrize("data", [b"", b"<html>", b"AAAA", b"QUJD*", "成功".encode(), bytes(64)])
def test_what_does_not_decrypt_is_malformed(parties: tuple[Bank, Keys], data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        unseal(data, HEAD, parties[1])


def test_a_number_whose_exponent_no_decimal_can_hold_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="expected JSON"):
        parse(b'{"amount": 1e' + b"9" * 20 + b"}", "response")
