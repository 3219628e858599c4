"""Signatures of webhooks by Standard Webhooks 1.0.0, whose libraries can verify them.

Headers `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`: `v1,` and the base64 of
HMAC-SHA256 over `<id>.<timestamp>.<body>`. The key is what follows `whsec_` in the secret, decoded from base64.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

_PREFIX = "whsec_"


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


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
