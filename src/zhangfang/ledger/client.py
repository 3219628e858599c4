"""The way to the ledger: one connection, many requests on it at once, asked again until answered.

Every request is safe to repeat, because it carries its ids. So when the writer goes away, the client connects to
whoever listens next and sends again whatever has no answer yet.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.ledger import wire
from zhangfang.ledger.model import (
    Account,
    AccountFlag,
    Answered,
    Balance,
    Entry,
    Result,
    Transfer,
    TransferFlag,
)
from zhangfang.ledger.wire import HEADER, MAX_COUNT, Op, Records, Status

RECONNECT_S = 0.05
_Future = asyncio.Future[bytes]


class LedgerUnavailable(ZhangfangError):
    """The ledger did not answer in time. What was asked may have happened: ask again with the same ids."""


class _Call(NamedTuple):
    """One call of `create_transfers` that waits to travel."""

    asked: Records
    answered: asyncio.Future[list[Answered]]


class LedgerClient:
    """Asks the writer that listens on `socket_path`. Every call raises `LedgerUnavailable` after `deadline` seconds."""

    def __init__(self, socket_path: Path, deadline: float = 10.0) -> None:
        """Connect at the first call, and again whenever the writer has restarted."""
        self._path = socket_path
        self._deadline = deadline
        self._numbers = count(1)
        self._unanswered: dict[int, tuple[bytes, _Future]] = {}
        self._gathered: list[_Call] = []
        self._flushes: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None
        self._out: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "LedgerClient":
        """Use the client in an `async with`, which closes it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """End the connection. What waits for an answer gets `LedgerUnavailable`."""
        for task in (self._running, *self._flushes):
            if task:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, LedgerUnavailable):
                    await task
        self._running = None
        for _, future in self._unanswered.values():
            if not future.done():
                future.set_exception(LedgerUnavailable("the ledger's client was closed"))

    # --- the calls ---------------------------------------------------------------------------------------------

    async def create_accounts(self, accounts: Sequence[Account]) -> list[Result]:
        """Open accounts: CREATED, EXISTS or a refusal for each, in order."""
        answer = await self._call(Op.CREATE_ACCOUNTS, wire.from_accounts(accounts))
        return [Result(result) for result, _ in answer.tolist()]

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[Answered]:
        """Ask for at most 8,192 transfers: one answer for each, in order. CREATED and EXISTS both mean it stands.

        Calls made at the same time travel together; the chains of a call stay whole.
        """
        if len(transfers) > MAX_COUNT:
            raise InvalidInput("transfers", f"{len(transfers)} of them", f"at most {MAX_COUNT} a call")
        asked = wire.from_transfers(transfers)  # what cannot travel fails here, and not its companions
        answered: asyncio.Future[list[Answered]] = asyncio.get_running_loop().create_future()
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(_Call(asked, answered))
        return await answered

    async def set_flags(
        self, account: Account, flags: AccountFlag, *, id_: UUID, business_date: date
    ) -> Answered:
        """Freeze or close an account, or undo it: FROZEN and CLOSED become what `flags` says of them."""
        change = Transfer(
            id=id_,
            debit=account.id,
            credit=account.id,
            amount=0,
            book=account.book,
            kind=int(flags),
            voucher=id_,
            business_date=business_date,
            flags=TransferFlag.SET_FLAGS,
        )
        return (await self.create_transfers([change]))[0]

    async def lookup_accounts(self, ids: Iterable[UUID]) -> dict[UUID, Account]:
        """Return the accounts that exist of `ids`."""
        found = wire.to_accounts(await self._call(Op.LOOKUP_ACCOUNTS, _ids(ids)))
        return {account.id: account for account in found}

    async def lookup_transfers(self, ids: Iterable[UUID]) -> dict[UUID, Entry]:
        """Return the entries that stand in the books of `ids`."""
        found = await self._call(Op.LOOKUP_TRANSFERS, _ids(ids))
        entries = [wire.to_entry(fields) for fields in found.tolist()]
        return {entry.transfer.id: entry for entry in entries}

    async def account_transfers(self, account: UUID, after: int = 0, limit: int = 100) -> list[Entry]:
        """Return an account's entries in order, of those after sequence number `after`; at most `limit`, or 8,192."""
        page = np.array([(account.bytes, after, limit)], wire.PAGE)
        return [wire.to_entry(fields) for fields in (await self._call(Op.ACCOUNT_TRANSFERS, page)).tolist()]

    async def account_balances(
        self, accounts: Iterable[UUID], at: int | datetime | None = None
    ) -> dict[UUID, Balance]:
        """Return balances and pendings of one moment: now, right after sequence number `at`, or at a time `at`.

        An account that does not exist is left out of a balance of now; of a past moment its balance is 0.
        """
        moment = wire.micros(at) if isinstance(at, datetime) else wire.NO_MOMENT
        seq = at if isinstance(at, int) else wire.NO_MOMENT
        asked = np.array([(account.bytes, seq, moment) for account in accounts], wire.MOMENT)
        found = await self._call(Op.ACCOUNT_BALANCES, asked)
        balances = [wire.to_balance(fields) for fields in found.tolist()]
        return {balance.account: balance for balance in balances}

    async def status(self) -> Status:
        """Return the writer's epoch, its last sequence number and what it holds."""
        found = await self._call(Op.STATUS, np.zeros(0, wire.NOTHING))
        return wire.to_status(found.tolist()[0])

    # --- gathering ---------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what was gathered in this turn of the loop, in frames that hold whole calls."""
        gathered, self._gathered = self._gathered, []
        calls: list[_Call] = []
        for call in gathered:
            if sum(len(one.asked) for one in calls) + len(call.asked) > MAX_COUNT:
                self._send(calls)
                calls = []
            calls.append(call)
            if len(call.asked) and call.asked["flags"][-1] & TransferFlag.LINKED:
                self._send(calls)  # a chain left open must not draw in the next call
                calls = []
        self._send(calls)

    def _send(self, calls: "list[_Call]") -> None:
        if calls:
            task = asyncio.create_task(self._transfer(calls))
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def _transfer(self, calls: "list[_Call]") -> None:
        together = np.concatenate([call.asked for call in calls])
        try:
            answers = wire.to_answers(await self._call(Op.CREATE_TRANSFERS, together))
        except LedgerUnavailable as error:
            for call in calls:
                if not call.answered.done():
                    call.answered.set_exception(LedgerUnavailable(str(error)))
            return
        first = 0
        for call in calls:
            if not call.answered.done():
                call.answered.set_result(answers[first : first + len(call.asked)])
            first += len(call.asked)

    # --- the connection ----------------------------------------------------------------------------------------

    async def _call(self, op: Op, asked: Records) -> Records:
        number = next(self._numbers)
        future: _Future = asyncio.get_running_loop().create_future()
        frame = wire.frame(op, number, asked)
        self._unanswered[number] = (frame, future)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        elif self._out:
            self._out.write(frame)
        try:
            async with asyncio.timeout(self._deadline):
                return wire.records(await future, wire.RESPONSE[op])
        except TimeoutError:
            raise LedgerUnavailable(f"{op.name}: no answer within {self._deadline} s") from None
        finally:
            del self._unanswered[number]

    async def _run(self) -> None:
        """Connect, send what has no answer, hand out answers; and again when the connection ends."""
        while self._unanswered:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, wire.MalformedFrame):
                reader, self._out = await asyncio.open_unix_connection(self._path)
                try:
                    for frame, _ in list(self._unanswered.values()):
                        self._out.write(frame)
                    await self._receive(reader)
                finally:
                    self._out.close()
                    self._out = None
            await asyncio.sleep(RECONNECT_S)

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            head = wire.header(await reader.readexactly(HEADER.size), answer=True)
            body = await reader.readexactly(head.size)
            _, future = self._unanswered.get(head.request, (b"", None))
            if future and not future.done():
                future.set_result(body)


def _ids(ids: Iterable[UUID]) -> Any:
    return np.array([(id_.bytes,) for id_ in ids], wire.ID)
