"""A second engine, in memory, around the oracle of the property tests: the suite is not tied to one ledger."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from tests.clock import SetClock
from tests.engine.engine import Capability, Engine
from tests.model.ledger_oracle import Oracle
from zhangfang.ledger import NO_ID, Account, AccountFlag, Answered, Balance, Book, Entry, Result, Transfer
from zhangfang.ledger import TransferFlag as T

FLOORS = AccountFlag.CREDIT_FLOOR | AccountFlag.DEBIT_FLOOR


class OracleEngine:
    """An engine whose accounts are opened here and whose transfers the oracle decides. It has nothing to restart."""

    lacks: frozenset[Capability] = frozenset()

    def __init__(self) -> None:
        """Start empty, with the months around its clock open for ids."""
        self._clock = SetClock()
        now = self._clock.now()
        self._oracle = Oracle(now - timedelta(days=60), datetime(2028, 1, 1, tzinfo=UTC))
        self._accounts: dict[UUID, Account] = {}

    async def create_accounts(self, accounts: Sequence[Account]) -> list[Result]:
        """Open accounts."""
        return [self._open(account) for account in accounts]

    def _open(self, account: Account) -> Result:
        if not 1 <= account.code <= 9999:
            return Result.ID_INVALID
        if account.flags not in (AccountFlag.NONE, AccountFlag.CREDIT_FLOOR, AccountFlag.DEBIT_FLOOR):
            return Result.FLAGS_INVALID
        if account.limit < 0:
            return Result.AMOUNT_INVALID
        if account.id in self._accounts:
            return Result.EXISTS if self._accounts[account.id] == account else Result.EXISTS_DIFFERENT
        self._accounts[account.id] = account
        self._oracle.open(account)
        return Result.CREATED

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[Answered]:
        """Let the oracle decide."""
        return [Answered(*answer) for answer in self._oracle.ask(transfers, self.now())]

    async def lookup_accounts(self, ids: Iterable[UUID]) -> dict[UUID, Account]:
        """Return the accounts that exist, with their present flags."""
        return {
            id_: Account(
                one.book, one.code, one.subject, self._oracle.accounts[id_].flags, one.limit, one.shard
            )
            for id_ in ids
            if (one := self._accounts.get(id_))
        }

    async def lookup_transfers(self, ids: Iterable[UUID]) -> dict[UUID, Entry]:
        """Return the entries that stand."""
        wanted = set(ids)
        return {one.transfer.id: one for one in self._entries() if one.transfer.id in wanted}

    async def account_transfers(self, account: UUID, after: int = 0, limit: int = 100) -> list[Entry]:
        """Return a page of an account's entries."""
        touching = [one for one in self._entries() if account in (one.transfer.debit, one.transfer.credit)]
        return [one for one in touching if one.seq > after][:limit]

    async def account_balances(
        self, accounts: Iterable[UUID], at: int | datetime | None = None
    ) -> dict[UUID, Balance]:
        """Add up the entries as of one point."""
        entries = self._entries()
        if isinstance(at, datetime):
            entries = [one for one in entries if one.posted_at <= at]
        elif at is not None:
            entries = entries[:at]
        return {id_: _sum(id_, entries) for id_ in accounts if id_ in self._accounts}

    async def set_flags(
        self, account: Account, flags: AccountFlag, *, id_: UUID, business_date: date
    ) -> Answered:
        """Freeze or close an account, or undo it."""
        change = Transfer(
            id_, account.id, account.id, 0, account.book, int(flags), id_, business_date, T.SET_FLAGS
        )
        return (await self.create_transfers([change]))[0]

    async def close_period(
        self, through: date, *, id_: UUID, voucher: UUID, reopen: bool = False
    ) -> Answered:
        """Close business dates, or open them again."""
        close = Transfer(id_, NO_ID, NO_ID, 0, Book.CUSTOMERS, int(reopen), voucher, through, T.CLOSE_PERIOD)
        return (await self.create_transfers([close]))[0]

    def now(self) -> datetime:
        """Return the engine's time."""
        return self._clock.now()

    async def advance(self, seconds: float) -> None:
        """Move the engine's time."""
        self._clock.advance(seconds=seconds)

    async def restart(self, *, clean: bool = True) -> None:
        """Do nothing: there is no process to restart."""

    def _entries(self) -> list[Entry]:
        self._oracle.ask([], self.now())  # what has run out by now is an entry, whoever asks for what
        return self._oracle.entries


def _sum(account: UUID, entries: Sequence[Entry]) -> Balance:
    """Return an account's balance from its entries alone."""
    debits = credits_ = debits_pending = credits_pending = 0
    held = {one.transfer.id: one.transfer.amount for one in entries if one.transfer.flags & T.PENDING}
    for one in entries:
        transfer = one.transfer
        posted = 0 if transfer.flags & (T.PENDING | T.VOID) else transfer.amount
        pending = transfer.amount if transfer.flags & T.PENDING else -held.get(transfer.pending_id, 0)
        if transfer.debit == account:
            debits, debits_pending = debits + posted, debits_pending + pending
        if transfer.credit == account:
            credits_, credits_pending = credits_ + posted, credits_pending + pending
    return Balance(account, debits, credits_, debits_pending, credits_pending, len(entries))


@asynccontextmanager
async def opened() -> AsyncIterator[Engine]:
    """Give an empty engine."""
    yield OracleEngine()
