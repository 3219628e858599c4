"""What a merchant of ChinaUMS has to know to speak to the open platform."""

from dataclasses import dataclass, field

from zhangfang.channels.app_purchase import AppConfig
from zhangfang.channels.checks import check_shapes, host_of, is_loopback, refuse_production
from zhangfang.kernel.errors import InvalidInput

_SHAPES = {
    "mid": (r"[0-9A-Za-z]{15}", "15 letters or digits"),
    "tid": (r"[0-9A-Za-z]{8}", "8 letters or digits"),
    "source": (r"[0-9A-Za-z]{4}", "4 letters or digits"),
    "app_id": (r"[!#-~]{1,64}", "1 to 64 visible characters without quotes"),
    "instalment_fee_by": (r"payer|merchant", "payer or merchant"),
}


@dataclass(frozen=True, kw_only=True)
class ChinaUmsConfig(AppConfig):
    """One merchant's access. `app_key` signs our requests; `notify_key` is another secret, for notifications.

    `source` is the number that every merOrderId begins with (msgSrcId). `instalment_fee_by` is who pays the charge of
    instalments by the merchant's contract: no field of the protocol says it [G].
    """

    mid: str
    tid: str
    source: str
    app_id: str
    app_key: str = field(repr=False)
    notify_key: str = field(repr=False)
    instalment_fee_by: str = "payer"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and the real platform unless it is allowed."""
        check_shapes(self, _SHAPES)
        if not self.app_key or not self.notify_key or self.app_key == self.notify_key:
            raise InvalidInput("notify_key", "no secret of its own", "two secrets: app_key and notify_key")
        host = host_of("base_url", self.base_url)
        if not self.base_url.lower().startswith("https:") and not is_loopback(host):
            raise InvalidInput(
                "base_url", "another scheme than https", "https: answers have no signature of their own"
            )
        # Production is api-mop.chinaums.com. To be safe, so is every host of theirs that is not named a test.
        if f".{host}".endswith(".chinaums.com") and not (host.startswith("test-") or self.allow_production):
            refuse_production("base_url", "ChinaUMS's")
