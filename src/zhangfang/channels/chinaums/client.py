"""The connector: orders in, answers out, and never an exception for what a network or the platform can do."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from zhangfang.channels.app_purchase import AppChannel, Wire
from zhangfang.channels.chinaums import answers, dayfile, requests
from zhangfang.channels.chinaums.config import ChinaUmsConfig
from zhangfang.channels.chinaums.signature import authorization, verified_form
from zhangfang.channels.port import Notification, Operation, Reply, Rules
from zhangfang.kernel.clock import Clock

# No schedule of queries is public [G]: UnionPay's early ones, then every five minutes.
_WAITS = (*(timedelta(seconds=2**n) for n in range(6)), timedelta(minutes=5))
_WIRE = Wire(
    title="ChinaUMS",
    settled_as="银联商务清算",
    codes=answers.CODES,
    max_file_bytes=dayfile.MAX_ANSWER_BYTES,
    purchase=requests.precreate,
    reversal=requests.refund,
    query=requests.query,
    close=requests.close,
    file=requests.file,
    refused=answers.refused,
    of_reversal=answers.of_refund,
    of_query=answers.of_query,
    app_payload=answers.app_payload,
    day_file=dayfile.parse,
    shown=answers.shown,
)


class ChinaUms(AppChannel[ChinaUmsConfig]):
    """Alipay by APP, with Huabei instalments, for one merchant: purchase and refund. There is no void.

    The platform takes an order number once and gives its payload once. If that answer was lost, nobody has the payload:
    `present` raises `NotPresented`, and the order is closed when its time is over.
    """

    name = "chinaums"
    # A refund's number is its idempotency key: sent again, it gives back once.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.PURCHASE: Rules(_WAITS, None),
        Operation.REFUND: Rules(_WAITS, 3),
    })  # fmt: skip

    def __init__(self, config: ChinaUmsConfig, clock: Clock) -> None:
        """Open nothing yet."""
        super().__init__(config, clock, _WIRE, config.mid)

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return what a POST to our notifyUrl says."""
        return answers.of_notification(verified_form(body, self._config.notify_key), self._config)

    def reply(self, *, taken: bool) -> Reply:
        """Return the one word that ends the notification, or the one that asks for it again."""
        return Reply("SUCCESS" if taken else "FAILED")

    def _signed(self, body: bytes) -> Mapping[str, str]:
        """Return OPEN-BODY-SIG. Answers have no signature: TLS alone proves who sent them."""
        return {"Authorization": authorization(self._config, body, self._clock.now())}
