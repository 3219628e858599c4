"""Signing what a merchant is told, as Standard Webhooks 1.0.0 describes it, so that its libraries can verify it.

Headers `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`: `v1,` and the base64 of
HMAC-SHA256 over `<id>.<timestamp>.<body>`. The key is what follows `whsec_` in the secret, decoded from base64.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from zhangfang.merchants.errors import InvalidSignature

TOLERANCE = timedelta(minutes=5)
_PREFIX = "whsec_"
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")


def new_secret() -> str:
    """Return a fresh secret: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, message_id: str, moment: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers that go with `body`. A repeated delivery keeps its `message_id`.

    `message_id` has no full stop.
    """
    timestamp = str(int(moment.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": _signature(secret, message_id, timestamp, body),
    }


def verify(secret: str, received: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raise `InvalidSignature` unless `body` was signed with `secret` within five minutes of `now`.

    `received` has lower-case names. Several signatures, apart by spaces, are several secrets during a change; one
    that fits is enough.
    """
    try:
        message_id, timestamp = received["webhook-id"], received["webhook-timestamp"]
        given = _bytes(received["webhook-signature"]).split(b" ")
    except KeyError as error:
        raise InvalidSignature(f"webhook: the header {error.args[0]} is missing") from None
    if "." in message_id:  # then a part of the id could be passed off as the timestamp
        raise InvalidSignature("webhook: webhook-id has a full stop")
    if not _UNIX_SECONDS.fullmatch(timestamp):
        raise InvalidSignature("webhook: webhook-timestamp is not a number of Unix seconds")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise InvalidSignature("webhook: webhook-timestamp is more than five minutes away")
    expected = _bytes(_signature(secret, message_id, timestamp, body))
    if not any([hmac.compare_digest(expected, one) for one in given]):  # noqa: C419 - all are compared, always
        raise InvalidSignature("webhook: no signature fits the body and the secret")


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    signed = _bytes(f"{message_id}.{timestamp}.") + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "surrogatepass")  # a server may show a byte that is no UTF-8 as a surrogate
