"""Vectors made by the openssl command and by plain arithmetic, against both sides: the connector and the sandbox bank."""

import base64
import hashlib
import zlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.unionpay_bank import bank, bank_signs, config, merchant, stopped_clock
from zhangfang.channels.certificates import load_pair
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import MalformedMessage, PartyAccount
from zhangfang.channels.unionpay import KeyedSigner, RsaSigner
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.channels.unionpay.message import canonical, parse_answer
from zhangfang.channels.unionpay.packing import deflated, inflated
from zhangfang.channels.unionpay.requests import customer_info
from zhangfang.channels.unionpay.signature import digest
from zhangfang_sandbox.unionpay.wire import forms as wire

# printf '%s' "$TEXT" | openssl dgst -sha256, and of "$TEXT&$(printf own-key | openssl dgst -sha256)"
PAYOUT = (
    "accNo=6222021234567890123&accType=01&accessType=0&backUrl=http://127.0.0.1/n&billNo=五月工资&bizType=000401"
    "&channelType=07&currencyCode=156&customerInfo=e2N1c3RvbWVyTm09546L5bCP5piOfQ==&encoding=UTF-8"
    "&merId=777290058110048&orderId=20261231000001&reqReserved=M-1&signMethod=11&txnAmt=12345&txnSubType=00"
    "&txnTime=20261231225959&txnType=12&version=5.1.0"
)
DIGEST = b"39059cff8e6abec323ea90b36f1ccacc7f048a1cdbac513f7eeb1eb621307296"
KEYED = "43c10a5a50447cd2abe8cf1d14d5291ee3d6582af749a6e0762f30bce2fad50e"
FIELDS = dict(part.split("=", 1) for part in reversed(PAYOUT.split("&")))
# PKCS#1 v1.5 of a SHA-256: the DER that stands before the hash (RFC 8017, note 1 of 9.2).
DER = bytes.fromhex("3031300d060960864801650304020105000420")


def test_both_sides_sign_the_same_text_of_a_payout() -> None:
    assert canonical(FIELDS) == wire.signing_text(FIELDS) == PAYOUT
    assert digest(PAYOUT) == wire.digest(FIELDS) == DIGEST
    assert KeyedSigner("own-key").sign(FIELDS)["signature"] == wire.keyed_hash(FIELDS, "own-key") == KEYED


def opened(signature: str, key: rsa.RSAPublicKey) -> bytes:
    """A signature without a library: s^e mod n."""
    numbers = key.public_numbers()
    return pow(int.from_bytes(base64.b64decode(signature)), numbers.e, numbers.n).to_bytes(256)


def test_our_signature_opens_by_arithmetic_to_the_hash_of_the_hex_of_the_hash() -> None:
    signed = RsaSigner(config(), stopped_clock()).sign(FIELDS)
    text = "&".join(f"{name}={signed[name]}" for name in sorted(signed) if name != "signature")
    hexed = hashlib.sha256(text.encode()).hexdigest().encode()
    padded = b"\x00\x01" + b"\xff" * (256 - 3 - 51) + b"\x00" + DER + hashlib.sha256(hexed).digest()
    assert opened(signed["signature"], load_pair(*merchant())[0].public_key()) == padded


def test_what_we_encrypt_opens_by_arithmetic_to_padding_and_text() -> None:
    private = bank()[3].key.private_numbers()
    cipher = base64.b64decode(Cipher(bank()[3].pem).encrypt("6222021234567890123"))
    plain = pow(int.from_bytes(cipher), private.d, private.public_numbers.n).to_bytes(256)
    padding, _, text = plain[2:].partition(b"\x00")
    assert (plain[:2], len(padding), text) == (b"\x00\x02", 256 - 3 - 19, b"6222021234567890123")


def test_customer_info_is_the_base64_that_openssl_makes() -> None:
    """printf '{customerNm=王小明}' | openssl base64 -A"""
    told = customer_info(PartyAccount("6222021234567890123", "王小明"), Cipher(bank()[3].pem))
    assert told == "e2N1c3RvbWVyTm09546L5bCP5piOfQ=="


def test_a_file_content_is_base64_of_a_zlib_stream() -> None:
    stored = base64.b64encode(
        bytes.fromhex("7801010400fbff787c790a04540178")
    ).decode()  # RFC 1950, one stored block
    assert (
        inflated(decoded(stored, "fileContent"), 4)
        == zlib.decompress(base64.b64decode(deflated(b"x|y\n")))
        == b"x|y\n"
    )


HOSTILE: dict[str, Callable[[], object]] = {
    "one byte too many": lambda: inflated(zlib.compress(b"12345"), 4),
    "a bomb": lambda: inflated(zlib.compress(bytes(50_000_000)), 1_000),
    "two streams": lambda: inflated(zlib.compress(b"1") * 2, 1_000),
    "no end": lambda: inflated(zlib.compress(b"1")[:-1], 1_000),
    "raw DEFLATE": lambda: inflated(zlib.compress(b"1")[2:-4], 1_000),
    "nothing": lambda: inflated(b"", 1_000),
    "an open bracket": lambda: parse_answer(b"respCode=00&respMsg={a=1&origRespCode=00"),
    "a bracket that closes another kind": lambda: parse_answer(b"respCode=00&respMsg={a]&origRespCode=00"),
    "a name twice": lambda: parse_answer(b"respCode=05&respMsg=[x]&respCode=00"),
    "a name hidden in brackets": lambda: parse_answer(b"{respCode=00&a}=1"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bytes_are_malformed_and_cost_no_memory(what: str) -> None:
    with pytest.raises(MalformedMessage):
        HOSTILE[what]()


def test_a_field_inside_brackets_never_becomes_one_of_its_own() -> None:
    told = bank_signs({"respCode": "05", "respMsg": "{a=1&respCode=00}", "reserved": "[x=1&origRespCode=00]"})
    read = parse_answer("&".join("=".join(item) for item in told.items()).encode())
    assert (read["respCode"], "origRespCode" in read) == ("05", False)
    RsaSigner(config(), stopped_clock()).verify(read)
