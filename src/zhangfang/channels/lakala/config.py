"""What a merchant of Lakala has to know to speak to the open platform."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from zhangfang.kernel.errors import InvalidInput

_SHAPES = {
    "merchant_no": (re.compile(r"[0-9A-Za-z]{15}"), "15 letters or digits"),
    "term_no": (re.compile(r"[0-9A-Za-z]{8}"), "8 letters or digits"),
    "appid": (re.compile(r"[!#-~]{1,64}"), "1 to 64 visible characters without quotes"),
}


@dataclass(frozen=True, slots=True)
class LakalaConfig:
    """One merchant's access; keys and certificates are PEM text.

    `sign_cert_pem` is our certificate, whose serial number names us, `platform_cert_pem` Lakala's, the only one that is
    believed. `request_ip` is the address that every request must state as its place (location_info).
    """

    merchant_no: str
    term_no: str
    appid: str
    sign_key_pem: str = field(repr=False)
    sign_cert_pem: str = field(repr=False)
    platform_cert_pem: str = field(repr=False)
    base_url: str
    notify_url: str
    request_ip: str = "127.0.0.1"
    timeout_seconds: float = 5.0
    allow_production: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and the real platform unless it is allowed."""
        for name, (shape, allowed) in _SHAPES.items():
            value = getattr(self, name)
            if not shape.fullmatch(value):
                raise InvalidInput(name, f"{len(value)} characters", allowed)
        try:
            ipaddress.ip_address(self.request_ip)
        except ValueError:
            raise InvalidInput("request_ip", f"{len(self.request_ip)} characters", "an IP address") from None
        host = (urlsplit(self.base_url).hostname or "").rstrip(".").lower()
        if not host:
            raise InvalidInput("base_url", "a URL without a host", "http(s)://host[:port]")
        # Production is s2.lakala.com; the test host has another name altogether.
        if f".{host}".endswith(".lakala.com") and not self.allow_production:
            allowed = "a test host, or set allow_production where money is real"
            raise InvalidInput("base_url", "Lakala's production host", allowed)
