"""What we send: golden bytes, fixed identifiers, personal data encrypted, and refusals before anything is sent."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.clock import SetClock
from tests.unit.epcc_member import EARLIER, ISSR_ID, TRX_ID, config, made, openssl, order
from zhangfang.channels.abilities import Signing
from zhangfang.channels.epcc import Epcc, EpccConfig, document, requests
from zhangfang.channels.epcc.certificates import leaf
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.errors import InvalidInput

PAYER = PartyAccount("6222021234567890123", "王小明", id_no="11010119900307001X", phone="13800000000")
TIME = "2026-09-01T10:00:00"
GOLDEN_201 = (
    '<root xmlns="namespace_string"><MsgHeader></MsgHeader><MsgBody>'
    "<PyerInf><PyerAcctTp>00</PyerAcctTp><SgnNo>SGN0001</SgnNo><PyerTrxTrmTp>07</PyerTrxTrmTp></PyerInf>"
    f"<PyeeInf><PyeeAcctIssrId>{ISSR_ID}</PyeeAcctIssrId><PyeeAcctId>243300133</PyeeAcctId>"
    "<PyeeNm>账房</PyeeNm><PyeeAcctTp>04</PyeeAcctTp></PyeeInf>"
    f"<TrxInf><TrxId>{TRX_ID}</TrxId><TrxDtTm>{TIME}</TrxDtTm><TrxAmt>CNY123.45</TrxAmt><TrxCtgy>0110</TrxCtgy>"
    "<BizTp>100001</BizTp></TrxInf>"
    "<OrdrInf><OrdrId>M-1</OrdrId><OrdrDesc>3月 &lt;&amp;&gt;</OrdrDesc></OrdrInf></MsgBody></root>"
)
GOLDEN_205 = (
    '<root xmlns="namespace_string"><MsgHeader></MsgHeader><MsgBody>'
    f"<TrxInf><TrxId>{TRX_ID}</TrxId><TrxDtTm>{TIME}</TrxDtTm><TrxAmt>CNY0.05</TrxAmt><TrxCtgy>0121</TrxCtgy></TrxInf>"
    f"<OriTrxInf><OriTrxId>{EARLIER}</OriTrxId><OriTrxDtTm>{TIME}</OriTrxDtTm><OriTrxCtgy>0110</OriTrxCtgy>"
    "<OriTrxAmt>CNY200.00</OriTrxAmt></OriTrxInf><OrdrInf><OrdrId>M-1</OrdrId></OrdrInf></MsgBody></root>"
)
GOLDEN_301 = (
    '<root xmlns="namespace_string"><MsgHeader></MsgHeader><MsgBody>'
    f"<OriTrxInf><OriTrxCtgy>0110</OriTrxCtgy><OriTrxId>{TRX_ID}</OriTrxId><OriTrxDtTm>{TIME}</OriTrxDtTm></OriTrxInf>"
    "</MsgBody></root>"
)


def written(request: requests.Request) -> str:
    return document.write({}, request.body).decode()


def test_a_collection_has_the_bytes_of_the_golden_201() -> None:
    assert written(requests.collection(order(description="3月 <&>"), config())) == GOLDEN_201


def test_a_refund_has_the_bytes_of_the_golden_205() -> None:
    assert written(requests.refund(order(Operation.REFUND, amount=5))) == GOLDEN_205


def test_a_query_has_the_bytes_of_the_golden_301() -> None:
    assert written(requests.query(order(), SetClock().now())) == GOLDEN_301


def test_an_order_sent_again_later_is_equal_to_the_byte() -> None:
    clock = SetClock()
    channel = Epcc(config(), clock)
    for asked in (order(), order(Operation.REFUND)):
        first = channel._exchange.sealed(channel._request(asked))
        clock.advance(minutes=7)
        assert channel._exchange.sealed(channel._request(asked)) == first


def test_the_header_has_our_number_the_direction_and_the_serial_of_our_certificate_in_decimal() -> None:
    body = Epcc(config(), SetClock())._exchange.sealed(requests.collection(order(), config())).decode()
    serial = leaf("sign", made()["sign"], made()["ca"]).serial
    header = f"<SndDt>{TIME}</SndDt><MsgTp>epcc.201.001.01</MsgTp><IssrId>{ISSR_ID}</IssrId><Drctn>11</Drctn>"
    assert f"<MsgHeader>{header}<SignSN>{serial}</SignSN></MsgHeader>" in body


@pytest.mark.parametrize(
    ("fen", "text"), [(1, "CNY0.01"), (100, "CNY1.00"), (12345, "CNY123.45"), (10**11, "CNY1000000000.00")]
)
def test_amounts_are_yuan_with_two_decimals(fen: int, text: str) -> None:
    assert requests.money(fen) == text


REFUSED: list[tuple[str, Operation, dict[str, Any]]] = [
    ("agreement", Operation.COLLECTION, {"agreement": ""}),
    ("agreement", Operation.COLLECTION, {"agreement": "SGN 1</SgnNo>"}),
    ("order_no", Operation.COLLECTION, {"order_no": "0192f0c1aaaa7bbb8cccdddddddddd00"}),
    ("amount", Operation.COLLECTION, {"amount": 0}),
    ("amount", Operation.COLLECTION, {"amount": -1}),
    ("key", Operation.COLLECTION, {"key": ""}),
    ("key", Operation.COLLECTION, {"key": "k" * 65}),
    ("original_operation", Operation.REFUND, {"original_operation": Operation.PURCHASE}),
    ("original_operation", Operation.REFUND, {"original_requested_at": None}),
    ("order_no", Operation.REFUND, {"original_order_no": "x"}),
    ("operation", Operation.PURCHASE, {}),
    ("operation", Operation.VOID, {}),
    ("operation", Operation.PAYOUT, {}),
]


@pytest.mark.parametrize(("field", "operation", "changes"), REFUSED)
async def test_an_order_that_cannot_be_meant_is_refused_before_anything_is_sent(
    field: str, operation: Operation, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await Epcc(config(), SetClock()).send(order(operation, **changes))
    assert caught.value.field == field


def test_personal_data_of_a_signing_travel_encrypted_alone() -> None:
    receiver = leaf("e", made()["epcc_encrypt"], made()["ca"])
    signing = Signing(TRX_ID, SetClock().now(), PAYER)
    text = written(requests.signing(signing, requests.SIGN_WITH_CODE, "473920", receiver))
    for secret in (PAYER.number, PAYER.name, PAYER.id_no, PAYER.phone, "473920"):
        assert secret not in text


@pytest.mark.parametrize("name", ["number", "name", "id_no", "phone"])
async def test_a_signing_without_what_the_payers_bank_compares_is_refused(name: str) -> None:
    parts = {"number": PAYER.number, "name": PAYER.name, "id_no": PAYER.id_no, "phone": PAYER.phone} | {
        name: ""
    }
    signing = Signing(TRX_ID, SetClock().now(), PartyAccount(**parts))
    with pytest.raises(InvalidInput, match=f"account.{name}"):
        await Epcc(config(), SetClock()).request_code(signing)


BAD_SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("issr_id", {"issr_id": "Z1"}),
    ("epcc_id", {"epcc_id": ""}),
    ("sites", {"sites": {}}),
    ("sites", {"sites": {"site.epcc.test": "http://127.0.0.1:9"}}),
    ("sites", {"sites": {"site.epcc.test": "https://"}}),
    ("sites", {"sites": {"site.epcc.test": "https://127.0.0.1:9/other"}}),
    ("sites", {"sites": {"a site": "https://127.0.0.1:9"}}),
    ("ca_pem", {"ca_pem": "x"}),
    ("sign_cert_pem", {"sign_cert_pem": "x"}),
]


@pytest.mark.parametrize(("field", "changes"), BAD_SETTINGS)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Epcc(config(**changes), SetClock())
    assert caught.value.field == field


@pytest.mark.parametrize("host", [
    "59.151.65.97", "10.0.0.1", "epcc.example.com", "localhost.example.com", "127.0.0.1.example.com", "test", "0.0.0.0",
])  # fmt: skip
def test_an_address_that_may_be_the_networks_own_needs_the_flag(host: str) -> None:
    sites = {"site.epcc.test": f"https://{host}:443"}
    with pytest.raises(InvalidInput, match="allow_production"):
        config(sites=sites)
    assert config(sites=sites, allow_production=True).sites == sites


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "site-a.epcc.test"])
def test_an_address_that_is_surely_a_tests_does_not(host: str) -> None:
    assert config(sites={"site.epcc.test": f"https://{host}:443"})


@pytest.mark.parametrize(("field", "name"), [
    ("sign_key_pem", "tls_key"), ("epcc_sign_cert_pem", None), ("epcc_encrypt_cert_pem", None),
    ("tls_key_pem, tls_cert_pem", "sign_key"),
])  # fmt: skip
def test_keys_and_certificates_that_do_not_belong_together_are_refused(field: str, name: str | None) -> None:
    setting = field.partition(",")[0]
    changed = made()[name] if name else self_signed()
    with pytest.raises(InvalidInput) as caught:
        Epcc(config(**{setting: changed}), SetClock())
    assert caught.value.field == field


@cache
def self_signed() -> str:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "self.pem"
        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-subj",
            "/CN=Test CA",
            "-keyout",
            "/dev/null",
            "-out",
            str(out),
        )
        return out.read_text()


def test_no_secret_shows_in_a_repr() -> None:
    held: EpccConfig = config()
    assert "PRIVATE KEY" not in repr(held)
    assert "BEGIN" not in repr(held)
