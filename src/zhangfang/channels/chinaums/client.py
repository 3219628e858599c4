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
from zhangfang.channels.chinaums import answers, dayfile, requests
from zhangfang.channels.chinaums.config import ChinaUmsConfig
from zhangfang.channels.chinaums.signature import authorization, verified_form
from zhangfang.channels.port import (
    Answer,
    AppOrder,
    ChannelFile,
    FileNotReady,
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
# No schedule of queries is public [G]: UnionPay's early ones, then every five minutes.
_WAITS = (*(timedelta(seconds=2**n) for n in range(6)), timedelta(minutes=5))


class ChinaUms:
    """Alipay by APP, with Huabei instalments, for one merchant: purchase and refund. There is no void."""

    name = "chinaums"
    # A refund's number is its idempotency key: sent again, it gives back once. A purchase is presented, never sent.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.PURCHASE: Rules(_WAITS, None),
        Operation.REFUND: Rules(_WAITS, 3),
    })  # fmt: skip

    def __init__(self, config: ChinaUmsConfig, clock: Clock) -> None:
        """Open nothing yet."""
        self._config, self._clock = config, clock
        self._transport = Transport()
        self._payloads = Payloads()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def present(self, order: Order, return_url: str) -> AppOrder:
        """Make the order at the platform and return what the payer's app hands to Alipay. Raises `NotPresented`.

        The platform takes a number once and gives its payload once. Asked again, this process gives the payload it
        has; if the answer was lost, nobody has it: `NotPresented`, and the order is closed when its time is over.
        """
        if order.operation is not Operation.PURCHASE:
            raise InvalidInput("operation", order.operation, "purchase: nothing else is presented")
        if time_is_over(order, self._clock.now()):
            raise NotPresented("the time to pay this order is over")
        payload = self._payloads.get(order.order_no)
        if payload is None:
            payload = await self._precreate(order)
            self._payloads.keep(order.order_no, payload)
        return AppOrder(payload)

    async def send(self, order: Order) -> Answer:
        """Send a refund once. SUCCESS is only believed of a query."""
        if order.operation is not Operation.REFUND:
            raise InvalidInput("operation", order.operation, "refund; a purchase is presented")
        body = requests.refund(order, self._config)
        try:
            return await self._judged(requests.REFUND, body, order, answers.of_refund)
        except NotConnectedError as error:
            return Answer(Verdict.NOT_SENT, message=str(error))

    async def query(self, order: Order) -> Answer:
        """Ask what became of an order; a purchase whose time is over is closed first, as far as it still waits."""
        return await query_and_close(order, self._clock.now(), self._query, self._close)

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return what a POST to our notifyUrl says."""
        return answers.of_notification(verified_form(body, self._config.notify_key), self._config)

    def reply(self, *, taken: bool) -> Reply:
        """Return the one word that ends the notification, or the one that asks for it again."""
        return Reply("SUCCESS" if taken else "FAILED")

    async def file(self, settle_date: date) -> ChannelFile:
        """Return a settlement date's file [G]. `FileNotReady` for whatever asking again later can mend."""
        body = requests.file(settle_date, self._config)
        try:
            received = await self._ask(requests.FILE, body, _FILE_TIMEOUT_SECONDS, dayfile.MAX_ANSWER_BYTES)
        except (NotConnectedError, NoAnswerError) as error:
            raise FileNotReady(f"file of {settle_date}: {error}") from None
        check_file(answers.refused(received), answers.CODES, settle_date)
        # In a thread: a large file takes seconds to read, and payments go on meanwhile.
        return await asyncio.to_thread(dayfile.parse, received, self._config, settle_date)

    def settlement_of(self, text: str) -> date | None:
        """Return the settlement date that a bank statement's text `银联商务清算 <YYYYMMDD> <mid>` pays for us [G]."""
        return settlement_date(text, "银联商务清算", self._config.mid)

    async def _close(self, order: Order) -> None:
        await self._ask(requests.CLOSE, requests.named(order, self._config))

    async def _precreate(self, order: Order) -> dict[str, str]:
        body = requests.precreate(order, self._config)
        asking = self._ask(requests.PRECREATE, body)
        return await payload_of(
            "ChinaUMS", asking, answers.refused, lambda said: answers.app_payload(said, order, self._config)
        )

    async def _query(self, order: Order) -> Answer:
        path = requests.REFUND_QUERY if order.operation is Operation.REFUND else requests.QUERY
        try:
            return await self._judged(path, requests.named(order, self._config), order, answers.of_query)
        except NotConnectedError as error:
            return Answer(Verdict.UNKNOWN, message=str(error))

    async def _judged(
        self,
        path: str,
        body: bytes,
        order: Order,
        read: Callable[[Mapping[str, Any], Order, ChinaUmsConfig], Answer],
    ) -> Answer:
        """Return the answer's verdict, UNKNOWN for whatever cannot be believed; `NotConnectedError` goes through."""
        asking = self._ask(path, body)
        return await judged(asking, lambda said: read(said, order, self._config), answers.shown)

    async def _ask(
        self, path: str, body: bytes, timeout_seconds: float = 0.0, max_bytes: int = MAX_ANSWER_BYTES
    ) -> dict[str, Any]:
        """Return the JSON of an answer, or raise a `ChannelError`."""
        signed = {"Authorization": authorization(self._config, body, self._clock.now())}
        timeout = timeout_seconds or self._config.timeout_seconds
        received = await self._transport.post(self._config.base_url + path, body, signed, timeout, max_bytes)
        return parse_object(received.body, max_bytes)
