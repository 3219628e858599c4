"""The connector: one method per thing we ask of the bank."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import TypeVar

from zhangfang.channels.abilities import Batch, BatchResult
from zhangfang.channels.cmb import batching, codes, notifications, replies, requests
from zhangfang.channels.cmb.config import CmbConfig
from zhangfang.channels.cmb.envelope import Refused
from zhangfang.channels.cmb.envelope import Reply as Received
from zhangfang.channels.cmb.exchange import Exchange
from zhangfang.channels.cmb.pacing import NotAsked
from zhangfang.channels.port import (
    Answer,
    ChannelError,
    MalformedMessage,
    Notification,
    Operation,
    Order,
    Reply,
    Rules,
    StatementPage,
    Verdict,
    writing,
)
from zhangfang.channels.transport import NotConnectedError
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import LEASE, MARGIN

# The bank recommends the first query after five minutes; the later waits are our choice. After "not found" it allows
# only the same message with the same yurRef again.
_RULES = Rules(
    query_after=tuple(timedelta(minutes=wait) for wait in (5, 1, 2, 5, 10)),
    resend_after_not_found=1,
)
_STEP_SECONDS = (LEASE - MARGIN).total_seconds()  # the time of a step before its lease gets short
_PATIENCE_SECONDS = 60.0  # for a job of its own that reads page after page
_PERMITTED_SECONDS = 600.0  # how long the list of our accounts is trusted

_T = TypeVar("_T")


class Cmb:
    """China Merchants Bank, enterprise direct connect, for PAYOUT, alone and in batches.

    `send`, `query`, `send_batch` and `query_batch` raise nothing for what a network or the bank can do, the other methods
    a `ChannelError`. Enquiries keep the pace that the bank
    asks for; payments do not wait. The bank also advises against asking at minutes :00 and :30: whoever plans the day may
    follow that.
    """

    name = "cmb"
    rules: Mapping[Operation, Rules] = MappingProxyType({Operation.PAYOUT: _RULES})
    batch_rules = _RULES
    batch_most: Mapping[Operation, int] = MappingProxyType({Operation.PAYOUT: batching.MOST})

    def __init__(self, config: CmbConfig, clock: Clock) -> None:
        """Derive the keys; nothing is sent yet."""
        self._config = config
        self._clock = clock
        self._keys = config.keys()
        self._bank = Exchange(config, self._keys, clock)
        self._permitted_until = float("-inf")
        self._patience = max(0.0, _STEP_SECONDS - config.timeout_seconds)

    @property
    def account(self) -> str:
        """Return the number of the account that pays."""
        return self._config.account

    async def close(self) -> None:
        """Close the connections."""
        await self._bank.close()

    async def send(self, order: Order) -> Answer:
        """Send a payout (BB1PAYOP). NOT_SENT if no connection was made; everything unclear is UNKNOWN."""
        with writing():
            body = requests.payment(order, self._config)
            reference = requests.yur_ref(order.order_no)

        async def paid() -> Answer:
            return _read(await self._bank.call("BB1PAYOP", body), replies.payment_answer, reference)

        return replies.without_name(await _answered(paid, Verdict.NOT_SENT), order)

    async def query(self, order: Order) -> Answer:
        """Ask for the state of a payout (BB1PAYQR). A query that could not be sent proves nothing: UNKNOWN.

        An empty answer means "no record" or "no permission on the account". It is NOT_FOUND only if the bank lists our
        account among those we may use. A query whose turn would come too late is NOT_SENT, "not asked: queue": the
        platform then counts no query and asks again soon.
        """
        body = requests.payment_query(order)
        reference = requests.yur_ref(order.order_no)

        async def asked() -> Answer:
            reply = await self._bank.ask("BB1PAYQR", body, self._patience)
            return await self._permitted(_read(reply, replies.query_answer, reference))

        return replies.without_name(await _answered(asked, Verdict.UNKNOWN), order)

    async def send_batch(self, batch: Batch) -> Answer:
        """Send many payouts at once (BB1PAYBH, or BB6BTHHL as payroll). The bank accepts all or none."""
        with writing():
            function, body = batching.payment(batch, self._config)

        async def brought() -> Answer:
            return _read(await self._bank.call(function, body), batching.taken, batch)

        return await _answered(brought, Verdict.NOT_SENT)

    async def query_batch(self, batch: Batch) -> BatchResult:
        """Ask for the state of a batch and, once it is finished, of each item."""
        items: dict[str, Answer] = {}

        async def asked() -> Answer:
            payroll = batching.is_payroll(batch, self._config)
            reply = await self._bank.ask(*batching.list_query(batch, payroll=payroll), self._patience)
            answer, number = batching.standing(reply, batch, payroll=payroll)
            if answer.verdict is not Verdict.SUCCESS:
                return await self._permitted(answer)
            async for page in self._details(batch, number, payroll=payroll):
                items.update(page)
            return batching.settled(answer, items)

        return BatchResult(await _answered(asked, Verdict.UNKNOWN), items)

    async def statement(self, account: str, cursor: str) -> StatementPage:
        """Return up to 200 lines after `cursor` (trsQryByBreakPoint). Today's lines are provisional until its end.

        A line's `reference` is our order number where the payment was ours.
        """
        body = requests.statement_query(account, cursor, self._clock.now(), intraday=self._config.intraday)
        reply = await self._bank.ask_of_account(account, "trsQryByBreakPoint", body, _PATIENCE_SECONDS)
        return replies.statement_page(reply, account, cursor)

    async def late_returns(self, first: date, last: date) -> Sequence[Notification]:
        """Return payouts of these days that came back after their success (BB1PAYQB, and BB6RFDQY for payrolls).

        Ask on the evening of the payout and on at least three days after it.
        """
        found: list[Notification] = []
        key, seen = "", {""}
        while True:
            body = requests.late_return_query(self.account, first, last, key)
            page, key = replies.late_returns(await self._bank.ask("BB1PAYQB", body, _PATIENCE_SECONDS))
            found.extend(page)
            if not key:
                break
            _moves_on(key, seen)
        if self._config.payroll_mode:
            query = batching.returns_query(self.account, first, last)
            found.extend(batching.returns(await self._bank.ask(*query, _PATIENCE_SECONDS)))
        return found

    async def reachable_accounts(self) -> frozenset[str]:
        """Return the accounts we may use (DCLISACC). Queries about any other account are answered "not found"."""
        reply = await self._bank.ask("DCLISACC", requests.account_list(self._config), self._patience)
        return replies.account_numbers(reply)

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification | None:
        """Return what the bank pushed about a payout of ours; None for an account's movement and for others' payments.

        Raises `MalformedMessage`, `ForgedMessage`.
        """
        return notifications.read(body, self._config, self._keys.bank)

    def reply(self, *, taken: bool) -> Reply:
        """Return our reply. No public source says what the bank wants; we assume that the status 200 is enough."""
        return Reply("SUCCESS" if taken else "FAIL")

    async def _details(
        self, batch: Batch, number: str, *, payroll: bool
    ) -> AsyncIterator[Mapping[str, Answer]]:
        key, seen = "", {""}
        while True:
            query = batching.details_query(batch, number, key, payroll=payroll)
            page, key = batching.details(
                await self._bank.ask(*query, _PATIENCE_SECONDS), batch, payroll=payroll
            )
            yield page
            if not key:
                return
            _moves_on(key, seen)

    async def _permitted(self, answer: Answer) -> Answer:
        """Accept "not found" only while the bank lists our account among those we may use."""
        if answer.verdict is not Verdict.NOT_FOUND or time.monotonic() < self._permitted_until:
            return answer
        if self.account not in await self.reachable_accounts():
            return Answer(Verdict.UNKNOWN, message="no permission on our account: not found proves nothing")
        self._permitted_until = time.monotonic() + _PERMITTED_SECONDS
        return answer


def _read(reply: Received, read: Callable[[Received, _T], Answer], about: _T) -> Answer:
    """Read an answer. A genuine one that is not as documented is UNKNOWN, with its text as evidence."""
    try:
        return read(reply, about)
    except MalformedMessage as error:
        return Answer(Verdict.UNKNOWN, message=str(error), raw=reply.raw)


async def _answered(work: Callable[[], Awaitable[Answer]], unsent: Verdict) -> Answer:
    """Turn whatever happens into an answer. `unsent` is the verdict if nothing was sent: NOT_SENT for a request, else
    UNKNOWN."""
    try:
        return await work()
    except NotConnectedError as error:
        return Answer(unsent, message=str(error))
    except Refused as error:
        asked = unsent is Verdict.UNKNOWN  # a refused query proves nothing about the payment
        verdict = Verdict.UNKNOWN if asked else codes.proof("resultcode", error.code).sent
        return Answer(verdict, error.code, error.message, raw=error.raw)
    except NotAsked as error:
        return Answer(Verdict.NOT_SENT, message=str(error))
    except ChannelError as error:
        return Answer(Verdict.UNKNOWN, message=str(error))


def _moves_on(key: str, seen: set[str]) -> None:
    """Raise `MalformedMessage` if a page key comes again: the pages would never end."""
    if key in seen:
        raise MalformedMessage("ctnKey: seen before; expected a new one with every page")
    seen.add(key)
