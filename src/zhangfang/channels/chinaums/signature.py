"""OPEN-BODY-SIG for requests, and the keyed hash of notifications. Source: chinaums-php, read in public [V]."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime

from zhangfang.channels.chinaums.config import ChinaUmsConfig
from zhangfang.channels.encoded import form_pairs
from zhangfang.channels.port import ForgedMessage, MalformedMessage
from zhangfang.kernel.clock import in_china

_NAME = re.compile(r"[A-Za-z0-9_.]+")


def authorization(config: ChinaUmsConfig, body: bytes, now: datetime, nonce: str = "") -> str:
    """Return the header of a request; a nonce is made where none is given."""
    timestamp, nonce = f"{in_china(now):%Y%m%d%H%M%S}", nonce or secrets.token_hex(16)
    text = f"{config.app_id}{timestamp}{nonce}{hashlib.sha256(body).hexdigest()}"
    digest = hmac.digest(config.app_key.encode(), text.encode(), "sha256")
    signature = base64.b64encode(digest).decode()
    named = {"AppId": config.app_id, "Timestamp": timestamp, "Nonce": nonce, "Signature": signature}
    return "OPEN-BODY-SIG " + ", ".join(f'{name}="{value}"' for name, value in named.items())


def verified_form(body: bytes, notify_key: str) -> dict[str, str]:
    """Return the fields of a genuine notification. Raises `MalformedMessage`, `ForgedMessage`.

    Only signType SHA256 is accepted: with MD5, two messages with one signature can be constructed.
    """
    fields = parse_form(body)
    if fields.get("signType", "").upper() != "SHA256":
        raise ForgedMessage("signType: missing or not SHA256")
    made = notification_sign(fields, notify_key)
    if not hmac.compare_digest(fields.get("sign", "").encode(), made.encode()):
        raise ForgedMessage("sign: does not match the message")
    return fields


def notification_sign(fields: Mapping[str, str], notify_key: str) -> str:
    """Return the signature of a notification: all fields that are not blank, sorted by name, then the key without a
    separator."""
    names = sorted(name for name, value in fields.items() if value and name != "sign")
    text = "&".join(f"{name}={fields[name]}" for name in names) + notify_key
    return hashlib.sha256(text.encode()).hexdigest().upper()


def parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of a notification's body, or raise `MalformedMessage`."""
    fields: dict[str, str] = {}
    for position, (name, value) in enumerate(form_pairs(body), 1):
        # With & inside a value, one field could be read as two: the signed text would be the same.
        if not _NAME.fullmatch(name) or name in fields or "&" in value or "\0" in value:
            raise MalformedMessage(
                f"field {position}: a name that is odd or given twice, or & or NUL in a value"
            )
        fields[name] = value
    return fields
