"""Signing and verifying, against vectors that were made with other tools: the dossier's, and openssl's."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from zhangfang.channels.chinaums import ChinaUms, ChinaUmsConfig
from zhangfang.channels.chinaums.signature import authorization, notification_sign, parse_form, verified_form
from zhangfang.channels.port import ChannelError, ForgedMessage, MalformedMessage, Operation, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang_sandbox.chinaums import wire

BODY = b'{"merOrderId":"3194T1"}'
AT = datetime(2023, 5, 10, 4, tzinfo=UTC)  # 12:00 in China
SIGNATURE = "pFQfkZlbRe3jMCA02lKIIH05pLKzykq1HPtbl1TD7Ks="
MID = "898340158110001"
CONFIG = ChinaUmsConfig(
    mid=MID, tid="88880001", source="3194", app_id="appid1", app_key="key1", notify_key="notifykey1",
    base_url="http://127.0.0.1:9", notify_url="http://127.0.0.1:9/n",
)  # fmt: skip
NOTICE = {
    "mid": MID, "merOrderId": "3194A1", "status": "TRADE_SUCCESS", "totalAmount": "12345", "orderDesc": "物业费",
    "payTime": "", "signType": "SHA256",
}  # fmt: skip
# openssl dgst -sha256 over the sorted fields that are not blank, the key right behind them
SIGN = "C712BABDB950C50F960FE873C05AB30923F5F060F05DBA2F45CE4FAE67F5B1E0"


def notice(**changes: str) -> bytes:
    return urlencode(NOTICE | {"sign": SIGN} | changes).encode()


def connector() -> ChinaUms:
    return ChinaUms(CONFIG, SetClock())


def test_a_request_is_signed_as_the_golden_vector_says() -> None:
    header = authorization(CONFIG, BODY, AT, "nonce1")
    wanted = (
        f'OPEN-BODY-SIG AppId="appid1", Timestamp="20230510120000", Nonce="nonce1", Signature="{SIGNATURE}"'
    )
    assert header == wanted


def test_the_sandbox_bank_verifies_the_golden_vector_and_nothing_else() -> None:
    claim = wire.claim(authorization(CONFIG, BODY, AT, "nonce1"))
    assert claim.holds("key1", BODY)
    assert not claim.holds("key2", BODY)
    assert not claim.holds("key1", BODY + b" ")
    assert not wire.Claim("appid1", "20230510120001", "nonce1", SIGNATURE).holds("key1", BODY)


def test_every_request_has_a_nonce_of_its_own() -> None:
    assert authorization(CONFIG, BODY, AT) != authorization(CONFIG, BODY, AT)


def test_a_notification_is_hashed_as_openssl_does_on_either_side() -> None:
    assert notification_sign(NOTICE, "notifykey1") == SIGN
    assert wire.notification_hash(NOTICE, "notifykey1") == SIGN


def test_a_genuine_notification_says_what_the_channel_said() -> None:
    heard = connector().notification({}, notice())
    assert (heard.order_no, heard.operation) == ("A1", Operation.PURCHASE)
    assert (heard.answer.verdict, heard.answer.amount, heard.answer.code) == (
        Verdict.SUCCESS, 12345, "status=TRADE_SUCCESS",
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"totalAmount": "12346"},
        {"status": "TRADE_CLOSED"},
        {"merOrderId": "3194A2"},
        {"more": "1"},
        {"sign": ""},
        {"sign": SIGN.lower()},
        {"sign": "é"},
        {"signType": "MD5"},
        {"signType": ""},
    ],
)
def test_a_notification_that_was_changed_is_forged(changes: dict[str, str]) -> None:
    with pytest.raises(ForgedMessage):
        connector().notification({}, notice(**changes))


def test_md5_is_refused_even_where_it_is_right() -> None:
    fields = NOTICE | {"signType": "MD5"}
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value) + "notifykey1"
    sign = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
    with pytest.raises(ForgedMessage, match="signType"):
        connector().notification({}, urlencode(fields | {"sign": sign}).encode())


def test_two_fields_cannot_pass_as_one() -> None:
    merged = {name: value for name, value in NOTICE.items() if name != "status"}
    merged["signType"] = "SHA256&status=TRADE_SUCCESS"
    with pytest.raises(MalformedMessage):
        verified_form(urlencode(merged | {"sign": SIGN}).encode(), "notifykey1")


def test_the_secret_for_requests_is_none_for_notifications() -> None:
    sign = notification_sign(NOTICE, "key1")
    with pytest.raises(ForgedMessage):
        connector().notification({}, notice(sign=sign))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mid": "898340158110002"}, "mid: another merchant"),
        ({"merOrderId": "9999A1"}, "merOrderId"),
        ({"totalAmount": "-5"}, "totalAmount"),
        ({"totalAmount": "1.5"}, "totalAmount"),
        ({"totalAmount": "0"}, "totalAmount"),
        ({"totalAmount": "9" * 13}, "totalAmount"),
        ({"totalAmount": "１２"}, "totalAmount"),
        ({"status": ""}, "status"),
        ({"settleDate": "2026-02-30"}, "settleDate"),
        ({"settleDate": "20260901"}, "settleDate"),
    ],
)
def test_a_genuine_notification_that_makes_no_sense_is_malformed(changes: dict[str, str], named: str) -> None:
    fields = NOTICE | changes
    body = urlencode(fields | {"sign": notification_sign(fields, "notifykey1")}).encode()
    with pytest.raises(MalformedMessage, match=named):
        connector().notification({}, body)


def test_an_amount_off_by_one_fen_is_passed_on_as_the_channel_said_it() -> None:
    fields = NOTICE | {"totalAmount": "12344"}
    body = urlencode(fields | {"sign": notification_sign(fields, "notifykey1")}).encode()
    assert connector().notification({}, body).answer.amount == 12344


@pytest.mark.parametrize(
    "body", [b"a", b"a=%00", b"a=1&a=2", b"\xff=1", b"a=%FF", b"x" * 70_000, b"&".join([b"a=1"] * 200)]
)
def test_a_body_that_is_no_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_form(body)


@given(st.binary(max_size=300))
def test_no_bytes_pass_or_crash(noise: bytes) -> None:
    with pytest.raises(ChannelError):
        connector().notification({}, noise)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_never_changes_what_is_believed(place: int, byte: int) -> None:
    data = bytearray(notice())
    data[place % len(data)] = byte
    try:
        heard = connector().notification({}, bytes(data))
    except ChannelError:
        return
    assert (heard.order_no, heard.answer.amount, heard.answer.verdict) == ("A1", 12345, Verdict.SUCCESS)


@pytest.mark.parametrize(
    "host", ["https://api-mop.chinaums.com", "https://API-MOP.chinaums.com.", "https://x.chinaums.com:443/a"]
)
def test_the_production_host_needs_a_flag(host: str) -> None:
    held = {name: getattr(CONFIG, name) for name in ChinaUmsConfig.__dataclass_fields__} | {"base_url": host}
    with pytest.raises(InvalidInput, match="production host"):
        ChinaUmsConfig(**held)
    assert ChinaUmsConfig(**held | {"allow_production": True}).base_url == host
    assert ChinaUmsConfig(**held | {"base_url": "https://test-api-open.chinaums.com"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mid", "short"), ("tid", ""), ("source", "31941"), ("app_id", 'a"b'), ("notify_key", "key1"), ("notify_key", ""),
        ("instalment_fee_by", "nobody"), ("base_url", "nowhere"), ("base_url", "http://test-api-open.chinaums.com"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_meant_is_refused_by_its_field(field: str, value: str) -> None:
    held = {name: getattr(CONFIG, name) for name in ChinaUmsConfig.__dataclass_fields__} | {field: value}
    with pytest.raises(InvalidInput) as caught:
        ChinaUmsConfig(**held)
    assert caught.value.field == field


def test_no_secret_is_in_a_repr() -> None:
    assert "key1" not in repr(CONFIG)
