"""Signing and verifying ACP messages. Source: UnionPay ACP 5.1.0, signMethod 01 and 11."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from zhangfang.channels.certificates import load_pair
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import ForgedMessage
from zhangfang.channels.unionpay.certificates import Trust
from zhangfang.channels.unionpay.config import UnionPayConfig
from zhangfang.channels.unionpay.message import canonical, without_blanks
from zhangfang.kernel.clock import Clock


class Signer(Protocol):
    """Signs our messages and verifies theirs."""

    def sign(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the non-blank fields with `signMethod`, `signature` and what else the method needs."""
        ...

    def verify(self, fields: Mapping[str, str]) -> None:
        """Return if the fields are as the gateway signed them, else raise `ForgedMessage`."""
        ...


class RsaSigner:
    """signMethod 01: RSA over SHA-256, with the bank's certificate inside its message."""

    def __init__(self, config: UnionPayConfig, clock: Clock) -> None:
        """Read the keys once; a signature then takes about a millisecond."""
        self._key, serial = load_pair(config.sign_key_pem, config.sign_cert_pem)
        self._cert_id = str(serial)  # in decimal
        self._trust = Trust(config.root_pem, config.middle_pem, clock)

    def sign(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the non-blank fields with `signMethod`, `certId` and `signature`."""
        signed = without_blanks(fields) | {"signMethod": "01", "certId": self._cert_id}
        signature = self._key.sign(digest(canonical(signed)), padding.PKCS1v15(), hashes.SHA256())
        return signed | {"signature": base64.b64encode(signature).decode()}

    def verify(self, fields: Mapping[str, str]) -> None:
        """Return if certificate, chain and signature are UnionPay's, else raise `ForgedMessage`."""
        _check_method(fields, "01")
        key = self._trust.key_of(fields.get("signPubKeyCert", ""))
        signature = decoded(fields.get("signature", ""), "signature", ForgedMessage)
        # Some signers include blank fields in the signed text and some do not; public kits do both. Blank fields mean
        # nothing, so both readings are safe.
        if not any(_matches(key, signature, text) for text in _readings(fields)):
            raise ForgedMessage("signature: does not match the message")


class KeyedSigner:
    """signMethod 11: SHA-256 with a key that both sides share."""

    def __init__(self, secure_key: str) -> None:
        """Keep the digest of the key, which is all that the method needs."""
        self._key_digest = hashlib.sha256(secure_key.encode()).hexdigest()

    def sign(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the non-blank fields with `signMethod` and `signature`."""
        signed = without_blanks(fields) | {"signMethod": "11"}
        return signed | {"signature": self._signature(canonical(signed))}

    def verify(self, fields: Mapping[str, str]) -> None:
        """Return if the signature was made with the same key, else raise `ForgedMessage`."""
        _check_method(fields, "11")
        given = fields.get("signature", "").encode()
        if not any(hmac.compare_digest(given, self._signature(text).encode()) for text in _readings(fields)):
            raise ForgedMessage("signature: does not match the message")

    def _signature(self, text: str) -> str:
        return hashlib.sha256(f"{text}&{self._key_digest}".encode()).hexdigest()


def digest(text: str) -> bytes:
    """Return the hex of the SHA-256 as ASCII. RSA then hashes that once more: the protocol hashes twice."""
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _readings(fields: Mapping[str, str]) -> set[str]:
    return {canonical(fields), canonical(without_blanks(fields))}


def _matches(key: rsa.RSAPublicKey, signature: bytes, text: str) -> bool:
    try:
        key.verify(signature, digest(text), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _check_method(fields: Mapping[str, str], expected: str) -> None:
    if fields.get("signMethod") != expected:
        raise ForgedMessage(f"signMethod: missing or another method than {expected}")
