"""The connector: one function per thing we ask of the bank, over one HTTP address."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import aiohttp

from zhangfang.channels.cmb import envelope, replies, requests
from zhangfang.channels.cmb.config import CmbConfig
from zhangfang.channels.cmb.envelope import Json, NoAnswer, Refused, Reply
from zhangfang.channels.cmb.replies import without_name
from zhangfang.channels.port import (
    Answer,
    ChannelError,
    MalformedMessage,
    Notification,
    Operation,
    Order,
    Rules,
    StatementPage,
    Verdict,
)
from zhangfang.kernel.clock import Clock, in_china

_AT_ONCE = 20  # connections the bank allows an enterprise
# The bank recommends the first query after five minutes; the later waits are ours. After "not found" it allows the
# same message with the same yurRef again, and nothing else.
_RULES = {
    Operation.PAYOUT: Rules(
        query_after=tuple(timedelta(minutes=wait) for wait in (5, 1, 2, 5, 10)),
        resend_after_not_found=1,
    )
}


class Cmb:
    """China Merchants Bank, enterprise direct connect; implements `BankChannel` for PAYOUT.

    `send` and `query` raise `InvalidInput` for an order that cannot be written, and nothing for what a network or
    the bank can do. The other methods raise `ChannelError` (`NoAnswer`, `Refused`, `MalformedMessage`,
    `ForgedMessage`). The bank wants 2 s between queries and 10 s between statements of one account; whoever
    schedules the calls keeps to that.
    """

    name = "cmb"
    rules: Mapping[Operation, Rules] = _RULES

    def __init__(self, config: CmbConfig, clock: Clock) -> None:
        """Derive the keys; nothing is sent yet."""
        self._config = config
        self._keys = config.keys()
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    @property
    def account(self) -> str:
        """Return the number of the account that pays."""
        return self._config.account

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, order: Order) -> Answer:
        """Ask for a payout (BB1PAYOP). NOT_SENT if no connection was made; all that is unclear is UNKNOWN."""
        body = requests.payment(order, self._config)
        return await self._answer(order, "BB1PAYOP", body, replies.payment_answer, Verdict.NOT_SENT)

    async def query(self, order: Order) -> Answer:
        """Ask what became of a payout (BB1PAYQR).

        NOT_FOUND also means "no permission on the account": `reachable_accounts` tells. A query that could not be
        sent is UNKNOWN, for it says nothing about the payment.
        """
        body = requests.payment_query(order)
        return await self._answer(order, "BB1PAYQR", body, replies.query_answer, Verdict.UNKNOWN)

    async def statement(self, account: str, cursor: str) -> StatementPage:
        """Return up to 200 lines after `cursor` (trsQryByBreakPoint). Today's lines are provisional until its end.

        A line's `reference` is our order number where the payment was ours.
        """
        body = requests.statement_query(account, cursor, self._clock.now())
        return replies.statement_page(await self._call("trsQryByBreakPoint", body), account, cursor)

    async def late_returns(self, account: str, from_date: date, to_date: date) -> Sequence[Notification]:
        """Return payouts of these days that came back after their success (BB1PAYQB), each as RETURNED."""
        found: list[Notification] = []
        key, seen = "", {""}
        while True:
            body = requests.late_return_query(account, from_date, to_date, key)
            page, key = replies.late_returns(await self._call("BB1PAYQB", body))
            found.extend(page)
            if not key:
                return found
            if key in seen:
                raise MalformedMessage("ctnKey: seen before; expected a new one with every page")
            seen.add(key)

    async def reachable_accounts(self) -> frozenset[str]:
        """Return the accounts we may act on (DCLISACC): without one, its queries say "not found" to everything."""
        return replies.account_numbers(await self._call("DCLISACC", requests.account_list(self._config)))

    async def _answer(
        self, order: Order, function: str, body: Json, read: Callable[[Reply, str], Answer], unsent: Verdict
    ) -> Answer:
        """Turn whatever happens into an answer about the order; `unsent` is the verdict when nothing left."""
        try:
            reply = await self._call(function, body)
        except NoAnswer as error:
            return Answer(Verdict.UNKNOWN if error.sent else unsent, message=str(error))
        except Refused as error:
            answer = Answer(Verdict.UNKNOWN, error.code, error.message, raw=error.raw)
        except ChannelError as error:
            return Answer(Verdict.UNKNOWN, message=str(error))
        else:
            try:
                answer = read(reply, requests.yur_ref(order.order_no))
            except MalformedMessage as error:
                answer = Answer(Verdict.UNKNOWN, message=str(error), raw=reply.raw)
        return without_name(answer, order)

    async def _call(self, function: str, body: Json) -> Reply:
        """Do one exchange. `reqid` and `sigtim` are of this moment; everything else comes from the caller."""
        async with self._places:
            now = in_china(self._clock.now())
            reqid = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}{secrets.randbelow(10**12):012d}"
            head = {"funcode": function, "userid": self._config.uid, "reqid": reqid}
            data = envelope.seal("request", head, body, f"{now:%Y%m%d%H%M%S}", self._keys)
            form = {"UID": self._config.uid, "FUNCODE": function, "ALG": "SM", "DATA": data}
            return envelope.unseal(await self._post(form), head, self._keys)

    async def _post(self, form: Mapping[str, str]) -> bytes:
        """Return the body of the answer whatever its status: the gateway explains itself beside 4xx and 5xx too."""
        try:
            async with self._connected().post(self._config.url, data=form, allow_redirects=False) as response:
                return await response.read()
        except aiohttp.ClientConnectorError as error:
            raise NoAnswer(f"CMB: no connection ({type(error).__name__})", sent=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NoAnswer(f"CMB: no readable answer ({type(error).__name__})", sent=True) from error

    def _connected(self) -> aiohttp.ClientSession:
        """Return the session. Connections are not kept: one that dies as we write leaves a payment in doubt.

        Their number is limited by `_places`, whose queue does not count against the time allowed for an answer.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._config.timeout_seconds),
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
            )
        return self._session
