"""The shared part of connectors whose purchases are paid in a wallet's app: all but the messages themselves."""

import asyncio
import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

from zhangfang.channels.columns import Row
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import (
    Answer,
    AppOrder,
    ChannelError,
    ChannelFile,
    FileNotReady,
    ForgedMessage,
    MalformedMessage,
    NotPresented,
    Operation,
    Order,
    Rules,
    Verdict,
    writing,
)
from zhangfang.channels.settlements import settlement_date
from zhangfang.channels.strict_json import parse_object, text
from zhangfang.channels.transport import (
    MAX_ANSWER_BYTES,
    NoAnswerError,
    NotConnectedError,
    Received,
    Transport,
)
from zhangfang.channels.verdicts import Codes
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

Fields = Mapping[str, Any]  # the JSON of a message
Asked = tuple[str, bytes]  # a request: path and body

PAY_TIME = timedelta(minutes=15)
INSTALMENTS = (3, 6, 12)  # Alipay's own rule for Huabei; Lakala's hb_fq_num [V2]
_ORDER_NO = re.compile(r"[0-9A-Za-z]{8,32}")
_MOST_PAYLOADS = 10_000
_FILE_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """What the configuration of each of these channels has. `notify_url` is where the platform sends notifications."""

    base_url: str
    notify_url: str
    timeout_seconds: float = 5.0
    allow_production: bool = False


C = TypeVar("C", bound=AppConfig)


@dataclass(frozen=True, slots=True)
class Wire(Generic[C]):
    """One channel's own messages: how each request is written, and how each answer is read.

    `title` is the channel's name in errors; `settled_as` is the first word of the bank line that pays a day.
    `refused` returns why a request was refused, as a code of the table, and `""` where it was not.
    """

    title: str
    settled_as: str
    codes: Codes
    max_file_bytes: int  # of the whole answer that carries the day file
    purchase: Callable[[Order, C], Asked]
    reversal: Callable[[Order, C], Asked]
    query: Callable[[Order, C, datetime], Asked]
    close: Callable[[Order, C, datetime], Asked]
    file: Callable[[date, C, datetime], Asked]
    refused: Callable[[Fields], str]
    of_reversal: Callable[[Fields, Order, C], Answer]
    of_query: Callable[[Fields, Order, C], Answer]
    app_payload: Callable[[Fields, Order, C], dict[str, str]]
    day_file: Callable[[Fields, C, date], ChannelFile]
    shown: Callable[[Fields], str]


class Payloads:
    """What channels gave for the payer's app, by order number: at most 10,000, in the memory of this process only."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._held: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    def get(self, order_no: str) -> dict[str, str] | None:
        """Return the payload of an order, None if this process has none."""
        held = self._held.get(order_no)
        return dict(held) if held is not None else None

    def keep(self, order_no: str, payload: Mapping[str, str]) -> None:
        """Keep a payload. When there are too many, the oldest is dropped."""
        self._held[order_no] = payload
        if len(self._held) > _MOST_PAYLOADS:
            self._held.popitem(last=False)


class AppChannel(Generic[C]):
    """A connector whose purchases are paid in an app. A purchase is presented and never sent; the rest is sent.

    A subclass names itself and its rules, gives its `Wire`, signs requests and verifies answers.
    """

    name: str
    rules: Mapping[Operation, Rules]

    def __init__(self, config: C, clock: Clock, wire: Wire[C], merchant: str) -> None:
        """Open nothing yet. `merchant` is our number at the channel."""
        self._config, self._clock, self._wire, self._merchant = config, clock, wire, merchant
        self._transport = Transport()
        self._payloads = Payloads()

    def _signed(self, body: bytes) -> Mapping[str, str]:
        """Return the headers that sign a request."""
        raise NotImplementedError

    def _verify(self, received: Received) -> None:
        """Raise `ForgedMessage` for an answer that is not the channel's. Not every channel signs its answers."""

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def present(self, order: Order, return_url: str) -> AppOrder:
        """Make the order at the channel and return what the payer's app hands to the wallet. Raises `NotPresented`.

        Asked again, this process gives the payload that it has. Whether the channel itself gives the payload of one
        order twice differs: see the subclass. An app has no use for `return_url`.
        """
        if order.operation is not Operation.PURCHASE:
            raise InvalidInput("operation", order.operation, "purchase: nothing else is presented")
        if self._time_is_over(order):
            raise NotPresented("the time to pay this order is over")
        payload = self._payloads.get(order.order_no)
        if payload is None:
            payload = await self._payload_of(order)
            self._payloads.keep(order.order_no, payload)
        return AppOrder(payload)

    async def send(self, order: Order) -> Answer:
        """Send a refund or void once. SUCCESS is only believed of a query."""
        sendable = [operation for operation in self.rules if operation is not Operation.PURCHASE]
        with writing():
            if order.operation not in sendable:
                allowed = f"{', '.join(sendable)}; a purchase is presented"
                raise InvalidInput("operation", order.operation, allowed)
            asked = self._wire.reversal(order, self._config)
        return await self._judged(asked, order, self._wire.of_reversal, unsent=Verdict.NOT_SENT)

    async def query(self, order: Order) -> Answer:
        """Ask what became of an order. A purchase that still waits when its time is over is closed and asked again.

        Closing may lose a race with the payer, so only the second query says how the order ended. If closing does not
        work, the order still waits, and the next query closes it.
        """
        answer = await self._query(order)
        waits = order.operation is Operation.PURCHASE and answer.verdict is Verdict.ACCEPTED
        if not (waits and self._time_is_over(order)):
            return answer
        try:
            await self._close(order)
        except ChannelError:
            return answer
        return await self._query(order)

    async def file(self, settle_date: date) -> ChannelFile:
        """Return a settlement date's file [G]. `FileNotReady` if asking again later may help."""
        asked = self._wire.file(settle_date, self._config, self._clock.now())
        try:
            received = await self._ask(asked, _FILE_TIMEOUT_SECONDS, self._wire.max_file_bytes)
        except (NotConnectedError, NoAnswerError) as error:
            raise FileNotReady(f"file of {settle_date}: {error}") from None
        except ForgedMessage as error:
            raise MalformedMessage(f"file of {settle_date}: {error}") from None
        self._check_file(received, settle_date)
        # In a thread: a large file takes seconds to read, and payments go on meanwhile.
        return await asyncio.to_thread(self._wire.day_file, received, self._config, settle_date)

    def settlement_of(self, text: str) -> date | None:
        """Return the date that a bank line's text `<settled_as> <YYYYMMDD> <our number>` pays for [G], else None."""
        return settlement_date(text, self._wire.settled_as, self._merchant)

    def _time_is_over(self, order: Order) -> bool:
        """Whether a purchase may no longer be presented, and is closed if it still waits."""
        return self._clock.now() >= order.requested_at + PAY_TIME

    async def _payload_of(self, order: Order) -> dict[str, str]:
        title = self._wire.title
        try:
            received = await self._ask(self._wire.purchase(order, self._config))
            code = self._wire.refused(received)
            if not code:
                return self._wire.app_payload(received, order, self._config)
        except ChannelError as error:
            raise NotPresented(f"{title} gave nothing to pay with: {error}") from None
        raise NotPresented(f"{title} gave nothing to pay with: {code[:100]}")

    async def _close(self, order: Order) -> None:
        await self._ask(self._wire.close(order, self._config, self._clock.now()))

    async def _query(self, order: Order) -> Answer:
        asked = self._wire.query(order, self._config, self._clock.now())
        return await self._judged(asked, order, self._wire.of_query, unsent=Verdict.UNKNOWN)

    async def _judged(
        self, asked: Asked, order: Order, read: Callable[[Fields, Order, C], Answer], *, unsent: Verdict
    ) -> Answer:
        """Return the answer's verdict: `unsent` if nothing left, UNKNOWN for whatever cannot be believed."""
        received: Fields = {}
        try:
            received = await self._ask(asked)
            return read(received, order, self._config)
        except NotConnectedError as error:
            return Answer(unsent, message=str(error))
        except ChannelError as error:
            return Answer(Verdict.UNKNOWN, message=f"unproven: {error}", raw=self._wire.shown(received))

    async def _ask(
        self, asked: Asked, timeout_seconds: float = 0.0, max_bytes: int = MAX_ANSWER_BYTES
    ) -> dict[str, Any]:
        """Return the JSON of a verified answer, or raise a `ChannelError`."""
        path, body = asked
        timeout = timeout_seconds or self._config.timeout_seconds
        url = self._config.base_url + path
        received = await self._transport.post(url, body, self._signed(body), timeout, max_bytes)
        self._verify(received)
        return parse_object(received.body, max_bytes)

    def _check_file(self, received: Fields, settle_date: date) -> None:
        """Raise `FileNotReady` for a refusal that may be over later, `MalformedMessage` for any other."""
        code = self._wire.refused(received)
        if code and self._wire.codes.of(Operation.PURCHASE, code).sent is Verdict.UNKNOWN:
            raise FileNotReady(f"file of {settle_date}: {code[:100]}; ask again later")
        if code:
            raise MalformedMessage(f"file of {settle_date}: refused with {code[:100]}")


def json_bytes(fields: Fields) -> bytes:
    """Return the JSON of a request: the same fields give the same bytes."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def checked_number(order_no: str, name: str = "order_no") -> str:
    """Return an order number that these channels take; `InvalidInput` for any other."""
    if not _ORDER_NO.fullmatch(order_no):
        raise InvalidInput(name, f"{len(order_no)} characters", "8 to 32 of [0-9A-Za-z]")
    return order_no


def check_instalments(order: Order) -> None:
    """Raise `NotPresented` for a number of instalments that Alipay's Huabei does not offer."""
    if order.instalments not in INSTALMENTS:
        raise NotPresented(f"instalments: got {order.instalments}; allowed: 3, 6, 12")


def app_fields(found: Any, name: str) -> dict[str, str]:
    """Return the object of texts that the field `name` has to be. Raises `MalformedMessage`."""
    if not isinstance(found, dict) or not found:
        raise MalformedMessage(f"{name}: got {type(found).__name__}; allowed: an object")
    return {key: text(found, key) for key in found}


def file_content(fields: Fields) -> tuple[bytes, str]:
    """Return the bytes of a file's `content` (base64) and their SHA-256, which `sha256` must be as well."""
    content = decoded(text(fields, "content"), "content")
    digest = hashlib.sha256(content).hexdigest()
    if not hmac.compare_digest(text(fields, "sha256").encode(), digest.encode()):
        raise MalformedMessage("sha256: is not that of content")
    return content, digest


def check_row(row: Row, merchant: str, settle_date: date) -> None:
    """Raise `MalformedMessage` for a line of another merchant or another day."""
    if row.values["merchant"] != merchant:
        raise row.fault("merchant", "our own number")
    if row.values["day"] != settle_date:
        raise row.fault("day", f"{settle_date}, the date that was asked for")
