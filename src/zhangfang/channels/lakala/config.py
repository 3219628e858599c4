"""What a merchant of Lakala has to know to speak to the open platform."""

import ipaddress
from dataclasses import dataclass, field

from zhangfang.channels.app_purchase import AppConfig
from zhangfang.channels.checks import check_shapes, host_of, refuse_production
from zhangfang.kernel.errors import InvalidInput

_SHAPES = {
    "merchant_no": (r"[0-9A-Za-z]{15}", "15 letters or digits"),
    "term_no": (r"[0-9A-Za-z]{8}", "8 letters or digits"),
    "appid": (r"[!#-~]{1,64}", "1 to 64 visible characters without quotes"),
}


@dataclass(frozen=True, kw_only=True)
class LakalaConfig(AppConfig):
    """One merchant's access; keys and certificates are PEM text.

    `sign_cert_pem` is our certificate, whose serial number names us. `platform_cert_pem` is Lakala's, the only one that
    is trusted. `request_ip` is the address that every request must give as its place (location_info).
    """

    merchant_no: str
    term_no: str
    appid: str
    sign_key_pem: str = field(repr=False)
    sign_cert_pem: str = field(repr=False)
    platform_cert_pem: str = field(repr=False)
    request_ip: str = "127.0.0.1"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and the real platform unless it is allowed."""
        check_shapes(self, _SHAPES)
        try:
            ipaddress.ip_address(self.request_ip)
        except ValueError:
            raise InvalidInput("request_ip", f"{len(self.request_ip)} characters", "an IP address") from None
        # Production is s2.lakala.com; the test host is under another domain.
        if f".{host_of('base_url', self.base_url)}".endswith(".lakala.com") and not self.allow_production:
            refuse_production("base_url", "Lakala's")
