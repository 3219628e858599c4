"""Bytes of the wire: JSON bodies, the OPEN-BODY-SIG header, and the signed form of a notification."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

_HEADER = re.compile(
    r'OPEN-BODY-SIG AppId="([^"]{1,64})", ?Timestamp="(\d{14})", ?Nonce="([^"]{1,64})", ?Signature="([^"]{1,64})"'
)
Json = dict[str, Any]


class Refusal(Exception):
    """The platform refuses a request with an errCode and words."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(code)
        self.code, self.words = code, words


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims to have sent a request, and the signature that must prove it."""

    app_id: str
    timestamp: str
    nonce: str
    signature: str

    def holds(self, app_key: str, body: bytes) -> bool:
        """Whether the holder of `app_key` signed exactly this body."""
        try:
            given = base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        message = self.app_id + self.timestamp + self.nonce + sha256(body).hexdigest()
        return hmac.compare_digest(given, hmac.new(app_key.encode(), message.encode(), sha256).digest())


def claim(header: str) -> Claim:
    """Read an Authorization header."""
    match = _HEADER.fullmatch(header)
    if match is None:
        raise Refusal("INVALID_SIGN", "Authorization")
    return Claim(*match.groups())


def parse(body: bytes) -> Json:
    """The object that a request's body holds."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("BAD_REQUEST", "body: JSON") from None
    if not isinstance(found, dict):
        raise Refusal("BAD_REQUEST", "body: a JSON object")
    return found


def dump(fields: Mapping[str, Any]) -> bytes:
    """The body of an answer."""
    return json.dumps(fields, ensure_ascii=False).encode()


def form(fields: Mapping[str, str]) -> bytes:
    """The body of a notification."""
    return "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()


def notification_hash(fields: Mapping[str, str], key: str) -> str:
    """The signature of a notification: the fields that are not blank, sorted by name, then the secret; upper-case hex."""
    pieces = [f"{name}={value}" for name, value in sorted(fields.items()) if name != "sign" and value != ""]
    return sha256(("&".join(pieces) + key).encode()).hexdigest().upper()
