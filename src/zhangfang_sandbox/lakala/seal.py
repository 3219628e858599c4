"""LKLAPI-SHA256withRSA: signs the bank's messages, verifies the merchants'."""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zhangfang_sandbox.lakala.keys import Identity

_SCHEME = "LKLAPI-SHA256withRSA"
_PAIR = re.compile(r'([a-z_]+)="([^"\n]*)"')
_NAMES = ("appid", "nonce_str", "timestamp", "serial_no", "signature")


class Seal:
    """Signs with the platform's key, or as a forger."""

    def __init__(self, keys: Mapping[str, Identity]) -> None:
        self._keys = keys

    def answer(self, appid: str, now: float, body: bytes, fault: str) -> dict[str, str]:
        """The headers of an answer: five lines signed. Faults: bad_signature, wrong_chain (another key)."""
        who = self._keys["stranger" if fault == "wrong_chain" else "platform"]
        said = (appid, who.serial, str(int(now)), secrets.token_hex(8))
        signature = _signature(who, [*said, body.decode()])
        if fault == "bad_signature":
            signature = base64.b64encode(bytes(256)).decode()
        names = ("Appid", "Serial", "Timestamp", "Nonce")
        return {f"Lklapi-{name}": value for name, value in zip(names, said, strict=True)} | {
            "Lklapi-Signature": signature
        }

    def notification(self, now: float, body: bytes) -> str:
        """The Authorization header of a notification: three lines signed."""
        timestamp, nonce = str(int(now)), secrets.token_hex(8)
        signature = _signature(self._keys["platform"], [timestamp, nonce, body.decode()])
        return f'{_SCHEME} timestamp="{timestamp}",nonce_str="{nonce}",signature="{signature}"'


def claimed(header: str) -> dict[str, str] | None:
    """The fields of an Authorization header, in any order; None if it is not one."""
    if not header.startswith(_SCHEME + " "):
        return None
    said = dict(_PAIR.findall(header))
    return said if set(_NAMES) <= said.keys() else None


def genuine(said: Mapping[str, str], certificate_pem: str, body: bytes) -> bool:
    """Whether the holder of this certificate's key signed a request."""
    key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    text = b"".join(said[name].encode() + b"\n" for name in ("appid", "serial_no", "timestamp", "nonce_str"))
    try:
        key.verify(
            base64.b64decode(said["signature"], validate=True),
            text + body + b"\n",
            PKCS1v15(),
            hashes.SHA256(),
        )
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _signature(who: Identity, parts: list[str]) -> str:
    text = "".join(part + "\n" for part in parts)
    return base64.b64encode(who.key.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()
