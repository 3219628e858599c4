"""The connector: payouts, their queries, and the account's statement, over one HTTP address."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from zhangfang.channels.genericbank import messages, replies
from zhangfang.channels.genericbank.config import GenericBankConfig
from zhangfang.channels.genericbank.messages import Json
from zhangfang.channels.genericbank.signature import Signer
from zhangfang.channels.port import (
    Answer,
    ChannelError,
    Operation,
    Order,
    Rules,
    StatementPage,
    Verdict,
    writing,
)
from zhangfang.channels.transport import Https, NotConnectedError
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_MAX_ANSWER_BYTES = 1024 * 1024
# All conventions: the first query after half a minute; the identical message may be sent again once a query finds
# nothing, because the bank takes a serial only once.
_RULES = Rules(
    query_after=tuple(timedelta(seconds=wait) for wait in (30, 60, 120, 300, 600)),
    resend_after_not_found=1,
)


class GenericBank:
    """A bank by the generic protocol; implements `BankChannel` for PAYOUT.

    `send` and `query` raise nothing for what a network or the bank can do, `statement` raises `ChannelError`.
    """

    name = "genericbank"
    rules: Mapping[Operation, Rules] = MappingProxyType({Operation.PAYOUT: _RULES})

    def __init__(self, config: GenericBankConfig, clock: Clock) -> None:
        """Read the keys; nothing is sent yet."""
        self._config = config
        self._clock = clock
        self._signer = Signer(config.sign_key_pem, config.bank_key_pem)
        self._http = Https(reuse=False)  # a connection that dies as we write would leave a payment in doubt

    @property
    def account(self) -> str:
        """Return the number of the account that pays."""
        return self._config.account

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def send(self, order: Order) -> Answer:
        """Ask for a payout (PAY001). NOT_SENT if no connection was made; all that is unclear is UNKNOWN."""
        with writing():
            body = messages.payment(order, self._config)
        return await self._answered(order, "PAY001", body, replies.payment_answer, Verdict.NOT_SENT)

    async def query(self, order: Order) -> Answer:
        """Ask what became of a payout (QRY001). A query that could not be sent is UNKNOWN: it says nothing."""
        body = {"serial": messages.serial(order)}
        return await self._answered(order, "QRY001", body, replies.query_answer, Verdict.UNKNOWN)

    async def statement(self, account: str, cursor: str) -> StatementPage:
        """Return up to 200 lines after `cursor` (STM001), which is the number of the last line that was read."""
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidInput("cursor", f"text of {len(cursor)} characters", "the cursor of an earlier page")
        message = await self._exchange("STM001", {"account": account, "after": int(cursor or 0)})
        return replies.statement_page(message, account, cursor)

    async def _answered(
        self, order: Order, tx_code: str, body: Json, read: Callable[[Json, Order], Answer], unsent: Verdict
    ) -> Answer:
        """Turn whatever happens into an answer about the order; `unsent` is the verdict when nothing left."""
        try:
            message = await self._exchange(tx_code, body)
            return read(message, order)
        except NotConnectedError as error:
            return Answer(unsent, message=str(error))
        except ChannelError as error:
            return Answer(Verdict.UNKNOWN, message=str(error))

    async def _exchange(self, tx_code: str, body: Mapping[str, object]) -> Json:
        """Do one exchange and return the bank's verified answer."""
        asked = messages.request(tx_code, self._config.client_id, body, self._clock.now())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Client": self._config.client_id,
            "X-Signature": self._signer.sign(asked),
        }
        raw, signature = await self._post(asked, headers)
        self._signer.verify(raw, signature)
        return messages.answer(raw, asked)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str]:
        """Return the body of the answer and its signature, `""` if it has none."""
        config = self._config
        received = await self._http.exchange(
            config.url, body, headers, config.timeout_seconds, _MAX_ANSWER_BYTES, any_status=True
        )
        return received.body, received.headers.get("X-Signature", "")
