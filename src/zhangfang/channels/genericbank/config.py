"""Who we are at a bank that is reached by the generic connector."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from zhangfang.kernel.errors import InvalidInput

_PATH = "/direct/v1"
_SHAPES = [
    ("client_id", r"[0-9A-Za-z]{1,32}", "1 to 32 letters and digits"),
    ("base_url", r"https?://[^/?#\s@]+/?", "http(s)://host:port without a path"),
    ("account", r"[0-9A-Za-z]{1,35}", "1 to 35 letters and digits"),
]


@dataclass(frozen=True, slots=True)
class GenericBankConfig:
    """One client of the bank: `account` pays the payouts, the keys are PEM (RSA, 2048 bits or more).

    No bank speaks this protocol as it stands, so any host but this machine's own counts as production and is refused
    unless `allow_production`.
    """

    client_id: str
    base_url: str
    account: str = field(repr=False)
    sign_key_pem: str = field(repr=False)
    bank_key_pem: str
    timeout_seconds: float = 5.0
    allow_production: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not work, naming the field."""
        for name, pattern, allowed in _SHAPES:
            value = getattr(self, name)
            if not re.fullmatch(pattern, value, re.ASCII):
                raise InvalidInput(f"genericbank.{name}", f"text of {len(value)} characters", allowed)
        if self.timeout_seconds <= 0:
            raise InvalidInput("genericbank.timeout_seconds", "zero or less", "more than zero seconds")
        if not (self.allow_production or _is_loopback(_host(self.base_url))):
            raise InvalidInput(
                "genericbank.base_url",
                "a host of another machine",
                "loopback, unless allow_production is true",
            )

    @property
    def url(self) -> str:
        """Return the one address that every request goes to."""
        return self.base_url.rstrip("/") + _PATH


def _host(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        if parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError:
        pass
    raise InvalidInput(
        "genericbank.base_url", "an address without a usable host and port", "http(s)://host:port"
    )


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine by its number; `localhost` is taken at its word."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
