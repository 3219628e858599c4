import base64
import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.clock import SetClock
from tests.unit.unionpay_bank import CN, MER_ID, NOW, bank, bank_signs, config, issue, merchant, stopped_clock
from zhangfang.channels.port import ForgedMessage
from zhangfang.channels.unionpay import KeyedSigner, RsaSigner, UnionPayConfig, make_merchant_certificate
from zhangfang.channels.unionpay.certificates import Trust
from zhangfang.channels.unionpay.message import canonical
from zhangfang.channels.unionpay.signature import digest
from zhangfang.kernel.errors import InvalidInput

GOLDEN = (
    "accessType=0&bizType=000000&encoding=UTF-8&merId=777290058110048&orderId=20230510000001"
    "&signMethod=11&txnSubType=00&txnTime=20230510120000&txnType=00&version=5.1.0"
)
GOLDEN_FIELDS = dict(part.split("=") for part in reversed(GOLDEN.split("&")))
ANSWER = {"respCode": "00", "orderId": "o1", "respMsg": "成功[0000000]"}


def signer(clock: SetClock | None = None) -> RsaSigner:
    return RsaSigner(config(), clock or stopped_clock())


def test_the_golden_text_has_its_golden_digest() -> None:
    assert canonical(GOLDEN_FIELDS) == GOLDEN
    assert digest(GOLDEN) == b"762f3ce98896daa1235e8e9a427e50b658efb6f9e76cfe7d47beb33c136c3954"


def test_the_keyed_method_gives_its_golden_signature_and_believes_it() -> None:
    signed = KeyedSigner("testkey").sign(GOLDEN_FIELDS)
    assert signed["signature"] == "c2b0f0de20aa061a9dd4157724cf79135fda253eb52a4422305deafca424f6ba"
    KeyedSigner("testkey").verify(signed)


def test_the_keyed_method_refuses_another_key_and_another_method() -> None:
    signed = KeyedSigner("testkey").sign(GOLDEN_FIELDS)
    with pytest.raises(ForgedMessage, match="does not match"):
        KeyedSigner("otherkey").verify(signed)
    with pytest.raises(ForgedMessage, match="signMethod"):
        KeyedSigner("testkey").verify(signed | {"signMethod": "01"})


def test_our_signature_is_rsa_over_the_hex_of_the_digest_with_the_serial_as_cert_id() -> None:
    _, cert_pem = merchant()
    signed = signer().sign({"b": "2", "a": "1", "blank": " ", "empty": ""})
    certificate = x509.load_pem_x509_certificate(cert_pem.encode())
    assert signed["certId"] == str(certificate.serial_number)
    assert set(signed) == {"a", "b", "certId", "signMethod", "signature"}
    text = f"a=1&b=2&certId={signed['certId']}&signMethod=01"
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    hexed = hashlib.sha256(text.encode()).hexdigest().encode()
    public.verify(base64.b64decode(signed["signature"]), hexed, padding.PKCS1v15(), hashes.SHA256())


def test_a_message_of_the_bank_is_believed() -> None:
    signer().verify(bank_signs(ANSWER))


def test_blank_fields_are_believed_signed_or_unsigned() -> None:
    signer().verify(bank_signs({**ANSWER, "settleDate": ""}))
    signer().verify(bank_signs(ANSWER) | {"settleDate": ""})


@pytest.mark.parametrize(
    "change",
    [
        {"respCode": "03"},
        {"extra": "1"},
        {"signature": ""},
        {"signature": "ä"},
        {"signature": base64.b64encode(b"x" * 256).decode()},
        {"signMethod": "11"},
        {"signPubKeyCert": ""},
        {"signPubKeyCert": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
    ],
)
def test_a_changed_message_is_forged(change: dict[str, str]) -> None:
    with pytest.raises(ForgedMessage):
        signer().verify(bank_signs(ANSWER) | change)


def test_a_signature_has_one_spelling_only() -> None:
    signed = bank_signs(ANSWER)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = signed["signature"][-3]
    twin = signed["signature"][:-3] + letters[letters.index(last) ^ 1] + "=="
    assert base64.b64decode(twin) == base64.b64decode(signed["signature"])
    with pytest.raises(ForgedMessage, match="base64"):
        signer().verify(signed | {"signature": twin})


@pytest.mark.parametrize("missing", ["signature", "signMethod", "signPubKeyCert", "respCode"])
def test_a_message_with_a_missing_field_is_forged(missing: str) -> None:
    signed = bank_signs(ANSWER)
    del signed[missing]
    with pytest.raises(ForgedMessage):
        signer().verify(signed)


def test_a_chain_that_ends_in_another_root_is_forged_although_it_has_the_right_names() -> None:
    other_root = issue("Test Root", None, is_ca=True, days=3651)
    other_middle = issue("Test Middle", other_root, is_ca=True, days=1825)
    for stranger in (issue(CN, other_middle), issue(CN, None)):
        with pytest.raises(ForgedMessage, match="not issued by"):
            signer().verify(bank_signs(ANSWER, stranger))


@pytest.mark.parametrize(
    "cn",
    [
        "041@Z2026@00040000:SIGN@某某商户",
        "中国银联股份有限公司@041",
        "中国银联股份有限公司 ",
        "x中国银联股份有限公司",
    ],
)
def test_another_customer_of_the_same_authority_is_not_unionpay(cn: str) -> None:
    with pytest.raises(ForgedMessage, match="common name"):
        signer().verify(bank_signs(ANSWER, issue(cn, bank()[1])))


def test_a_certificate_is_checked_once_but_its_validity_each_time() -> None:
    clock = stopped_clock()
    signed = bank_signs(ANSWER, issue(CN, bank()[1], days=10))
    ours = signer(clock)
    ours.verify(signed)
    for moment in (NOW + timedelta(days=11), NOW - timedelta(days=31)):
        clock.set(moment)
        with pytest.raises(ForgedMessage, match="not now"):
            ours.verify(signed)
    clock.set(NOW)
    ours.verify(signed)


def test_a_leaf_is_not_valid_longer_than_its_middle_certificate() -> None:
    root = bank()[0]
    middle = issue("Short Middle", root, is_ca=True, days=5)
    leaf = issue(CN, middle, days=100)
    clock = stopped_clock()
    trust = Trust(root.pem, middle.pem, clock)
    trust.key_of(leaf.pem)
    clock.set(NOW + timedelta(days=6))
    with pytest.raises(ForgedMessage, match="not now"):
        trust.key_of(leaf.pem)


def test_more_leaves_than_are_remembered_are_all_believed() -> None:
    leaf = bank()[2].pem
    trust = Trust(bank()[0].pem, bank()[1].pem, stopped_clock())
    for blanks in range(40):
        trust.key_of(leaf + "\n" * blanks)
    trust.key_of(leaf)


def test_a_configuration_whose_authorities_are_no_chain_is_refused() -> None:
    root, middle, leaf, _ = bank()
    other = issue("Other Root", None, is_ca=True)
    for root_pem, middle_pem, field in (
        (other.pem, middle.pem, "middle_pem"),
        (root.pem, leaf.pem, "middle_pem"),
        (middle.pem, middle.pem, "root_pem"),
        ("text", middle.pem, "root_pem"),
    ):
        with pytest.raises(InvalidInput, match=field):
            Trust(root_pem, middle_pem, stopped_clock())


def test_a_fresh_merchant_pair_belongs_together_and_is_never_the_same() -> None:
    key_pem, cert_pem = make_merchant_certificate(MER_ID, stopped_clock())
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    certificate = x509.load_pem_x509_certificate(cert_pem.encode())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == certificate.public_key()
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert cert_pem != merchant()[1]


def test_a_key_that_is_not_the_certificates_is_refused() -> None:
    fields = {name: getattr(config(), name) for name in UnionPayConfig.__dataclass_fields__}
    fields["sign_key_pem"] = make_merchant_certificate(MER_ID, stopped_clock())[0]
    with pytest.raises(InvalidInput, match="sign_key_pem"):
        RsaSigner(UnionPayConfig(**fields), stopped_clock())


@pytest.mark.parametrize(
    "host", ["gateway.95516.com", "filedownload.95516.com", "GATEWAY.95516.COM", "gateway.95516.com."]
)
@pytest.mark.parametrize("name", ["base_url", "file_url"])
def test_a_production_host_is_refused_unless_it_is_allowed(name: str, host: str) -> None:
    fields = {each: getattr(config(), each) for each in UnionPayConfig.__dataclass_fields__}
    fields[name] = f"https://{host}"
    with pytest.raises(InvalidInput, match=name):
        UnionPayConfig(**fields)
    UnionPayConfig(**(fields | {"allow_production": True}))
    UnionPayConfig(**(fields | {name: "https://gateway.test.95516.com"}))


def test_a_configuration_never_shows_its_key() -> None:
    assert "PRIVATE" not in repr(config())


@pytest.mark.parametrize(
    "change", [{"mer_id": "123"}, {"mer_id": "12345678901234-"}, {"base_url": "nowhere"}]
)
def test_a_configuration_that_cannot_be_meant_is_refused(change: dict[str, str]) -> None:
    fields = {each: getattr(config(), each) for each in UnionPayConfig.__dataclass_fields__}
    with pytest.raises(InvalidInput, match=next(iter(change))):
        UnionPayConfig(**(fields | change))
