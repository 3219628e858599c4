"""Signing and verifying: openssl signs what we verify, and verifies what we sign; the sandbox bank the same."""

import base64
import json
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from zhangfang.channels.lakala import Lakala, LakalaConfig, make_merchant_certificate
from zhangfang.channels.lakala.signature import Signer, serial_text
from zhangfang.channels.port import ChannelError, ForgedMessage, MalformedMessage, Operation, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang_sandbox.lakala import keys, seal

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
MERCHANT = "822290058110001"
BODY = b'{"req_data":{"subject":"\xe7\x89\xa9\xe4\xb8\x9a\xe8\xb4\xb9"}}'
NOTICE = {
    "merchant_no": MERCHANT, "out_trade_no": "A" * 32, "trade_no": "20260901661000000000000001",
    "trade_status": "SUCCESS", "total_amount": "12345", "trade_time": "20260901120000",
}  # fmt: skip


@cache
def pairs() -> dict[str, tuple[str, str]]:
    return {name: make_merchant_certificate(name, SetClock()) for name in ("ours", "platform", "stranger")}


@cache
def config() -> LakalaConfig:
    key, certificate = pairs()["ours"]
    return LakalaConfig(
        merchant_no=MERCHANT, term_no="A0000001", appid="OP1", sign_key_pem=key, sign_cert_pem=certificate,
        platform_cert_pem=pairs()["platform"][1], base_url="http://127.0.0.1:9", notify_url="http://127.0.0.1:9/n",
    )  # fmt: skip


@cache
def connector() -> Lakala:
    return Lakala(config(), SetClock())


def openssl(folder: Path, who: str, text: bytes) -> str:
    """The signature that openssl makes with somebody's key, in base64."""
    (folder / "key.pem").write_text(pairs()[who][0])
    command = ["openssl", "dgst", "-sha256", "-sign", str(folder / "key.pem")]
    return base64.b64encode(
        subprocess.run(command, input=text, capture_output=True, check=True).stdout
    ).decode()


def serial(who: str) -> str:
    """The serial number as openssl prints it."""
    command = ["openssl", "x509", "-noout", "-serial"]
    made = subprocess.run(command, input=pairs()[who][1].encode(), capture_output=True, check=True)
    return made.stdout.decode().strip().removeprefix("serial=").lower()


def test_a_request_signs_five_lines_as_openssl_does(tmp_path: Path) -> None:
    header = Signer(config()).authorization(BODY, AT, "nonce1")
    own = serial_text(x509.load_pem_x509_certificate(config().sign_cert_pem.encode()).serial_number)
    text = f"OP1\n{own}\n{int(AT.timestamp())}\nnonce1\n".encode() + BODY + b"\n"
    said = dict(re.findall(r'(\w+)="([^"]*)"', header))
    assert header.startswith('LKLAPI-SHA256withRSA appid="OP1",serial_no=')
    assert said["signature"] == openssl(tmp_path, "ours", text)
    assert own.removeprefix("00") == serial("ours")


def test_a_serial_number_is_the_hex_of_its_bytes() -> None:
    assert serial_text(0xDFBA8194C41B84CF) == "00dfba8194c41b84cf"
    assert serial_text(0x1234) == "1234"


def answer_headers(folder: Path, body: bytes, who: str = "platform", **changes: str) -> dict[str, str]:
    theirs = serial_text(x509.load_pem_x509_certificate(pairs()["platform"][1].encode()).serial_number)
    said = {"appid": "OP1", "serial": theirs, "timestamp": "1788235200", "nonce": "n1"} | changes
    text = "".join(f"{value}\n" for value in said.values()).encode() + body + b"\n"
    return {f"Lklapi-{name.title()}": value for name, value in said.items()} | {
        "Lklapi-Signature": openssl(folder, who, text)
    }


def test_an_answer_that_openssl_signed_is_believed_whatever_the_case_of_its_headers(tmp_path: Path) -> None:
    signer, headers = Signer(config()), answer_headers(tmp_path, b"{}")
    signer.verify_answer(headers, b"{}")
    signer.verify_answer({name.upper(): value for name, value in headers.items()}, b"{}")


@pytest.mark.parametrize(
    ("who", "changes", "body"),
    [
        ("stranger", {}, b"{}"),
        ("platform", {"appid": "OP2"}, b"{}"),
        ("platform", {"serial": "00aa"}, b"{}"),
        ("platform", {"nonce": ""}, b"{}"),
        ("platform", {"timestamp": "1\n2"}, b"{}"),
        ("platform", {}, b"{} "),
    ],
)
def test_an_answer_of_anybody_else_or_of_other_bytes_is_forged(
    tmp_path: Path, who: str, changes: dict[str, str], body: bytes
) -> None:
    headers = answer_headers(tmp_path, b"{}", who, **changes)
    with pytest.raises(ForgedMessage):
        Signer(config()).verify_answer(headers, body)


@pytest.mark.parametrize("broken", ["", "!", base64.b64encode(bytes(256)).decode(), "AAAA"])
def test_an_answer_with_a_broken_signature_is_forged(tmp_path: Path, broken: str) -> None:
    headers = answer_headers(tmp_path, b"{}") | {"Lklapi-Signature": broken}
    with pytest.raises(ForgedMessage):
        Signer(config()).verify_answer(headers, b"{}")
    with pytest.raises(ForgedMessage):
        Signer(config()).verify_answer({}, b"{}")


def notice(**changes: Any) -> bytes:
    return json.dumps(NOTICE | changes).encode()


def three_lines(folder: Path, body: bytes, who: str = "platform") -> dict[str, str]:
    signature = openssl(folder, who, b"1788235200\nn1\n" + body + b"\n")
    said = f'timestamp="1788235200",nonce_str="n1",signature="{signature}"'
    return {"Authorization": f"LKLAPI-SHA256withRSA {said}"}


def test_a_notification_in_three_lines_is_believed(tmp_path: Path) -> None:
    heard = connector().notification(three_lines(tmp_path, notice()), notice())
    assert (heard.order_no, heard.operation) == ("A" * 32, Operation.PURCHASE)
    assert (heard.answer.verdict, heard.answer.amount) == (Verdict.SUCCESS, 12345)
    assert heard.answer.channel_ref == NOTICE["trade_no"]


def test_a_notification_in_five_lines_is_believed_from_either_place(tmp_path: Path) -> None:
    headers = answer_headers(tmp_path, notice())
    assert connector().notification(headers, notice()).answer.verdict is Verdict.SUCCESS
    names = {"Appid": "appid", "Serial": "serial_no", "Timestamp": "timestamp", "Nonce": "nonce_str"}
    said = {theirs: headers[f"Lklapi-{name}"] for name, theirs in names.items()}
    said["signature"] = headers["Lklapi-Signature"]
    header = ",".join(f'{name}="{value}"' for name, value in said.items())
    one = {"authorization": f"LKLAPI-SHA256withRSA {header}"}
    assert connector().notification(one, notice()).answer.verdict is Verdict.SUCCESS


def test_a_notification_of_a_stranger_or_changed_on_the_way_is_forged(tmp_path: Path) -> None:
    with pytest.raises(ForgedMessage):
        connector().notification(three_lines(tmp_path, notice(), "stranger"), notice())
    with pytest.raises(ForgedMessage):
        connector().notification(three_lines(tmp_path, notice()), notice(total_amount="1"))
    with pytest.raises(ForgedMessage):
        connector().notification({"Authorization": "LKLAPI-SHA256withRSA "}, notice())
    with pytest.raises(ForgedMessage):
        connector().notification({}, notice())


def test_our_own_signature_is_none_of_the_platforms(tmp_path: Path) -> None:
    with pytest.raises(ForgedMessage):
        connector().notification(three_lines(tmp_path, notice(), "ours"), notice())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"merchant_no": "822290058110002"}, "merchant_no: another merchant"),
        ({"merchant_no": None}, "merchant_no"),
        ({"total_amount": 12345}, "total_amount"),
        ({"total_amount": "-1"}, "total_amount"),
        ({"total_amount": "1.5"}, "total_amount"),
        ({"total_amount": "0"}, "total_amount"),
        ({"total_amount": "9" * 13}, "total_amount"),
        ({"out_trade_no": ["A"]}, "out_trade_no"),
        ({"trade_status": {}}, "trade_status"),
        ({"trade_time": "20260230000000"}, "trade_time"),
        ({"trade_time": "99991231235959"}, "trade_time"),
    ],
)
def test_a_genuine_notification_that_makes_no_sense_is_malformed(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    body = notice(**changes)
    with pytest.raises(MalformedMessage, match=named):
        connector().notification(three_lines(tmp_path, body), body)


def test_json_with_a_name_twice_is_malformed_though_it_is_signed(tmp_path: Path) -> None:
    body = b'{"total_amount":"1",' + notice()[1:]
    with pytest.raises(MalformedMessage):
        connector().notification(three_lines(tmp_path, body), body)


def test_an_amount_off_by_one_fen_is_passed_on_as_the_channel_said_it(tmp_path: Path) -> None:
    body = notice(total_amount="12346")
    assert connector().notification(three_lines(tmp_path, body), body).answer.amount == 12346


@given(st.binary(max_size=200), st.text(max_size=60))
def test_no_bytes_pass_or_crash(body: bytes, header: str) -> None:
    for headers in ({"Authorization": f"LKLAPI-SHA256withRSA {header}"}, {"Lklapi-Signature": header}):
        with pytest.raises(ChannelError):
            connector().notification(headers, body)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_forged(tmp_path: Path, place: int, byte: int) -> None:
    data, headers = bytearray(notice()), signed_once(tmp_path)
    data[place % len(data)] = byte
    if bytes(data) == notice():
        return
    with pytest.raises(ForgedMessage):
        connector().notification(headers, bytes(data))


_SIGNED: list[dict[str, str]] = []


def signed_once(folder: Path) -> dict[str, str]:
    if not _SIGNED:
        _SIGNED.append(three_lines(folder, notice()))
    return _SIGNED[0]


def test_the_sandbox_bank_believes_what_openssl_signed_and_nothing_else(tmp_path: Path) -> None:
    said = {"appid": "OP1", "serial_no": "00aa", "timestamp": "1788235200", "nonce_str": "n1"}
    text = "".join(f"{value}\n" for value in said.values()).encode() + BODY + b"\n"
    said["signature"] = openssl(tmp_path, "ours", text)
    certificate = pairs()["ours"][1]
    assert seal.genuine(said, certificate, BODY)
    assert not seal.genuine(said, pairs()["stranger"][1], BODY)
    assert not seal.genuine(said, certificate, BODY + b" ")
    assert not seal.genuine(said | {"signature": "?"}, certificate, BODY)


def test_the_sandbox_bank_signs_so_that_openssl_verifies(tmp_path: Path) -> None:
    identities = keys.load(keys.create())
    headers = seal.Seal(identities).answer("OP1", 1788235200, b"{}", "")
    text = "".join(headers[f"Lklapi-{n}"] + "\n" for n in ("Appid", "Serial", "Timestamp", "Nonce")) + "{}\n"
    certificate = x509.load_pem_x509_certificate(identities["platform"].certificate.encode())
    public = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "signature").write_bytes(base64.b64decode(headers["Lklapi-Signature"]))
    command = ["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "public.pem"), "-signature"]
    made = subprocess.run(
        [*command, str(tmp_path / "signature")], input=text.encode(), capture_output=True, check=True
    )
    assert made.stdout.strip() == b"Verified OK"


@pytest.mark.parametrize(
    "host", ["https://s2.lakala.com", "https://S2.LAKALA.com.", "https://other.lakala.com/x"]
)
def test_the_production_host_needs_a_flag(host: str) -> None:
    held = {name: getattr(config(), name) for name in LakalaConfig.__dataclass_fields__} | {"base_url": host}
    with pytest.raises(InvalidInput, match="production host"):
        LakalaConfig(**held)
    assert LakalaConfig(**held | {"allow_production": True}).base_url == host
    assert LakalaConfig(**held | {"base_url": "https://test.wsmsd.cn/sit"})


@pytest.mark.parametrize(
    ("field", "value"),
    [("merchant_no", "1"), ("term_no", "1"), ("appid", ""), ("request_ip", "here"), ("base_url", "nowhere")],
)
def test_a_configuration_that_cannot_be_meant_is_refused_by_its_field(field: str, value: str) -> None:
    held = {name: getattr(config(), name) for name in LakalaConfig.__dataclass_fields__} | {field: value}
    with pytest.raises(InvalidInput) as caught:
        LakalaConfig(**held)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sign_key_pem", "text"),
        ("sign_key_pem", "stranger's"),
        ("sign_cert_pem", "text"),
        ("platform_cert_pem", "text"),
    ],
)
def test_a_key_that_is_none_or_anothers_is_refused_without_showing_it(field: str, value: str) -> None:
    held = {name: getattr(config(), name) for name in LakalaConfig.__dataclass_fields__}
    changed = LakalaConfig(**held | {field: pairs()["stranger"][0] if value != "text" else value})
    with pytest.raises(InvalidInput) as caught:
        Lakala(changed, SetClock())
    assert caught.value.field == field
    assert "PRIVATE" not in str(caught.value)
    assert "BEGIN" not in repr(changed)
