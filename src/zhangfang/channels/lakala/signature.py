"""LKLAPI-SHA256withRSA. Source: a public copy of the official SDK, and a second client that agrees [V2].

A request and its answer sign five lines (appid, serial_no, timestamp, nonce_str, body), each ended by a line feed. A
notification signs three (timestamp, nonce_str, body) [V]; some clients read five lines there as well, from the answer's
headers [C]: both are taken.
"""

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from zhangfang.channels.certificates import load, load_pair, rsa_key_of
from zhangfang.channels.encoded import decoded
from zhangfang.channels.lakala.config import LakalaConfig
from zhangfang.channels.port import ForgedMessage

SCHEME = "LKLAPI-SHA256withRSA"
_PADDING, _HASH = PKCS1v15(), hashes.SHA256()
_PART = re.compile(r'([a-z_]{1,20})="([0-9A-Za-z+/=._-]{0,1024})"')
_PLAIN = re.compile(r"[0-9A-Za-z._-]{1,64}")  # no line feed: it would shift the signed lines
_LONGEST_HEADER = 4096


class Signer:
    """Signs our requests, and verifies Lakala's messages."""

    def __init__(self, config: LakalaConfig) -> None:
        """Read the keys once. Raises `InvalidInput`."""
        self._appid = config.appid
        self._key, serial = load_pair(config.sign_key_pem, config.sign_cert_pem)
        theirs = load("platform_cert_pem", config.platform_cert_pem)
        self._theirs = rsa_key_of("platform_cert_pem", theirs)
        self._serial, self._their_serial = serial_text(serial), serial_text(theirs.serial_number)

    def authorization(self, body: bytes, now: datetime, nonce: str = "") -> str:
        """Return the header of a request; a nonce is made where none is given."""
        nonce, timestamp = nonce or secrets.token_hex(16), str(int(now.timestamp()))
        signed = lines(self._appid, self._serial, timestamp, nonce, body=body)
        signature = base64.b64encode(self._key.sign(signed, _PADDING, _HASH)).decode()
        named = {
            "appid": self._appid, "serial_no": self._serial, "timestamp": timestamp, "nonce_str": nonce,
            "signature": signature,
        }  # fmt: skip
        return f"{SCHEME} " + ",".join(f'{name}="{value}"' for name, value in named.items())

    def verify_answer(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if an answer is Lakala's and for us, else raise `ForgedMessage`."""
        self._check(_from_headers({name.lower(): value for name, value in headers.items()}), body, full=True)

    def verify_notification(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if a notification is Lakala's, else raise `ForgedMessage`: three lines first, then five."""
        lowered = {name.lower(): value for name, value in headers.items()}
        for said, full in _readings(lowered):
            try:
                return self._check(said, body, full=full)
            except ForgedMessage:
                continue
        raise ForgedMessage("signature: missing, or does not match the message in three lines or in five")

    def _check(self, said: Mapping[str, str], body: bytes, *, full: bool) -> None:
        names = ("appid", "serial_no", "timestamp", "nonce_str") if full else ("timestamp", "nonce_str")
        for name in names:
            if not _PLAIN.fullmatch(said.get(name, "")):
                raise ForgedMessage(f"{name}: missing or not 1 to 64 plain characters")
        if full and (said["appid"], said["serial_no"].lower()) != (self._appid, self._their_serial):
            raise ForgedMessage("appid, serial_no: not ours, or not the platform certificate's")
        signed = lines(*(said[name] for name in names), body=body)
        try:
            self._theirs.verify(
                decoded(said.get("signature", ""), "signature", ForgedMessage), signed, _PADDING, _HASH
            )
        except InvalidSignature:
            raise ForgedMessage("signature: does not match the message") from None


def lines(*values: str, body: bytes) -> bytes:
    """Return the bytes that are signed: every value and the body, each ended by a line feed."""
    return "".join(f"{value}\n" for value in values).encode() + body + b"\n"


def _readings(headers: Mapping[str, str]) -> Iterator[tuple[Mapping[str, str], bool]]:
    """Yield the possible readings of a notification's signature, each with whether it has five lines."""
    header = headers.get("authorization", "")[:_LONGEST_HEADER]
    if header.startswith(f"{SCHEME} "):
        said = dict(_PART.findall(header))
        yield said, False
        yield said, True
    yield _from_headers(headers), True


def _from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    names = {
        "appid": "appid", "serial_no": "serial", "timestamp": "timestamp", "nonce_str": "nonce",
        "signature": "signature",
    }  # fmt: skip
    return {name: headers.get(f"lklapi-{theirs}", "") for name, theirs in names.items()}


def serial_text(serial: int) -> str:
    """Return a serial number as the platform writes it: hex of its whole bytes, in lower case [K]."""
    return serial.to_bytes(serial.bit_length() // 8 + 1, "big").hex()
