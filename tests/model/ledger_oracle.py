"""A ledger as short as it can be, to compare the real one with: one transfer after the other, slow and obvious.

It shares the vocabulary with the ledger and nothing else. A refusal is the smallest of all results that apply, which
is what the precedence of the enum says.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from zhangfang.ledger.model import (
    DURABLE,
    MAX_AMOUNT,
    NO_ID,
    Account,
    Book,
    Result,
    Transfer,
)
from zhangfang.ledger.model import AccountFlag as A
from zhangfang.ledger.model import TransferFlag as T


@dataclass
class Standing:
    """An account's sums."""

    book: Book
    flags: A
    limit: int
    debits: int = 0
    credits: int = 0
    debits_pending: int = 0
    credits_pending: int = 0


@dataclass
class Hold:
    """A pending and what became of it."""

    transfer: Transfer
    chain: int
    deadline: datetime | None
    became: Result | None = None


@dataclass
class Books:
    """All that can be taken back when a chain fails."""

    seq: int = 0
    accounts: dict[UUID, Standing] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    told: dict[UUID, tuple[Transfer, Result, int]] = field(default_factory=dict)


class Oracle:
    """The reference ledger."""

    def __init__(self, first: datetime, end: datetime) -> None:
        """Accept ids born from `first` until before `end`."""
        self.span = (first, end)
        self.books = Books()
        self.now = datetime.fromtimestamp(0, UTC)

    def open(self, account: Account) -> None:
        """Open an account that is in order."""
        self.books.accounts[account.id] = Standing(account.book, account.flags, account.limit)

    def ask(self, request: Sequence[Transfer], now: datetime) -> list[tuple[Result, int]]:
        """Answer a request."""
        self.now = max(self.now, now)
        self.expire()
        answers: list[tuple[Result, int]] = []
        chain: list[Transfer] = []
        for transfer in request:
            chain.append(transfer)
            if not transfer.flags & T.LINKED:
                answers += self.chain(chain, False)
                chain = []
        return answers + (self.chain(chain, True) if chain else [])

    def expire(self) -> None:
        """Give back what ran out."""
        open_ = [hold for hold in self.books.holds.values() if hold.became is None and hold.deadline]
        for hold in sorted(open_, key=lambda hold: (hold.deadline, hold.transfer.id.bytes)):
            if hold.deadline is not None and hold.deadline <= self.now:
                self.give_back(hold, Result.PENDING_EXPIRED)
                self.books.seq += 1

    def chain(self, chain: list[Transfer], is_open: bool) -> list[tuple[Result, int]]:
        """Answer a chain."""
        told = [self.books.told.get(one.id) for one in chain]
        same = [
            (what[1] if what[1] in DURABLE else Result.EXISTS, what[2]) if what and what[0] == one else None
            for what, one in zip(told, chain, strict=True)
        ]
        if any(same):
            return [one or (Result.LINKED_FAILED, 0) for one in same]
        if is_open:
            return [(Result.LINKED_FAILED, 0)] * (len(chain) - 1) + [(Result.CHAIN_OPEN, 0)]
        before, answers = deepcopy(self.books), []
        for n, one in enumerate(chain):
            why = min(self.reasons(one), default=Result.CREATED)
            if why is not Result.CREATED:
                self.books = before
                results = [why if m == n else Result.LINKED_FAILED for m in range(len(chain))]
                if why in DURABLE:
                    for member, result in zip(chain, results, strict=True):
                        self.books.told[member.id] = (member, result, 0)
                return [(result, 0) for result in results]
            self.apply(one, before.seq + 1)
            self.books.told[one.id] = (one, Result.CREATED, self.books.seq)
            answers.append((Result.CREATED, self.books.seq))
        return answers

    def reasons(self, one: Transfer) -> Iterator[Result]:
        """Yield every refusal that applies."""
        yield from self.bad_form(one)
        if one.id in self.books.told:
            yield Result.EXISTS_DIFFERENT
        resolves = bool(one.flags & (T.POST | T.VOID))
        debit, credit = self.books.accounts.get(one.debit), self.books.accounts.get(one.credit)
        if debit is None and not (resolves and one.debit == NO_ID):
            yield Result.DEBIT_NOT_FOUND
        if credit is None and not (resolves and one.credit == NO_ID):
            yield Result.CREDIT_NOT_FOUND
        if any(side and side.book != one.book for side in (debit, credit)):
            yield Result.BOOK_DIFFERENT
        if not 2000 <= one.business_date.year <= 2199:
            yield Result.PERIOD_CLOSED
        if resolves:
            yield from self.bad_resolution(one)
        elif debit and credit and not one.flags & T.SET_FLAGS:
            yield from bad_movement(debit, credit, one.amount)

    def bad_form(self, one: Transfer) -> Iterator[Result]:
        """Yield what is wrong with a transfer by itself."""
        born = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=one.id.int >> 80)
        if one.id.version != 7 or not self.span[0] <= born < self.span[1]:
            yield Result.ID_INVALID
        sorts = [flag for flag in (T.PENDING, T.POST, T.VOID, T.SET_FLAGS) if one.flags & flag]
        known = T.LINKED | T.PENDING | T.POST | T.VOID | T.CHAIN | T.SET_FLAGS
        resolves = sorts in ([T.POST], [T.VOID])
        if (
            len(sorts) > 1
            or one.flags & ~known
            or (one.flags & T.CHAIN and not resolves)
            or (one.timeout and sorts != [T.PENDING])
            or (one.pending_id != NO_ID and not resolves)
            or (sorts == [T.SET_FLAGS] and (one.debit != one.credit or one.kind & ~12))
        ):
            yield Result.FLAGS_INVALID
        none = sorts in ([T.VOID], [T.SET_FLAGS]) or one.flags & T.CHAIN
        least, most = (0, 0) if none else (0, MAX_AMOUNT) if sorts == [T.POST] else (1, MAX_AMOUNT)
        if not least <= one.amount <= most:
            yield Result.AMOUNT_INVALID
        may_be_equal = sorts == [T.SET_FLAGS] or (resolves and one.debit == NO_ID)
        if one.debit == one.credit and not may_be_equal:
            yield Result.ACCOUNTS_EQUAL

    def bad_resolution(self, one: Transfer) -> Iterator[Result]:
        """Yield why a pending cannot be resolved so."""
        hold = self.books.holds.get(one.pending_id)
        if hold is None:
            yield Result.PENDING_NOT_FOUND
            return
        held = hold.transfer
        given = (one.debit in (NO_ID, held.debit), one.credit in (NO_ID, held.credit), one.book == held.book)
        if not all(given):
            yield Result.PENDING_DIFFERENT
        if hold.became:
            yield hold.became
        if one.amount > held.amount:
            yield Result.EXCEEDS_PENDING
        if one.flags & T.POST:
            for member in self.members(one):
                debit = self.books.accounts[member.transfer.debit]
                credit = self.books.accounts[member.transfer.credit]
                yield from barred(debit, credit)

    def members(self, one: Transfer) -> list[Hold]:
        """Return the holds that a post or a void means."""
        hold = self.books.holds[one.pending_id]
        if not one.flags & T.CHAIN:
            return [hold]
        return [
            other for other in self.books.holds.values() if other.chain == hold.chain and not other.became
        ]

    def apply(self, one: Transfer, chain: int) -> None:
        """Do what was not refused."""
        accounts = self.books.accounts
        if one.flags & T.SET_FLAGS:
            account = accounts[one.debit]
            account.flags = A(account.flags & 3 | one.kind)
            self.books.seq += 1
        elif one.flags & (T.POST | T.VOID):
            for hold in self.members(one):
                posted = bool(one.flags & T.POST)
                became = Result.PENDING_ALREADY_POSTED if posted else Result.PENDING_ALREADY_VOIDED
                self.give_back(hold, became)
                if posted:
                    accounts[hold.transfer.debit].debits += one.amount or hold.transfer.amount
                    accounts[hold.transfer.credit].credits += one.amount or hold.transfer.amount
                self.books.seq += 1
        elif one.flags & T.PENDING:
            accounts[one.debit].debits_pending += one.amount
            accounts[one.credit].credits_pending += one.amount
            deadline = self.now + timedelta(seconds=one.timeout) if one.timeout else None
            self.books.holds[one.id] = Hold(one, chain, deadline)
            self.books.seq += 1
        else:
            accounts[one.debit].debits += one.amount
            accounts[one.credit].credits += one.amount
            self.books.seq += 1

    def give_back(self, hold: Hold, became: Result) -> None:
        """End a hold."""
        hold.became = became
        self.books.accounts[hold.transfer.debit].debits_pending -= hold.transfer.amount
        self.books.accounts[hold.transfer.credit].credits_pending -= hold.transfer.amount


def barred(debit: Standing, credit: Standing) -> Iterator[Result]:
    """Yield what freezing and closing forbid."""
    if debit.flags & A.FROZEN:
        yield Result.ACCOUNT_FROZEN
    if (debit.flags | credit.flags) & A.CLOSED:
        yield Result.ACCOUNT_CLOSED


def bad_movement(debit: Standing, credit: Standing, amount: int) -> Iterator[Result]:
    """Yield why an amount may not be moved or held."""
    yield from barred(debit, credit)
    debits = debit.debits + debit.debits_pending + amount
    credits_ = credit.credits + credit.credits_pending + amount
    if debit.flags & A.CREDIT_FLOOR and debits - debit.credits > debit.limit:
        yield Result.EXCEEDS_CREDITS
    if credit.flags & A.DEBIT_FLOOR and credits_ - credit.debits > credit.limit:
        yield Result.EXCEEDS_DEBITS
    if debits > MAX_AMOUNT or credits_ > MAX_AMOUNT:
        yield Result.OVERFLOW
