"""The sandbox's bytes against facts of the protocol: golden vectors, the file's widths, the forms."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.unionpay_sandbox_client import ZM, ZME, bank_keys, cut, keyed_signature, text_to_sign
from zhangfang_sandbox.acquirer.closing import settle_date
from zhangfang_sandbox.common.faults import chance
from zhangfang_sandbox.unionpay.rules import fee_of
from zhangfang_sandbox.unionpay.wire import forms as wire
from zhangfang_sandbox.unionpay.wire import keys, zm
from zhangfang_sandbox.unionpay.wire.codes import Refusal
from zhangfang_sandbox.unionpay.wire.customer import Customer, masked

GOLDEN = {
    "version": "5.1.0",
    "encoding": "UTF-8",
    "signMethod": "11",
    "txnType": "00",
    "txnSubType": "00",
    "bizType": "000000",
    "accessType": "0",
    "merId": "777290058110048",
    "orderId": "20230510000001",
    "txnTime": "20230510120000",
}
GOLDEN_TEXT = (
    "accessType=0&bizType=000000&encoding=UTF-8&merId=777290058110048&orderId=20230510000001&signMethod=11"
    "&txnSubType=00&txnTime=20230510120000&txnType=00&version=5.1.0"
)


def test_the_golden_text_is_what_is_signed() -> None:
    assert wire.signing_text(GOLDEN | {"signature": "x", "blank": " "}) == GOLDEN_TEXT == text_to_sign(GOLDEN)


def test_the_golden_digest_is_signed_with_rsa() -> None:
    assert wire.digest(GOLDEN) == b"762f3ce98896daa1235e8e9a427e50b658efb6f9e76cfe7d47beb33c136c3954"


def test_the_golden_keyed_hash_is_signature_11() -> None:
    golden = "c2b0f0de20aa061a9dd4157724cf79135fda253eb52a4422305deafca424f6ba"
    assert wire.keyed_hash(GOLDEN, "testkey") == golden == keyed_signature(GOLDEN_TEXT, "testkey")


def test_a_form_is_read_in_the_charset_it_names() -> None:
    assert wire.parse(b"encoding=GBK&reqReserved=%D6%D0&blank=+&a=1%2B1") == {
        "encoding": "GBK",
        "reqReserved": "中",
        "a": "1+1",
    }


@pytest.mark.parametrize("body", [b"a=1&a=2", b"encoding=UTF-8&a=%ff", b"\xff=1"])
def test_a_form_that_can_be_read_in_two_ways_or_none_is_malformed(body: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.parse(body)


@given(st.dictionaries(st.from_regex(r"[a-zA-Z]{1,9}", fullmatch=True), st.text(min_size=1), max_size=6))
def test_what_is_posted_is_what_is_read(fields: dict[str, str]) -> None:
    fields = {name: value for name, value in fields.items() if name != "encoding" and value.isprintable()}
    kept = {name: value for name, value in fields.items() if value.strip()}
    assert wire.parse(wire.form(fields)) == kept


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_malformed(body: bytes) -> None:
    try:
        fields = wire.parse(body)
    except wire.Malformed:
        return
    assert all(value.strip() for value in fields.values())


def test_the_widths_of_the_file_are_those_of_the_protocol() -> None:
    assert list(zm.ZM_WIDTHS) == ZM
    assert list(zm.ZME_WIDTHS) == ZME
    assert (len(ZM), len(ZME)) == (42, 22)


@given(st.dictionaries(st.integers(1, 42), st.text(max_size=120)))
def test_a_row_is_as_wide_as_its_columns_whatever_is_in_it(values: dict[int, str]) -> None:
    data = zm.row(zm.ZM_WIDTHS, values)
    assert len(data) == sum(ZM) + len(ZM) - 1 + 2
    data.decode("gbk")  # never half a character


GBK_LETTERS = st.sampled_from("abcXYZ019中文账房")


@given(st.dictionaries(st.integers(1, 42), st.text(GBK_LETTERS, max_size=40)))
def test_a_column_that_fits_comes_back(values: dict[int, str]) -> None:
    fitting = {n: text for n, text in values.items() if len(text.encode("gbk")) <= ZM[n - 1]}
    (columns,) = cut(zm.row(zm.ZM_WIDTHS, fitting), ZM)
    assert {n: text for n, text in enumerate(columns) if text} == {
        n: text for n, text in fitting.items() if text
    }


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(1, 1), (333, 1), (499, 1), (500, 2), (10_000, 30), (11_666, 35), (11_667, 35), (11_500, 35)],
)
def test_the_fee_is_30_basis_points_half_up_and_at_least_a_fen(amount: int, fee: int) -> None:
    assert fee_of(amount) == fee


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-09-01T14:59:59", "2026-09-01"),  # 22:59:59 in China
        ("2026-09-01T15:00:00", "2026-09-02"),
        ("2026-12-31T15:00:00", "2027-01-01"),
        ("2026-08-31T15:00:00", "2026-09-01"),
    ],
)
def test_the_settlement_day_begins_at_23_in_china(moment: str, day: str) -> None:
    assert settle_date(datetime.fromisoformat(moment).replace(tzinfo=UTC)).isoformat() == day


@given(st.text(), st.text())
def test_chance_depends_on_its_arguments_alone(fault: str, key: str) -> None:
    assert 0 <= chance(7, fault, key) < 1
    assert chance(7, fault, key) == chance(7, fault, key)


def test_chance_hits_about_as_often_as_its_rate() -> None:
    hits = sum(chance(1, "lost_answer", f"K{n}") < 0.1 for n in range(10_000))
    assert 900 < hits < 1_100


@given(st.from_regex(r"[0-9]{8,32}", fullmatch=True))
def test_a_masked_account_shows_at_most_ten_digits(number: str) -> None:
    shown = masked(number)
    assert len(shown) <= 19
    assert sum(letter.isdigit() for letter in shown) <= 10
    assert number not in shown


def encrypted(plain: bytes) -> str:
    key = load_pem_x509_certificate(keys.load(bank_keys())["encrypt"].certificate.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return base64.b64encode(key.encrypt(plain, padding.PKCS1v15())).decode()


def customer() -> tuple[Customer, str]:
    identity = keys.load(bank_keys())["encrypt"]
    return Customer(identity), identity.serial


def test_an_account_in_the_clear_is_masked() -> None:
    assert customer()[0].account({"accNo": "6212341234567890123"}) == "621234*********0123"


def test_an_encrypted_account_and_customer_are_opened() -> None:
    opener, serial = customer()
    inner = (
        "{certifTp=01&certifId=110101199001011237&customerNm=张三&encryptedInfo="
        + encrypted(b"phoneNo=1")
        + "}"
    )
    fields = {
        "accNo": encrypted(b"6212341234567890123"),
        "encryptCertId": serial,
        "customerInfo": base64.b64encode(inner.encode()).decode(),
    }
    assert opener.account(fields) == "621234*********0123"


@pytest.mark.parametrize(
    "change",
    [
        {"accNo": "621234 1234567890123"},
        {"accNo": "6212341234567890123", "encryptCertId": "1"},
        {"customerInfo": "not base64!"},
        {"customerInfo": base64.b64encode(b"{a=1").decode()},
        {"customerInfo": base64.b64encode(b"{encryptedInfo=AAAA}").decode()},
    ],
)
def test_an_account_or_customer_that_cannot_be_read_is_refused_without_showing_it(
    change: dict[str, str],
) -> None:
    with pytest.raises(Refusal) as refused:
        customer()[0].account({"accNo": "6212341234567890123"} | change)
    assert refused.value.code == "10"
    assert "6212" not in refused.value.detail


def test_ciphertext_for_another_certificate_is_refused() -> None:
    opener, serial = customer()
    with pytest.raises(Refusal):
        opener.account({"accNo": base64.b64encode(bytes(256)).decode(), "encryptCertId": serial})
