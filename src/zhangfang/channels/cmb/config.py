"""Who we are at the bank: user, account and keys."""

from dataclasses import dataclass, field

from gmssl_pyx import InvalidValueError, normalize_sm2_public_key, sm2_key_generate

from zhangfang.channels.checks import check_shapes, host_of, refuse_production
from zhangfang.channels.cmb.envelope import Keys
from zhangfang.channels.cmb.sm2 import ORDER
from zhangfang.channels.cmb.sm2 import public_key_of as point_of
from zhangfang.kernel.errors import InvalidInput

_PRODUCTION = "cmbchina.com"
_PATH = "/cdcserver/api/v2"


@dataclass(frozen=True, slots=True)
class CmbConfig:
    """One user of the bank's direct connect.

    `uid` is the bank's user id (at most 16 letters and digits); `base_url` is scheme, host and port (the path
    `/cdcserver/api/v2` is the protocol's own); `account` pays the payouts; `private_key` is 64 characters of hex,
    `bank_public_key` 128 (x then y), `sm4_key` 32; `bus_mod` is the user's business mode at the bank.
    `query_gap_seconds` is the wait between two enquiries, `statement_gap_seconds` between two statements of one
    account; 0 is for tests, where the bank's throttle is off. `corp_nbr` and `notify_key` (32 of hex) open the bank's
    notices. `intraday` reads today's lines of the statement too, which are provisional. With `payroll_mode` (and our
    `account_name`), batches to persons at this bank go as payroll; without it none does. The production host is refused
    unless `allow_production`.
    """

    uid: str
    base_url: str
    account: str = field(repr=False)
    private_key: str = field(repr=False)
    bank_public_key: str
    sm4_key: str = field(repr=False)
    bus_mod: str = "00001"
    timeout_seconds: float = 5.0
    query_gap_seconds: float = 2.0
    statement_gap_seconds: float = 10.0
    corp_nbr: str = ""
    notify_key: str = field(default="", repr=False)
    intraday: bool = True
    payroll_mode: str = ""
    account_name: str = ""
    allow_production: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not work, naming the field."""
        check_shapes(self, _SHAPES, "cmb.")
        if not 1 <= int(self.private_key, 16) < ORDER - 1:
            raise InvalidInput(
                "cmb.private_key", "a number out of range", "1 to the order of the SM2 curve less 2"
            )
        if self.timeout_seconds <= 0:
            raise InvalidInput("cmb.timeout_seconds", "zero or less", "more than zero seconds")
        for name in ("query_gap_seconds", "statement_gap_seconds"):
            if getattr(self, name) < 0:
                raise InvalidInput(f"cmb.{name}", "less than zero", "zero seconds or more")
        _point(self.bank_public_key)
        host = host_of("cmb.base_url", self.base_url)
        if f".{host}".endswith(f".{_PRODUCTION}") and not self.allow_production:
            refuse_production("cmb.base_url", "the bank's")

    @property
    def url(self) -> str:
        """Return the one address that every request goes to."""
        return self.base_url.rstrip("/") + _PATH

    def keys(self) -> Keys:
        """Return the keys as bytes, our public key derived from the private one."""
        private = bytes.fromhex(self.private_key)
        return Keys(
            uid=self.uid,
            private=private,
            public=point_of(private),
            bank=_point(self.bank_public_key),
            sm4=bytes.fromhex(self.sm4_key),
        )


_SHAPES = {
    "uid": (r"[0-9A-Za-z]{1,16}", "1 to 16 letters and digits"),
    "base_url": (r"https?://[^/?#\s@]+/?", "http(s)://host:port without a path"),
    "account": (r"[0-9A-Za-z]{1,35}", "1 to 35 letters and digits"),
    "private_key": (r"[0-9a-fA-F]{64}", "64 characters of hex"),
    "bank_public_key": (r"[0-9a-fA-F]{128}", "128 characters of hex: x, then y"),
    "sm4_key": (r"[0-9a-fA-F]{32}", "32 characters of hex"),
    "bus_mod": (r"[0-9A-Za-z]{5}", "5 letters and digits"),
    "corp_nbr": (r"[0-9A-Za-z]{0,16}", "at most 16 letters and digits"),
    "notify_key": (r"([0-9a-fA-F]{32})?", "32 characters of hex, or none"),
    "payroll_mode": (r"([0-9A-Za-z]{5})?", "5 letters and digits, or none"),
}


def make_enterprise_key() -> tuple[str, str]:
    """Return a new SM2 key: private (64 characters of hex) and public (128: x, then y) for the bank to register."""
    public, private = sm2_key_generate()
    return private.hex(), public.hex()


def public_key_of(private_key: str) -> str:
    """Return the public key (128 characters of hex) of a private one (64)."""
    return point_of(bytes.fromhex(private_key)).hex()


def _point(public_hex: str) -> bytes:
    try:
        return bytes(normalize_sm2_public_key(bytes.fromhex(public_hex)))
    except InvalidValueError:
        raise InvalidInput(
            "cmb.bank_public_key", "128 characters of hex", "a point of the SM2 curve"
        ) from None
