"""A ledger as short as it can be, to compare the real one with: one transfer after the other, slow and obvious.

It shares the vocabulary with the ledger and nothing else. A refusal is the smallest of all results that apply, which
is what the precedence of the enum says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from zhangfang.ledger.model import (
    DURABLE,
    MAX_AMOUNT,
    NO_ID,
    Account,
    Book,
    Entry,
    Result,
    Transfer,
)
from zhangfang.ledger.model import AccountFlag as A
from zhangfang.ledger.model import TransferFlag as T

EPOCH = datetime.fromtimestamp(0, UTC)
SORTS = (T.PENDING, T.POST, T.VOID, T.SET_FLAGS, T.CLOSE_PERIOD)
Answer = tuple[Result, int]


@dataclass(frozen=True)
class Standing:
    """An account's sums. It is replaced and never changed, so that a chain can be taken back."""

    book: Book
    flags: A
    limit: int
    debits: int = 0
    credits: int = 0
    debits_pending: int = 0
    credits_pending: int = 0


@dataclass(frozen=True)
class Hold:
    """A pending. `chain` is the number of the first entry of its chain."""

    transfer: Transfer
    chain: int
    deadline: datetime | None


class Oracle:
    """The reference ledger."""

    def __init__(self, first: datetime, end: datetime, last: datetime = EPOCH) -> None:
        """Accept ids born from `first` until before `end`; no moment before `last` comes any more."""
        self.span = (first, end)
        self.now = self.kept = last  # `kept`: of the last thing written down
        self.accounts: dict[UUID, Standing] = {}
        self.holds: dict[UUID, Hold] = {}
        self.chains: dict[int, tuple[UUID, ...]] = {}  # the pendings of each chain, in order
        self.became: dict[UUID, Result] = {}  # what a resolved pending answers
        self.told: dict[UUID, tuple[Transfer, Answer]] = {}
        self.refused: dict[
            UUID, Answer
        ] = {}  # refusals that are remembered, each with the last entry before it
        self.closed: dict[str, date] = {}  # "through": the last closed business date
        self.entries: list[
            Entry
        ] = []  # entry number n stands at n - 1; an id the ledger makes itself is NO_ID
        self.undo: list[tuple[dict[Any, Any], Any, Any]] = []

    def open(self, account: Account) -> None:
        """Open an account that is in order."""
        self.accounts[account.id] = Standing(account.book, account.flags, account.limit)

    def ask(self, request: Sequence[Transfer], now: datetime) -> list[Answer]:
        """Answer a request."""
        if now > self.now:
            self.now = now
            self.expire()
        answers: list[Answer] = []
        chain: list[Transfer] = []
        for transfer in request:
            chain.append(transfer)
            if not transfer.flags & T.LINKED:
                answers += self.known(chain) or self.decide(chain)
                chain = []
        failed = [(Result.LINKED_FAILED, 0)] * (len(chain) - 1) + [(Result.CHAIN_OPEN, 0)] * bool(chain)
        return answers + (self.known(chain) or failed)

    def crash(self) -> None:
        """Forget a moment at which nothing was written down; nothing else is ever lost."""
        self.now = self.kept

    def expire(self) -> None:
        """Give back what ran out, on its business date or the first that is open."""
        due = [
            (hold.deadline, id_.bytes, hold)
            for id_, hold in self.holds.items()
            if id_ not in self.became and hold.deadline is not None and hold.deadline <= self.now
        ]
        for _, _, hold in sorted(due, key=lambda one: one[:2]):
            held = hold.transfer
            day = max(held.business_date, self.closed.get("through", date.min) + timedelta(days=1))
            void = T.VOID | T.EXPIRED
            own = replace(held, id=NO_ID, kind=0, flags=void, timeout=0, reverses=NO_ID, business_date=day)
            self.resolve(hold, own, Result.PENDING_EXPIRED)

    def known(self, chain: Sequence[Transfer]) -> list[Answer]:
        """Answer a chain in which an id was answered before, or stands twice; of any other, nothing."""
        ids = [one.id for one in chain]
        if len(set(ids)) == len(ids) and not any(id_ in self.told for id_ in ids):
            return []
        answers: list[Answer] = []
        for n, one in enumerate(chain):
            told, answer = self.told.get(one.id, (None, (Result.LINKED_FAILED, 0)))
            if told == one and answer[0] is Result.CREATED:
                answer = (Result.EXISTS, answer[1])
            elif told != one and (told or one.id in ids[:n]):
                answer = (min([*self.bad_form(one), Result.EXISTS_DIFFERENT]), 0)
            answers.append(answer)
        return answers

    def decide(self, chain: Sequence[Transfer]) -> list[Answer]:
        """Answer a chain that is new: all or nothing."""
        before, kept, answers = len(self.entries), self.kept, list[Answer]()
        self.undo = []
        for n, one in enumerate(chain):
            why = min(self.reasons(one), default=Result.CREATED)
            if why is not Result.CREATED:
                self.take_back(before)
                self.kept = kept
                answers = [(why if m == n else Result.LINKED_FAILED, 0) for m in range(len(chain))]
                break
            self.apply(one, before + 1)
            answers.append((Result.CREATED, len(self.entries)))
        if {result for result, _ in answers} - {Result.LINKED_FAILED} <= DURABLE | {Result.CREATED}:
            self.kept = self.now
            self.told.update((one.id, (one, answer)) for one, answer in zip(chain, answers, strict=True))
            if answers[-1][0] is not Result.CREATED:
                ids = [one.id for one in chain]
                self.refused.update((id_, (why, before)) for id_, (why, _) in zip(ids, answers, strict=True))
        return answers

    def put(self, where: dict[Any, Any], key: Any, value: Any) -> None:
        """Set a value so that `take_back` can undo it."""
        self.undo.append((where, key, where.get(key)))
        where[key] = value

    def take_back(self, before: int) -> None:
        """Undo what this chain has done since entry `before`."""
        for where, key, value in reversed(self.undo):
            if value is None:
                del where[key]
            else:
                where[key] = value
        del self.entries[before:]

    # --- why not ----------------------------------------------------------------------------------------------

    def reasons(self, one: Transfer) -> Iterator[Result]:
        """Yield every refusal that applies."""
        yield from self.bad_form(one)
        resolves = bool(one.flags & (T.POST | T.VOID))
        none_needed = resolves or one.flags & T.CLOSE_PERIOD
        debit, credit = self.accounts.get(one.debit), self.accounts.get(one.credit)
        if debit is None and not (none_needed and one.debit == NO_ID):
            yield Result.DEBIT_NOT_FOUND
        if credit is None and not (none_needed and one.credit == NO_ID):
            yield Result.CREDIT_NOT_FOUND
        if any(side and side.book != one.book for side in (debit, credit)):
            yield Result.BOOK_DIFFERENT
        yield from self.bad_date(one)
        if resolves:
            yield from self.bad_resolution(one)
        elif debit and credit and not one.flags & T.SET_FLAGS:
            yield from bad_movement(debit, credit, one.amount)

    def bad_form(self, one: Transfer) -> Iterator[Result]:
        """Yield what is wrong with a transfer by itself."""
        born = EPOCH + timedelta(milliseconds=one.id.int >> 80)
        if one.id.version != 7 or not self.span[0] <= born < self.span[1]:
            yield Result.ID_INVALID
        sorts = [flag for flag in SORTS if one.flags & flag]
        resolves, sets, closes = (
            sorts in ([T.POST], [T.VOID]),
            sorts == [T.SET_FLAGS],
            sorts == [T.CLOSE_PERIOD],
        )
        if (
            len(sorts) > 1
            or int(one.flags) & ~int(T.LINKED | T.CHAIN | sum(sorts))  # T's own ~ forgets bits without a name
            or (one.flags & T.CHAIN and not resolves)
            or (one.timeout and sorts != [T.PENDING])
            or (one.pending_id != NO_ID and not resolves)
            or (sets and (one.debit != one.credit or one.kind & ~12))
            or (closes and (one.debit != NO_ID or one.credit != NO_ID or one.kind > 1))
        ):
            yield Result.FLAGS_INVALID
        none = sets or closes or sorts == [T.VOID] or one.flags & T.CHAIN
        least, most = (0, 0) if none else (0, MAX_AMOUNT) if sorts == [T.POST] else (1, MAX_AMOUNT)
        if not least <= one.amount <= most:
            yield Result.AMOUNT_INVALID
        may_be_equal = sets or closes or (resolves and one.debit == NO_ID)
        if one.debit == one.credit and not may_be_equal:
            yield Result.ACCOUNTS_EQUAL

    def bad_date(self, one: Transfer) -> Iterator[Result]:
        """Yield that a date is closed; only what re-opens has to be about one that is."""
        through = self.closed.get("through", date.min)
        reopens = one.flags & T.CLOSE_PERIOD and one.kind == 1
        in_order = one.business_date < through if reopens else one.business_date > through
        if not in_order or not 2000 <= one.business_date.year <= 2199:
            yield Result.PERIOD_CLOSED

    def bad_resolution(self, one: Transfer) -> Iterator[Result]:
        """Yield why a pending cannot be resolved so."""
        hold = self.holds.get(one.pending_id)
        if hold is None:
            yield Result.PENDING_NOT_FOUND
            return
        held = hold.transfer
        given = (one.debit in (NO_ID, held.debit), one.credit in (NO_ID, held.credit), one.book == held.book)
        if not all(given):
            yield Result.PENDING_DIFFERENT
        if held.id in self.became:
            yield self.became[held.id]
        if one.amount > held.amount:
            yield Result.EXCEEDS_PENDING
        if one.flags & T.POST:
            for member in self.members(one):
                yield from barred(self.accounts[member.transfer.debit], self.accounts[member.transfer.credit])

    def members(self, one: Transfer) -> list[Hold]:
        """Return the holds that a post or a void means."""
        hold = self.holds[one.pending_id]
        if not one.flags & T.CHAIN:
            return [hold]
        return [self.holds[id_] for id_ in self.chains[hold.chain] if id_ not in self.became]

    # --- doing it ---------------------------------------------------------------------------------------------

    def apply(self, one: Transfer, chain: int) -> None:
        """Do what was not refused."""
        if one.flags & T.CLOSE_PERIOD:
            self.put(self.closed, "through", one.business_date)
            self.write(one)
        elif one.flags & T.SET_FLAGS:
            account = self.accounts[one.debit]
            self.put(self.accounts, one.debit, replace(account, flags=A(account.flags & 3 | one.kind)))
            self.write(one)
        elif one.flags & (T.POST | T.VOID):
            became = Result.PENDING_ALREADY_POSTED if one.flags & T.POST else Result.PENDING_ALREADY_VOIDED
            *others, last = self.members(one)
            for hold in others:
                self.resolve(hold, replace(one, id=NO_ID, flags=one.flags | T.LINKED), became)
            self.resolve(last, one, became)
        elif one.flags & T.PENDING:
            self.move(one, pending=one.amount)
            deadline = self.now + timedelta(seconds=one.timeout) if one.timeout else None
            self.put(self.holds, one.id, Hold(one, chain, deadline))
            self.put(self.chains, chain, (*self.chains.get(chain, ()), one.id))
            self.write(one)
        else:
            self.move(one, posted=one.amount)
            self.write(one)

    def resolve(self, hold: Hold, one: Transfer, became: Result) -> None:
        """End a hold by `one`, which may move less than was held."""
        held = hold.transfer
        posted = (one.amount or held.amount) if one.flags & T.POST else 0
        self.put(self.became, held.id, became)
        self.move(held, pending=-held.amount, posted=posted)
        self.write(
            replace(
                one,
                debit=held.debit,
                credit=held.credit,
                amount=posted or held.amount,
                kind=one.kind or held.kind,
                pending_id=held.id,
            )
        )

    def move(self, one: Transfer, *, pending: int = 0, posted: int = 0) -> None:
        """Add to what the accounts of a transfer hold and have."""
        debit, credit = self.accounts[one.debit], self.accounts[one.credit]
        more: dict[str, Any] = {
            "debits": debit.debits + posted,
            "debits_pending": debit.debits_pending + pending,
        }
        self.put(self.accounts, one.debit, replace(debit, **more))
        more = {"credits": credit.credits + posted, "credits_pending": credit.credits_pending + pending}
        self.put(self.accounts, one.credit, replace(credit, **more))

    def write(self, one: Transfer) -> None:
        """Write an entry down, with both balances after it."""
        self.kept = self.now
        balances = [
            side.debits - side.credits if side else 0
            for side in (self.accounts.get(one.debit), self.accounts.get(one.credit))
        ]
        self.entries.append(Entry(len(self.entries) + 1, one, self.now, *balances))


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
