"""What the suite asks of a ledger engine: its calls, two controls (time and restarts), and what it may lack."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from zhangfang.ledger import Account, AccountFlag, Answered, Balance, Entry, Result, Transfer


class Capability(StrEnum):
    """What an engine may say that it lacks. The tests of it are then skipped, and the end of the run says so."""

    CHAIN_AT_ONCE = "post or void a whole chain of pendings with one transfer"
    OVERDRAFT = "limits with a numeric overdraft"
    FREEZING = "freeze an account (it takes credits and is not debited)"
    CLOSING = "close an account and open it again"
    REFUSALS_KEPT = "give a refusal that depended on state again, after the state has changed"
    PERIODS = "close business dates, and open them again"
    PRECEDENCE = "of several reasons to refuse, name the first of `Result`"
    DENSE_SEQUENCE = "number every entry, expiries included, without a gap"
    PAST_SEQUENCE = "the balance right after any past sequence number"
    PAST_MOMENT = "the balance at any past moment"
    SETTABLE_TIME = "move the engine's time by more than a few seconds"


class Engine(Protocol):
    """A ledger that starts empty. Calls and records are those of `zhangfang.ledger`; raise nothing for a refusal."""

    lacks: frozenset[Capability]

    async def create_accounts(self, accounts: Sequence[Account]) -> list[Result]:
        """Open accounts; one result for each."""

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[Answered]:
        """Ask for up to 8,192 transfers in order; one answer for each."""

    async def lookup_accounts(self, ids: Iterable[UUID]) -> dict[UUID, Account]:
        """Return the accounts that exist of `ids`."""

    async def lookup_transfers(self, ids: Iterable[UUID]) -> dict[UUID, Entry]:
        """Return the entries that stand of `ids`."""

    async def account_transfers(self, account: UUID, after: int = 0, limit: int = 100) -> list[Entry]:
        """Return at most `limit` entries that touch an account, in order, of those after `after`."""

    async def account_balances(
        self, accounts: Iterable[UUID], at: int | datetime | None = None
    ) -> dict[UUID, Balance]:
        """Return balances with their pendings as of one point: now, a sequence number, or a moment."""

    async def set_flags(
        self, account: Account, flags: AccountFlag, *, id_: UUID, business_date: date
    ) -> Answered:
        """Freeze or close an account, or undo it."""

    async def close_period(
        self, through: date, *, id_: UUID, voucher: UUID, reopen: bool = False
    ) -> Answered:
        """Close the business dates up to `through`; with `reopen`, open those after it again."""

    def now(self) -> datetime:
        """Return the engine's time, aware, in UTC."""

    async def advance(self, seconds: float) -> None:
        """Let time go on, to the microsecond."""

    async def restart(self, *, clean: bool = True) -> None:
        """End the engine, cleanly or as a crash would, and start it on what it had stored."""


Opener = Callable[[], AbstractAsyncContextManager[Engine]]
Opened = AsyncIterator[Engine]
