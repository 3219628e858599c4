"""The connector: orders in, answers out, and never an exception for what a network or a bank can do."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

from zhangfang.channels.abilities import Signed, Signing
from zhangfang.channels.epcc import (
    answers,
    codes,
    dayfile,
    numbers,
    requests,
)
from zhangfang.channels.epcc.config import EpccConfig
from zhangfang.channels.epcc.exchange import Exchange
from zhangfang.channels.epcc.requests import Request
from zhangfang.channels.epcc.transport import NoAnswerError, NotConnectedError
from zhangfang.channels.port import (
    Answer,
    AppOrder,
    ChannelError,
    ChannelFile,
    FileNotReady,
    Form,
    MalformedMessage,
    Notification,
    NotPresented,
    Operation,
    Order,
    Reply,
    Rules,
    Verdict,
    writing,
)
from zhangfang.channels.settlements import settlement_date
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_MAX_FILE_BYTES = 96 * 1024 * 1024  # 64 MB as base64, and the message around it
_FILE_TIMEOUT_SECONDS = 60.0
# The network's own waits are not public [G]: these are the platform's.
_WAITS = (*(timedelta(seconds=2**n) for n in range(1, 6)), timedelta(minutes=5))
_RETIRED, _IN_USE = "01", "00"
_FAULT = "ES000098"
_T = TypeVar("_T")


class Epcc:
    """EPCC-style agreement payment for one institution: collection under a signed agreement, and refund."""

    name = "epcc"
    # The same TrxId may be sent again by the network's general rule [K]; the sandbox then answers with the order's
    # state.
    rules: Mapping[Operation, Rules] = MappingProxyType({
        Operation.COLLECTION: Rules(_WAITS, 3),
        Operation.REFUND: Rules(_WAITS, 3),
    })  # fmt: skip

    def __init__(self, config: EpccConfig, clock: Clock) -> None:
        """Read keys and certificates."""
        self._config = config
        self._clock = clock
        self._digits = numbers.ControlDigits(Path(config.digits_file))
        self._exchange = Exchange(config, clock, self._digits)

    async def close(self) -> None:
        """Close the connections to the sites."""
        await self._exchange.close()

    def order_number(self, id_: UUID, at: datetime) -> str:
        """Return the TrxId for an id born at `at`: to be stored before anything is sent. Raises `NoControlDigits`."""
        return numbers.mint(id_, at, self._digits.usable())

    async def upkeep(self) -> None:
        """Ask each site for its control digits. If a site does not answer, its old digits stay; `ChannelError` if none
        answers."""
        failures = [failure for name in self._config.sites if (failure := await self._renew(name))]
        if len(failures) == len(self._config.sites):
            raise failures[0]

    async def present(self, order: Order, return_url: str) -> Form | AppOrder:
        """Refuse: this network has no cashier. Raises `NotPresented`."""
        raise NotPresented("epcc has no cashier: it collects under a signed agreement")

    async def send(self, order: Order) -> Answer:
        """Send a collection or refund."""
        with writing():
            asked = self._request(order)
        return await self._about_order(asked, order, answers.of_request, Verdict.NOT_SENT)

    async def query(self, order: Order) -> Answer:
        """Ask what became of an order. A query that could not be sent says nothing about the order: UNKNOWN."""
        asked = requests.query(order, self._clock.now())
        return await self._about_order(asked, order, answers.of_query, Verdict.UNKNOWN)

    async def request_code(self, signing: Signing) -> Answer:
        """Let the payer's bank send the payer an SMS code."""
        asked = requests.signing(signing, requests.SEND_CODE, "", self._exchange.receiver)
        return (await self._about_mandate(asked)).answer

    async def sign(self, signing: Signing, code: str) -> Signed:
        """Sign with the code. A success without an agreement's number is UNKNOWN."""
        asked = requests.signing(signing, requests.SIGN_WITH_CODE, code, self._exchange.receiver)
        signed = await self._about_mandate(asked)
        if signed.answer.verdict is Verdict.SUCCESS and not signed.agreement:
            return Signed(Answer(Verdict.UNKNOWN, signed.answer.code, "no SgnNo", raw=signed.answer.raw))
        return signed

    async def revoke(self, signing: Signing, agreement: str) -> Answer:
        """End the mandate."""
        return (await self._about_mandate(requests.cancel(signing, agreement))).answer

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification | None:
        """Read a notice of a result; or one of control digits (None), which take effect at once in all processes."""
        fields = self._exchange.read(body)
        told = fields["MsgHeader/MsgTp"]
        if told == requests.NOTICE:
            return answers.of_notice(fields, self._config.issr_id)
        if told != requests.DIGITS_NOTICE:
            raise MalformedMessage(f"MsgHeader/MsgTp: allowed: {requests.NOTICE}, {requests.DIGITS_NOTICE}")
        self._turn_digits(fields)
        return None

    def reply(self, *, taken: bool) -> Reply:
        """Return 303, signed. With any code but the good one the network sends the notice again."""
        said = {"SysRtnInf": {"SysRtnCd": codes.OK if taken else _FAULT}}
        body = self._exchange.sealed(Request(requests.ACKNOWLEDGED, self._clock.now(), said))
        return Reply(body.decode(), "application/xml")

    async def file(self, settle_date: date) -> ChannelFile:
        """Return a settlement day's file. `FileNotReady` if asking again later may help."""
        asked = requests.file(settle_date, self._clock.now())
        try:
            body = await self._exchange.ask(asked, _FILE_TIMEOUT_SECONDS, _MAX_FILE_BYTES)
        except (NotConnectedError, NoAnswerError) as error:
            raise FileNotReady(f"file of {settle_date}: {error}") from None
        # In a thread: a large file takes seconds to verify and to read, and payments go on meanwhile.
        return await asyncio.to_thread(self._read_file, body, settle_date)

    def settlement_of(self, text: str) -> date | None:
        """Return the settlement date that a bank statement's text `网联清算 <YYYYMMDD> <our IssrId>` pays for."""
        return settlement_date(text, "网联清算", self._config.issr_id)

    def _request(self, order: Order) -> Request:
        if order.operation is Operation.COLLECTION:
            return requests.collection(order, self._config)
        if order.operation is Operation.REFUND:
            return requests.refund(order)
        raise InvalidInput("operation", order.operation, "collection, refund")

    async def _about_order(
        self, asked: Request, order: Order, read: Callable[[answers.Fields, Order], Answer], unsent: Verdict
    ) -> Answer:
        return await self._ask(asked, lambda fields: read(fields, order), lambda answer: answer, unsent)

    async def _about_mandate(self, asked: Request) -> Signed:
        return await self._ask(
            asked, lambda fields: answers.of_signing(fields, asked.trx_id), Signed, Verdict.NOT_SENT
        )

    async def _ask(
        self,
        asked: Request,
        read: Callable[[answers.Fields], _T],
        failed: Callable[[Answer], _T],
        unsent: Verdict,
    ) -> _T:
        """Return what the answer proves: `unsent` if nothing was sent, UNKNOWN if the answer cannot be trusted."""
        try:
            body = await self._exchange.ask(asked, self._config.timeout_seconds)
            return read(self._exchange.answer_to(asked, body))
        except NotConnectedError as error:
            return failed(Answer(unsent, message=str(error)))
        except ChannelError as error:
            return failed(Answer(Verdict.UNKNOWN, message=f"unproven: {error}"))

    async def _renew(self, name: str) -> ChannelError | None:
        asked = requests.digits(self._clock.now(), self._config)
        try:
            body = await self._exchange.ask(asked, self._config.timeout_seconds, only=name)
            fields = self._exchange.answer_to(asked, body)
        except ChannelError as error:
            return error
        self._digits.learn(name, _named_digits(fields))
        return None

    def _turn_digits(self, fields: Mapping[str, str]) -> None:
        named, state = _named_digits(fields), fields.get("MsgBody/CtrlNbInf/CtrlNbSts", "")
        if not named or state not in (_RETIRED, _IN_USE):
            raise MalformedMessage("CtrlNbInf: allowed: digits by CtrlNbF and CtrlNbL, CtrlNbSts 00 or 01")
        if state == _RETIRED:
            self._digits.retire(named)
        else:
            self._digits.restore(named)

    def _read_file(self, body: bytes, settle_date: date) -> ChannelFile:
        fields = self._exchange.read(body, _MAX_FILE_BYTES)
        code = fields.get("MsgBody/SysRtnInf/SysRtnCd", "")
        if code != codes.OK:  # not there yet, or the network is busy: ask later in both cases
            raise FileNotReady(f"file of {settle_date}: SysRtnCd {code or 'missing'}; ask again later")
        if fields["MsgHeader/MsgTp"] != requests.FILE:
            raise MalformedMessage(f"MsgHeader/MsgTp: allowed: {requests.FILE}")
        return dayfile.parse(fields, settle_date, self.name)


def _named_digits(fields: Mapping[str, str]) -> list[str]:
    first, last = (fields.get(f"MsgBody/CtrlNbInf/{name}", "") for name in ("CtrlNbF", "CtrlNbL"))
    return numbers.control_digits(first, last)
