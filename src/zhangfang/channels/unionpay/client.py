"""The connector: orders in, answers out, and no exception for a failure of the network or the bank."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from types import MappingProxyType

from zhangfang.channels.abilities import Batch, BatchResult
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
    writing,
)
from zhangfang.channels.settlements import settlement_date
from zhangfang.channels.unionpay import answers, batches, codes, requests, zmfile
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
_BATCH = "/gateway/api/batchTrans.do"
_MAX_ANSWER_BYTES = 64 * 1024
_MAX_BATCH_BYTES = 32 * 1024 * 1024
_BATCH_TIMEOUT_SECONDS = 30.0  # a batch may have three million bytes
_MAX_FILE_BYTES = 64 * 1024 * 1024
_FILE_TIMEOUT_SECONDS = 60.0
# UnionPay wants at most six early queries; the regular ones after them are the platform's choice.
_WAITS = (*(timedelta(seconds=2**n) for n in range(6)), timedelta(minutes=5))
# The first query of a payout comes after three minutes, of a batch after an hour; the later waits are the platform's
# choice.
_PAYOUT_WAITS = tuple(timedelta(minutes=n) for n in (3, 3, 5, 10))
_BATCH_WAITS = (timedelta(hours=1), timedelta(minutes=10))

Read = Callable[[Mapping[str, str]], Answer]


class UnionPay:
    """UnionPay ACP 5.1.0 for one merchant: purchase, collection, payout, refund and void, singly and in batches."""

    name = "unionpay"
    # A re-send has the same orderId and txnTime; the gateway answers 12 if it knows them already. A purchase is never
    # re-sent, because the payer's browser sends it.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.PURCHASE: Rules(_WAITS, None),
        Operation.COLLECTION: Rules(_WAITS, 3),
        Operation.REFUND: Rules(_WAITS, 3),
        Operation.VOID: Rules(_WAITS, 3),
        Operation.PAYOUT: Rules(_PAYOUT_WAITS, 3),
    })  # fmt: skip
    batch_most: Mapping[Operation, int] = MappingProxyType({
        Operation.COLLECTION: batches.MOST_ITEMS,
        Operation.PAYOUT: batches.MOST_ITEMS,
    })  # fmt: skip
    batch_rules = Rules(_BATCH_WAITS, 3)

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
        """Send an order once. `00` is ACCEPTED: success is known by query or notification.

        A purchase is sent only if it is in instalments and by a known card; any other purchase has a form.
        """
        with writing():
            fields = self._signer.sign(self._fields(order))
        try:
            return await self._ask(_BACK, fields, partial(answers.of_request, order=order))
        except NotConnectedError as error:
            return Answer(Verdict.NOT_SENT, message=str(error))

    async def query(self, order: Order) -> Answer:
        """Ask for the state of any order. A query that could not be sent proves nothing about the order: UNKNOWN."""
        try:
            fields = self._signer.sign(requests.query(order, self._config))
            return await self._ask(_QUERY, fields, partial(answers.of_query, order=order))
        except NotConnectedError as error:
            return Answer(Verdict.UNKNOWN, message=str(error))

    async def send_batch(self, batch: Batch) -> Answer:
        """Submit a batch once. A second batch with its number and day is answered 12, so nothing is done twice."""
        with writing():
            fields = await asyncio.to_thread(self._submission, batch)  # thousands of encryptions
        try:
            return await self._ask_long(fields, partial(batches.of_submission, batch=batch))
        except NotConnectedError as error:
            return Answer(Verdict.NOT_SENT, message=str(error))

    async def query_batch(self, batch: Batch) -> BatchResult:
        """Ask for the result of a batch. A query that could not be sent proves nothing about it: UNKNOWN."""
        items: dict[str, Answer] = {}

        def read(fields: Mapping[str, str]) -> Answer:
            result = batches.of_result(fields, batch)
            items.update(result.items)
            return result.answer

        try:
            answer = await self._ask_long(self._signer.sign(batches.question(batch, self._config)), read)
        except NotConnectedError as error:
            answer = Answer(Verdict.UNKNOWN, message=str(error))
        return BatchResult(answer, items)

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read a POST to our backUrl. Only the body counts, because the URL's parameters are not signed."""
        fields = parse_form(body)
        self._signer.verify(fields)
        return answers.of_notification(fields, self._config.mer_id)

    def reply(self, *, taken: bool) -> Reply:
        """Return a body, which does not matter: only the status 200 counts."""
        return Reply("ok" if taken else "fail")

    async def file(self, settle_date: date) -> ChannelFile:
        """Return a settlement date's file. `FileNotReady` if asking again later may help."""
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
        return settlement_date(text, "银联商户清算", self._config.mer_id)

    def _fields(self, order: Order) -> dict[str, str]:
        if order.operation in (Operation.REFUND, Operation.VOID):
            return requests.reversal(order, self._config)
        if order.operation == Operation.PURCHASE and not (order.instalments and order.account):
            raise InvalidInput(
                "operation", order.operation, "a purchase in instalments by a known card; else a form"
            )
        make = {
            Operation.PURCHASE: requests.card_purchase,
            Operation.COLLECTION: requests.collection,
            Operation.PAYOUT: requests.payout,
        }
        return make[order.operation](order, self._config, self._cipher)

    def _submission(self, batch: Batch) -> dict[str, str]:
        return self._signer.sign(batches.submission(batch, self._config, self._cipher))

    async def _ask(self, path: str, signed: Mapping[str, str], read: Read) -> Answer:
        """Return the answer's verdict, UNKNOWN if it cannot be trusted. Lets `NotConnectedError` through."""
        try:
            body = await self._transport.post(
                self._config.base_url + path, signed, self._config.timeout_seconds, _MAX_ANSWER_BYTES
            )
        except NoAnswerError as error:
            return _unproven(error)
        return self._believed(body, read)

    async def _ask_long(self, signed: Mapping[str, str], read: Read) -> Answer:
        """Ask about a batch as `_ask` does. The answer is read in a thread, so that payments go on meanwhile."""
        url, seconds = (
            self._config.base_url + _BATCH,
            max(self._config.timeout_seconds, _BATCH_TIMEOUT_SECONDS),
        )
        try:
            body = await self._transport.post(url, signed, seconds, _MAX_BATCH_BYTES)
        except NoAnswerError as error:
            return _unproven(error)
        return await asyncio.to_thread(self._believed, body, read)

    def _believed(self, body: bytes, read: Read) -> Answer:
        received: Mapping[str, str] = {}
        try:
            received = parse_answer(body)
            self._verify(received)
            return read(received)
        except ChannelError as error:
            return _unproven(error, masked(received))

    def _verify(self, received: Mapping[str, str]) -> None:
        self._signer.verify(received)
        if received.get("merId") != self._config.mer_id:
            raise MalformedMessage("merId: another merchant's answer")

    def _read_file(self, body: bytes, asked: Mapping[str, str], settle_date: date) -> ChannelFile:
        received = parse_answer(body)
        self._verify(received)
        code = received.get("respCode", "")
        verdict = codes.sent(codes.FILE, code)
        if verdict is Verdict.ACCEPTED:
            raise FileNotReady(f"file of {settle_date}: respCode {code}; ask again later")
        if verdict is not Verdict.SUCCESS:
            raise MalformedMessage(f"file of {settle_date}: refused with respCode {code or 'missing'}")
        if received.get("settleDate", asked["settleDate"]) != asked["settleDate"]:
            raise MalformedMessage("settleDate: not that of the request")
        name = received.get("fileName", "")
        return zmfile.parse(received.get("fileContent", ""), name, self._config.mer_id, settle_date)


def _unproven(error: ChannelError, raw: str = "") -> Answer:
    return Answer(Verdict.UNKNOWN, message=f"unproven: {error}", raw=raw)
