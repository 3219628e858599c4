"""What a merchant of ChinaUMS has to know to speak to the open platform."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from zhangfang.kernel.errors import InvalidInput

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_SHAPES = {
    "mid": (re.compile(r"[0-9A-Za-z]{15}"), "15 letters or digits"),
    "tid": (re.compile(r"[0-9A-Za-z]{8}"), "8 letters or digits"),
    "source": (re.compile(r"[0-9A-Za-z]{4}"), "4 letters or digits"),
    "app_id": (re.compile(r"[!#-~]{1,64}"), "1 to 64 visible characters without quotes"),
    "instalment_fee_by": (re.compile(r"payer|merchant"), "payer or merchant"),
}


@dataclass(frozen=True, slots=True)
class ChinaUmsConfig:
    """One merchant's access. `app_key` signs our requests, `notify_key` is the other secret, for notifications.

    `source` is the number that every merOrderId begins with (msgSrcId). `instalment_fee_by` is who bears the charge of
    instalments by the merchant's contract: no field of the protocol says it [G].
    """

    mid: str
    tid: str
    source: str
    app_id: str
    app_key: str = field(repr=False)
    notify_key: str = field(repr=False)
    base_url: str
    notify_url: str
    instalment_fee_by: str = "payer"
    timeout_seconds: float = 5.0
    allow_production: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and the real platform unless it is allowed."""
        for name, (shape, allowed) in _SHAPES.items():
            value = getattr(self, name)
            if not shape.fullmatch(value):
                raise InvalidInput(name, f"{len(value)} characters", allowed)
        if not self.app_key or not self.notify_key or self.app_key == self.notify_key:
            raise InvalidInput("notify_key", "no secret of its own", "two secrets: app_key and notify_key")
        url = urlsplit(self.base_url)
        host = (url.hostname or "").rstrip(".").lower()
        if not host:
            raise InvalidInput("base_url", "a URL without a host", "https://host[:port]")
        if url.scheme != "https" and host not in _THIS_MACHINE:
            raise InvalidInput(
                "base_url", "another scheme than https", "https: answers have no signature of their own"
            )
        if _is_production(host) and not self.allow_production:
            allowed = "a test host, or set allow_production where money is real"
            raise InvalidInput("base_url", "ChinaUMS's production host", allowed)


def _is_production(host: str) -> bool:
    """Production is api-mop.chinaums.com; so is, to be safe, every host of theirs that is not named a test."""
    return f".{host}".endswith(".chinaums.com") and not host.startswith("test-")
