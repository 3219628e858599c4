"""Who we are at a bank that is reached by the generic connector."""

from dataclasses import dataclass, field

from zhangfang.channels.checks import check_shapes, host_of, is_loopback
from zhangfang.kernel.errors import InvalidInput

_PATH = "/direct/v1"
_SHAPES = {
    "client_id": (r"[0-9A-Za-z]{1,32}", "1 to 32 letters and digits"),
    "base_url": (r"https?://[^/?#\s@]+/?", "http(s)://host:port without a path"),
    "account": (r"[0-9A-Za-z]{1,35}", "1 to 35 letters and digits"),
}


@dataclass(frozen=True, slots=True)
class GenericBankConfig:
    """One client of the bank: `account` pays the payouts, the keys are PEM (RSA, 2048 bits or more).

    No real bank uses exactly this protocol, so any host but this machine counts as production and is refused unless
    `allow_production`.
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
        check_shapes(self, _SHAPES, "genericbank.")
        if self.timeout_seconds <= 0:
            raise InvalidInput("genericbank.timeout_seconds", "zero or less", "more than zero seconds")
        if not (self.allow_production or is_loopback(host_of("genericbank.base_url", self.base_url))):
            raise InvalidInput(
                "genericbank.base_url",
                "a host of another machine",
                "loopback, unless allow_production is true",
            )

    @property
    def url(self) -> str:
        """Return the one address that every request goes to."""
        return self.base_url.rstrip("/") + _PATH
