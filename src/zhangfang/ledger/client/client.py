"""What may be asked of the ledger. Calls of `create_transfers` made at the same moment travel together."""

import asyncio
import struct
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from zhangfang.kernel.errors import Busy, InvalidInput
from zhangfang.ledger import wire
from zhangfang.ledger.client.link import LedgerUnavailable, Link
from zhangfang.ledger.model import (
    NO_ID,
    Account,
    AccountFlag,
    Answered,
    Balance,
    Book,
    Entry,
    Result,
    Transfer,
    TransferFlag,
)
from zhangfang.ledger.wire import MAX_COUNT, Op, Records, Status

__all__ = ["LedgerClient", "LedgerUnavailable"]

RESULT: Final = struct.Struct("<Hq")  # `wire.RESULT`: for a few records `struct` is faster than NumPy
_RESULTS: Final = {int(result): result for result in Result}
_LINKED: Final = int(TransferFlag.LINKED)


class _Call(NamedTuple):
    """One call of `create_transfers` that waits to travel."""

    body: bytes
    size: int
    left_open: bool  # its last chain is not closed: no other call may follow in the same frame
    answered: asyncio.Future[list[Answered]]


class LedgerClient:
    """Asks the writer that listens on `socket_path`. Every call raises `LedgerUnavailable` after `deadline` seconds.

    While too many requests wait for an answer it raises `Busy`.
    """

    def __init__(self, socket_path: Path, deadline: float = 10.0) -> None:
        """Connect at the first call, and again whenever the writer has changed."""
        self._link = Link(socket_path, deadline)
        self._gathered: list[_Call] = []
        self._sent: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "LedgerClient":
        """Use the client in an `async with`, which closes it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """End the connection. What waits for an answer gets `LedgerUnavailable`."""
        self._flush()
        await asyncio.sleep(0)  # the gathered calls are asked first, and get the same error as the rest
        await self._link.close()
        await asyncio.gather(*self._sent)

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
        body = b"".join(map(wire.packed, transfers))  # a bad value fails here, and not the calls beside it
        left_open = bool(transfers) and bool(int(transfers[-1].flags) & _LINKED)
        loop = asyncio.get_running_loop()
        if not self._gathered:
            loop.call_soon(self._flush)
        call = _Call(body, len(transfers), left_open, loop.create_future())
        self._gathered.append(call)
        return await call.answered

    async def create_transfer_records(self, records: Records) -> Records:
        """Ask for at most 8,192 transfers as an array of `wire.TRANSFER`; return one of `wire.RESULT`, in order.

        The array is a frame of its own, as it stands; a value that is not allowed gets a result, not an exception.
        """
        if records.dtype != wire.TRANSFER or records.ndim != 1 or len(records) > MAX_COUNT:
            shape = f"an array of shape {records.shape} of {records.dtype}"
            raise InvalidInput("records", shape, f"at most {MAX_COUNT} records of wire.TRANSFER")
        return await self._call(Op.CREATE_TRANSFERS, records)

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

    async def close_period(
        self, through: date, *, id_: UUID, voucher: UUID, reopen: bool = False
    ) -> Answered:
        """Close every business date up to and including `through`, or re-open back to `through`, for all books.

        CREATED: no posting of a closed date is taken after that entry. PERIOD_CLOSED: what is closed reaches further
        already (or, to `reopen`, not as far).
        """
        change = Transfer(
            id=id_,
            debit=NO_ID,
            credit=NO_ID,
            amount=0,
            book=Book.CUSTOMERS,  # any will do
            kind=int(reopen),
            voucher=voucher,
            business_date=through,
            flags=TransferFlag.CLOSE_PERIOD,
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
        count = 0
        for call in gathered:
            if count + call.size > MAX_COUNT:
                self._send(calls, count)
                calls, count = [], 0
            calls.append(call)
            count += call.size
            if call.left_open:
                self._send(calls, count)
                calls, count = [], 0
        if calls:
            self._send(calls, count)

    def _send(self, calls: list[_Call], count: int) -> None:
        task = asyncio.create_task(self._transfer(calls, count))
        self._sent.add(task)
        task.add_done_callback(self._sent.discard)

    async def _transfer(self, calls: list[_Call], count: int) -> None:
        """Ask for the transfers of several calls in one frame, and tell each call what came of its own."""
        try:
            body = await self._link.ask(Op.CREATE_TRANSFERS, count, b"".join([call.body for call in calls]))
        except (LedgerUnavailable, Busy) as error:
            for call in calls:
                if not call.answered.done():
                    call.answered.set_exception(type(error)(str(error)))
            return
        answers = [Answered(_RESULTS[result], seq) for result, seq in RESULT.iter_unpack(body)]
        first = 0
        for call in calls:
            if not call.answered.done():
                call.answered.set_result(answers[first : first + call.size])
            first += call.size

    async def _call(self, op: Op, asked: Records) -> Records:
        return wire.records(await self._link.ask(op, len(asked), asked.tobytes()), wire.RESPONSE[op])


def _ids(ids: Iterable[UUID]) -> Any:
    return np.array([(id_.bytes,) for id_ in ids], wire.ID)
