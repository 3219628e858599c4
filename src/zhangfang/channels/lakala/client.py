"""The connector: orders in, answers out, and never an exception for what a network or the platform can do."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from zhangfang.channels.app_purchase import AppChannel, Wire
from zhangfang.channels.lakala import answers, dayfile, requests
from zhangfang.channels.lakala.config import LakalaConfig
from zhangfang.channels.lakala.signature import Signer
from zhangfang.channels.port import Notification, Operation, Reply, Rules
from zhangfang.channels.strict_json import parse_object
from zhangfang.channels.transport import Received
from zhangfang.kernel.clock import Clock

# After about two hours the platform asks the wallet's side only when it is asked itself, so the steady queries stay:
# every ten minutes [V: every 10 to 30 minutes up to a day].
_WAITS = (*(timedelta(seconds=2**n) for n in range(6)), timedelta(minutes=2), timedelta(minutes=10))
_WIRE = Wire(
    title="Lakala",
    settled_as="拉卡拉清算",
    codes=answers.CODES,
    max_file_bytes=dayfile.MAX_ANSWER_BYTES,
    purchase=requests.preorder,
    reversal=requests.reversal,
    query=requests.query,
    close=requests.close,
    file=requests.file,
    refused=answers.refused,
    of_reversal=answers.of_request,
    of_query=answers.of_query,
    app_payload=answers.app_payload,
    day_file=lambda fields, config, day: dayfile.parse(answers.data_of(fields, config), config, day),
    shown=answers.shown,
)


class Lakala(AppChannel[LakalaConfig]):
    """Alipay by APP, with Huabei instalments, for one merchant: purchase, refund, and void on the same day.

    `present`, repeated: the same out_trade_no sent again is the same order, not a second one. The platform then gives
    its fields again, or refuses [C].
    """

    name = "lakala"
    # out_trade_no is unique for ever; a refund or void that comes again with its own number is the same one.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.PURCHASE: Rules(_WAITS, None),
        Operation.REFUND: Rules(_WAITS, 3),
        Operation.VOID: Rules(_WAITS, 3),
    })  # fmt: skip

    def __init__(self, config: LakalaConfig, clock: Clock) -> None:
        """Read keys and certificates."""
        super().__init__(config, clock, _WIRE, config.merchant_no)
        self._signer = Signer(config)

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return what a POST to our notify_url says."""
        self._signer.verify_notification(headers, body)
        return answers.of_notification(parse_object(body), self._config)

    def reply(self, *, taken: bool) -> Reply:
        """Return the JSON that ends the notification, or that asks for it again."""
        said = ("SUCCESS", "taken") if taken else ("FAIL", "not taken")
        return Reply(f'{{"code":"{said[0]}","message":"{said[1]}"}}', "application/json")

    def _signed(self, body: bytes) -> Mapping[str, str]:
        """Return LKLAPI-SHA256withRSA."""
        return {"Authorization": self._signer.authorization(body, self._clock.now())}

    def _verify(self, received: Received) -> None:
        """Raise `ForgedMessage` for an answer that Lakala did not sign for us."""
        self._signer.verify_answer(received.headers, received.body)
