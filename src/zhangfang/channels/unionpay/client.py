"""The connector: orders in, answers out, and never an exception for what a network or a bank can do."""

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType

from zhangfang.channels.port import (
    Answer,
    ChannelError,
    ChannelFile,
    FileNotReady,
    Form,
    MalformedMessage,
    Notification,
    Operation,
    Order,
    Reply,
    Rules,
    Verdict,
)
from zhangfang.channels.unionpay import answers, codes, requests, zmfile
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.channels.unionpay.config import UnionPayConfig
from zhangfang.channels.unionpay.message import masked, parse_answer, parse_form
from zhangfang.channels.unionpay.signature import RsaSigner, Signer
from zhangfang.channels.unionpay.transport import NoAnswerError, NotConnectedError, Transport
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_FRONT = "/gateway/api/frontTransReq.do"
_BACK = "/gateway/api/backTransReq.do"
_QUERY = "/gateway/api/queryTrans.do"
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_FILE_BYTES = 64 * 1024 * 1024
_FILE_TIMEOUT_SECONDS = 60.0
# UnionPay asks for at most six early queries; the steady ones after them are the platform's own.
_WAITS = (*(timedelta(seconds=2**n) for n in range(6)), timedelta(minutes=5))
_SETTLEMENT = re.compile(r"银联商户清算 ([0-9]{8}) ([0-9A-Za-z]{15})")


class UnionPay:
    """UnionPay ACP 5.1.0 for one merchant: purchase by cashier, collection, refund and void."""

    name = "unionpay"
    # A re-send has the same orderId and txnTime; the gateway answers 12 if it knows them already. A purchase is
    # never re-sent: the payer's browser sends it.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.PURCHASE: Rules(_WAITS, None),
        Operation.COLLECTION: Rules(_WAITS, 3),
        Operation.REFUND: Rules(_WAITS, 3),
        Operation.VOID: Rules(_WAITS, 3),
    })  # fmt: skip

    def __init__(self, config: UnionPayConfig, clock: Clock, signer: Signer | None = None) -> None:
        """Read keys and certificates; `signer` replaces the one that the configuration describes."""
        self._config = config
        self._clock = clock
        self._signer = signer or RsaSigner(config, clock)
        self._cipher = Cipher(config.encrypt_cert_pem)
        self._transport = Transport()

    async def close(self) -> None:
        """Close the connections to the gateway."""
        await self._transport.close()

    async def present(self, order: Order, return_url: str) -> Form:
        """Return the signed form that takes the payer's browser to the cashier; nothing is sent by us."""
        if order.operation != Operation.PURCHASE:
            raise InvalidInput("operation", order.operation, "purchase: nothing else has a form")
        fields = requests.purchase(order, self._config, return_url)
        return Form(self._config.base_url + _FRONT, self._signer.sign(fields))

    async def send(self, order: Order) -> Answer:
        """Send a collection, refund or void once. `00` is ACCEPTED: success is known by query or notification."""
        try:
            return await self._ask(_BACK, self._fields(order), order, answers.of_request)
        except NotConnectedError as error:
            return Answer(Verdict.NOT_SENT, message=str(error))

    async def query(self, order: Order) -> Answer:
        """Ask what became of any order. A query that could not be sent says nothing about the order: UNKNOWN."""
        try:
            return await self._ask(_QUERY, requests.query(order, self._config), order, answers.of_query)
        except NotConnectedError as error:
            return Answer(Verdict.UNKNOWN, message=str(error))

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return what a POST to our backUrl says. Only the body counts: the URL's own parameters are not signed."""
        fields = parse_form(body)
        self._signer.verify(fields)
        return answers.of_notification(fields, self._config.mer_id)

    def reply(self, *, taken: bool) -> Reply:
        """Return any body: only the status 200 counts here."""
        return Reply("ok" if taken else "fail")

    async def file(self, settle_date: date) -> ChannelFile:
        """Return a settlement date's file. `FileNotReady` for whatever asking again later can mend."""
        asked = self._signer.sign(requests.file(settle_date, self._config, self._clock.now()))
        url = self._config.file_url + "/"
        try:
            body = await self._transport.post(url, asked, _FILE_TIMEOUT_SECONDS, _MAX_FILE_BYTES)
        except (NotConnectedError, NoAnswerError) as error:
            raise FileNotReady(f"file of {settle_date}: {error}") from None
        # In a thread: a large file takes seconds to verify and to read, and payments go on meanwhile.
        return await asyncio.to_thread(self._read_file, body, asked, settle_date)

    def settlement_of(self, text: str) -> date | None:
        """Return the settlement date that a bank statement's text `银联商户清算 <YYYYMMDD> <merId>` pays for us."""
        match = _SETTLEMENT.fullmatch(text.strip())
        if match is None or match[2] != self._config.mer_id:
            return None
        try:
            return datetime.strptime(match[1], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            return None

    def _fields(self, order: Order) -> dict[str, str]:
        if order.operation == Operation.COLLECTION:
            return requests.collection(order, self._config, self._cipher)
        if order.operation in (Operation.REFUND, Operation.VOID):
            return requests.reversal(order, self._config)
        raise InvalidInput("operation", order.operation, "collection, refund, void; a purchase has a form")

    async def _ask(
        self,
        path: str,
        fields: Mapping[str, str],
        order: Order,
        read: Callable[[Mapping[str, str], Order], Answer],
    ) -> Answer:
        """Return the answer's verdict, UNKNOWN for whatever cannot be believed; `NotConnectedError` goes through."""
        received: Mapping[str, str] = {}
        try:
            body = await self._transport.post(
                self._config.base_url + path,
                self._signer.sign(fields),
                self._config.timeout_seconds,
                _MAX_ANSWER_BYTES,
            )
            received = parse_answer(body)
            self._verify(received)
            return read(received, order)
        except NotConnectedError:
            raise
        except ChannelError as error:
            return Answer(Verdict.UNKNOWN, message=f"unproven: {error}", raw=masked(received))

    def _verify(self, received: Mapping[str, str]) -> None:
        self._signer.verify(received)
        if received.get("merId") != self._config.mer_id:
            raise MalformedMessage("merId: another merchant's answer")

    def _read_file(self, body: bytes, asked: Mapping[str, str], settle_date: date) -> ChannelFile:
        received = parse_answer(body)
        self._verify(received)
        code = received.get("respCode", "")
        if code in codes.FILE_LATER:
            raise FileNotReady(f"file of {settle_date}: respCode {code}; ask again later")
        if code != codes.FILE_OK:
            raise MalformedMessage(f"file of {settle_date}: refused with respCode {code or 'missing'}")
        if received.get("settleDate", asked["settleDate"]) != asked["settleDate"]:
            raise MalformedMessage("settleDate: not that of the request")
        name = received.get("fileName", "")
        return zmfile.parse(received.get("fileContent", ""), name, self._config.mer_id, settle_date)
