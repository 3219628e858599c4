"""The connector: orders in, answers out, and never an exception for what a network or the platform can do."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from zhangfang.channels.app_purchase import (
    Payloads,
    check_file,
    judged,
    payload_of,
    query_and_close,
    settlement_date,
    time_is_over,
)
from zhangfang.channels.lakala import answers, dayfile, requests
from zhangfang.channels.lakala.config import LakalaConfig
from zhangfang.channels.lakala.signature import Signer
from zhangfang.channels.port import (
    Answer,
    AppOrder,
    ChannelFile,
    FileNotReady,
    ForgedMessage,
    MalformedMessage,
    Notification,
    NotPresented,
    Operation,
    Order,
    Reply,
    Rules,
    Verdict,
)
from zhangfang.channels.strict_json import parse_object
from zhangfang.channels.transport import MAX_ANSWER_BYTES, NoAnswerError, NotConnectedError, Transport
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_FILE_TIMEOUT_SECONDS = 60.0
# After about two hours the platform asks the wallet's side only when it is asked itself, so the steady queries stay:
# every ten minutes [V: every 10 to 30 minutes up to a day].
_WAITS = (*(timedelta(seconds=2**n) for n in range(6)), timedelta(minutes=2), timedelta(minutes=10))


class Lakala:
    """Alipay by APP, with Huabei instalments, for one merchant: purchase, refund, and void on the same day."""

    name = "lakala"
    # out_trade_no is unique for ever; a refund or void that comes again with its own is the same one. A purchase is
    # presented, never sent.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.PURCHASE: Rules(_WAITS, None),
        Operation.REFUND: Rules(_WAITS, 3),
        Operation.VOID: Rules(_WAITS, 3),
    })  # fmt: skip

    def __init__(self, config: LakalaConfig, clock: Clock) -> None:
        """Read keys and certificates."""
        self._config, self._clock = config, clock
        self._signer = Signer(config)
        self._transport = Transport()
        self._payloads = Payloads()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def present(self, order: Order, return_url: str) -> AppOrder:
        """Make the pre-order and return what the payer's app hands to Alipay. Raises `NotPresented`.

        The same out_trade_no sent again is the same order, not a second one: the platform then gives its fields again, or
        refuses [C]. An app has no use for `return_url`.
        """
        if order.operation is not Operation.PURCHASE:
            raise InvalidInput("operation", order.operation, "purchase: nothing else is presented")
        if time_is_over(order, self._clock.now()):
            raise NotPresented("the time to pay this order is over")
        payload = self._payloads.get(order.order_no)
        if payload is None:
            payload = await self._preorder(order)
            self._payloads.keep(order.order_no, payload)
        return AppOrder(payload)

    async def send(self, order: Order) -> Answer:
        """Send a refund or void once. Its success is only believed of a query."""
        path = requests.REVERSALS.get(order.operation)
        if path is None:
            raise InvalidInput("operation", order.operation, "refund, void; a purchase is presented")
        try:
            return await self._judged(path, requests.reversal(order, self._config), order, answers.of_request)
        except NotConnectedError as error:
            return Answer(Verdict.NOT_SENT, message=str(error))

    async def query(self, order: Order) -> Answer:
        """Ask what became of an order; a purchase whose time is over is closed first, as far as it still waits."""
        return await query_and_close(order, self._clock.now(), self._query, self._close)

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return what a POST to our notify_url says."""
        self._signer.verify_notification(headers, body)
        return answers.of_notification(parse_object(body), self._config)

    def reply(self, *, taken: bool) -> Reply:
        """Return the JSON that ends the notification, or that asks for it again."""
        said = ("SUCCESS", "taken") if taken else ("FAIL", "not taken")
        return Reply(f'{{"code":"{said[0]}","message":"{said[1]}"}}', "application/json")

    async def file(self, settle_date: date) -> ChannelFile:
        """Return a settlement date's file [G]. `FileNotReady` for whatever asking again later can mend."""
        body = requests.file(settle_date, self._config, self._clock.now())
        try:
            received = await self._ask(requests.FILE, body, _FILE_TIMEOUT_SECONDS, dayfile.MAX_ANSWER_BYTES)
        except (NotConnectedError, NoAnswerError) as error:
            raise FileNotReady(f"file of {settle_date}: {error}") from None
        except ForgedMessage as error:
            raise MalformedMessage(f"file of {settle_date}: {error}") from None
        check_file(answers.refused(received), answers.CODES, settle_date)
        data = answers.data_of(received, self._config)
        # In a thread: a large file takes seconds to read, and payments go on meanwhile.
        return await asyncio.to_thread(dayfile.parse, data, self._config, settle_date)

    def settlement_of(self, text: str) -> date | None:
        """Return the settlement date that a bank statement's text `拉卡拉清算 <YYYYMMDD> <merchant_no>` pays for us [G]."""
        return settlement_date(text, "拉卡拉清算", self._config.merchant_no)

    async def _preorder(self, order: Order) -> dict[str, str]:
        body = requests.preorder(order, self._config)
        asking = self._ask(requests.PREORDER, body)
        return await payload_of(
            "Lakala", asking, answers.refused, lambda said: answers.app_payload(said, order, self._config)
        )

    async def _query(self, order: Order) -> Answer:
        body = requests.query(order, self._config, self._clock.now())
        try:
            return await self._judged(requests.QUERY, body, order, answers.of_query)
        except NotConnectedError as error:
            return Answer(Verdict.UNKNOWN, message=str(error))

    async def _close(self, order: Order) -> None:
        await self._ask(requests.CLOSE, requests.close(order, self._config, self._clock.now()))

    async def _judged(
        self,
        path: str,
        body: bytes,
        order: Order,
        read: Callable[[Mapping[str, Any], Order, LakalaConfig], Answer],
    ) -> Answer:
        """Return the answer's verdict, UNKNOWN for whatever cannot be believed; `NotConnectedError` goes through."""
        asking = self._ask(path, body)
        return await judged(asking, lambda said: read(said, order, self._config), answers.shown)

    async def _ask(
        self, path: str, body: bytes, timeout_seconds: float = 0.0, max_bytes: int = MAX_ANSWER_BYTES
    ) -> dict[str, Any]:
        """Return the JSON of a verified answer, or raise a `ChannelError`."""
        signed = {"Authorization": self._signer.authorization(body, self._clock.now())}
        timeout = timeout_seconds or self._config.timeout_seconds
        received = await self._transport.post(self._config.base_url + path, body, signed, timeout, max_bytes)
        self._signer.verify_answer(received.headers, received.body)
        return parse_object(received.body, max_bytes)
