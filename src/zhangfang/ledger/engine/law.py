"""The law decides transfers one after the other. It gets every row that the sieve could not prove.

It works on copies of the accounts, counts each decision on them, and says which rows stand. The accounts themselves are
changed later, for the whole batch at once (`booking.py`). The copies do not have what the sieve passed in the same
batch. That changes no answer: the sieve passes a transfer only if the batch cannot exhaust either of its accounts, in
whatever order it is taken.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from zhangfang.ledger.engine.accounts import Held, count_on
from zhangfang.ledger.engine.memory import Memory
from zhangfang.ledger.engine.rules import (
    CHAIN,
    CLOSE_PERIOD,
    CLOSED,
    EXPIRED,
    FIRST_DAY,
    FLOORS,
    FROZEN,
    LAST_DAY,
    LINKED,
    NONE,
    PENDING,
    POST,
    REOPENS,
    RESOLVES,
    SET_FLAGS,
    VOID,
    Ask,
    Pending,
    became,
    derived,
    malformed,
    may_end,
    refused,
    same_accounts,
)
from zhangfang.ledger.engine.verdicts import Refused, Resolution, Retold, pending_of
from zhangfang.ledger.model import DURABLE, Result

BEFORE_ALL = NOWHERE = -1  # positions: of what the ledger does before the batch; of no row


class Law:
    """The sequential part of one batch's decision."""

    def __init__(self, memory: Memory, rows: int) -> None:
        """Decide a batch of so many rows at memory's moment, on what memory holds."""
        self._memory = memory
        self._holds = memory.holds
        self._lent: dict[int, Held] = {}
        self._fresh: dict[bytes, tuple[Retold, bytes]] = {}  # ids of this batch: how to answer them again
        self._undo: list[Callable[[], object]] = []
        self._chained = False
        self.results = [Result.CREATED] * rows
        self.retold: list[Retold] = []
        self.created: list[int] = []  # positions of rows that go into the books as they are
        self.resolutions: list[Resolution] = []
        self.made: list[Ask] = []  # rows that the ledger adds by itself, each before the row at its position
        self.held: list[tuple[Pending, int]] = []  # pendings made here, with their row's position
        self.refusals: list[Refused] = []
        self.flagged: dict[int, int] = {}  # accounts' new flags

    # --- rows of valid form, with a new id, in no chain: only the accounts are left to check --------------------

    def borrow(self, numbers: Iterable[int]) -> None:
        """Have accounts lent, all at once."""
        wanted = [number for number in numbers if number not in self._lent]
        self._lent.update(zip(wanted, self._memory.accounts.lend(wanted), strict=True))

    def move(self, position: int, debit_at: int, credit_at: int, amount: int, flags: int) -> None:
        """Decide a plain transfer or a hold between accounts that were borrowed."""
        debit, credit = self._lent[debit_at], self._lent[credit_at]
        result = refused(debit, credit, amount)
        if result is not Result.CREATED:
            self._refuse_alone(position, result)
            return
        self.created.append(position)
        self._chained = False
        self._add(debit, credit, *((0, amount) if flags & PENDING else (amount, 0)))

    def end(self, position: int, pending_id: bytes, amount: int, flags: int, book: int, kind: int) -> None:
        """Decide the post or the void of one pending, that names no account."""
        pending, result = self._find(pending_id)
        if pending is not None:
            result = may_end(pending, result, amount, same=pending.book == book)
            if result is Result.CREATED and flags & POST:
                result = self._barred([pending])
        if pending is None or result is not Result.CREATED:
            self._refuse_alone(position, result)
            return
        self._chained = False
        self._end(pending, position, flags, amount, kind)

    def _refuse_alone(self, position: int, result: Result) -> None:
        self.results[position] = result
        if result in DURABLE:
            self.refusals.append(Refused(position, position, result))

    def chain(self, asks: Sequence[Ask], is_open: bool) -> None:
        """Decide a chain: all or nothing, and one answer for ever, for every member."""
        known = [self._known(ask) for ask in asks]
        if any(known) or (len(asks) > 1 and len({ask.id for ask in asks}) < len(asks)):
            self._answer_again(asks, known)
        elif is_open:
            self._refuse(asks, len(asks) - 1, Result.CHAIN_OPEN)
        else:
            self._decide(asks)

    def _known(self, ask: Ask) -> tuple[Retold, bool] | None:
        """Return what was answered under this id, and whether it was this very request."""
        fresh = self._fresh.get(ask.id)
        if fresh:
            return fresh[0], fresh[1] == ask.digest
        if not ask.known:
            return None
        known = self._memory.recent.known(ask.known)
        return Retold(NOWHERE, known.result, known.seq), known.digest == ask.digest

    def _answer_again(self, asks: Sequence[Ask], known: Sequence[tuple[Retold, bool] | None]) -> None:
        """Answer a chain that has a known id, or one id twice. It is not decided, and nothing new is remembered."""
        before: set[bytes] = set()
        for ask, one in zip(asks, known, strict=True):
            if one and one[1]:
                self.retold.append(one[0]._replace(position=ask.position))
            elif one or ask.id in before:
                why = malformed(ask, self._memory.months) or Result.EXISTS_DIFFERENT
                self.results[ask.position] = why
            else:
                self.results[ask.position] = Result.LINKED_FAILED
            before.add(ask.id)

    def _decide(self, asks: Sequence[Ask]) -> None:
        self._undo.clear()
        self._chained = len(asks) > 1
        marks = [len(made) for made in self._lists()] if self._chained else ()
        for n, ask in enumerate(asks):
            result = self._one(ask, asks[0].id)
            if result is not Result.CREATED:
                self._take_back(marks)
                self._refuse(asks, n, result)
                return
        for ask in asks:
            self._fresh[ask.id] = Retold(NOWHERE, Result.EXISTS, 0, ask.position), ask.digest

    def _lists(self) -> tuple[list[Any], ...]:
        return self.created, self.resolutions, self.made, self.held

    def _take_back(self, marks: Sequence[int]) -> None:
        """Undo what the members of a chain did before one was refused."""
        if self._chained:
            while self._undo:
                self._undo.pop()()
            for made, mark in zip(self._lists(), marks, strict=True):
                del made[mark:]

    def _refuse(self, asks: Sequence[Ask], culprit: int, result: Result) -> None:
        for n, ask in enumerate(asks):
            why = self.results[ask.position] = result if n == culprit else Result.LINKED_FAILED
            if result in DURABLE:
                self._fresh[ask.id] = Retold(NOWHERE, why), ask.digest
                # the entries before a chain are those before its first member
                self.refusals.append(Refused(ask.position, asks[0].position, why))

    def _one(self, ask: Ask, chain: bytes) -> Result:  # noqa: PLR0911 - a precedence reads from the top
        """Decide one transfer under a new id, and count it when the answer is CREATED."""
        result = malformed(ask, self._memory.months)
        if result is not Result.CREATED:
            return result
        if ask.flags & CLOSE_PERIOD:
            return self._close_period(ask)
        if ask.flags & RESOLVES:
            return self._resolve(ask)
        if not ask.debit_at:
            return Result.DEBIT_NOT_FOUND
        if not ask.credit_at:
            return Result.CREDIT_NOT_FOUND
        debit, credit = self._lend(ask.debit_at), self._lend(ask.credit_at)
        if not debit.book == credit.book == ask.book:
            return Result.BOOK_DIFFERENT
        if not self._date_open(ask):
            return Result.PERIOD_CLOSED
        if ask.flags & SET_FLAGS:
            self._set_flags(debit, ask)
            return Result.CREATED
        result = refused(debit, credit, ask.amount)
        if result is Result.CREATED:
            self._move(debit, credit, ask, chain)
        return result

    def _lend(self, number: int) -> Held:
        if number not in self._lent:
            self.borrow([number])
        return self._lent[number]

    def _date_open(self, ask: Ask) -> bool:
        return max(FIRST_DAY, self._memory.closed_through + 1) <= ask.business_date <= LAST_DAY

    def _close_period(self, ask: Ask) -> Result:
        closed = self._memory.closed_through
        later = ask.business_date > closed
        if not FIRST_DAY <= ask.business_date <= LAST_DAY or ask.business_date == closed:
            return Result.PERIOD_CLOSED
        if later == (ask.kind == REOPENS):
            return Result.PERIOD_CLOSED
        self._memory.closed_through = ask.business_date
        self._undo.append(partial(setattr, self._memory, "closed_through", closed))
        self.created.append(ask.position)
        return Result.CREATED

    def _set_flags(self, account: Held, ask: Ask) -> None:
        before, account.flags = account.flags, account.flags & FLOORS | ask.kind
        self.flagged[ask.debit_at] = account.flags
        self._undo.append(partial(setattr, account, "flags", before))
        self._undo.append(partial(self.flagged.__setitem__, ask.debit_at, before))
        self.created.append(ask.position)

    def _move(self, debit: Held, credit: Held, ask: Ask, chain: bytes) -> None:
        self.created.append(ask.position)
        self._add(debit, credit, ask.moved, ask.held)
        if ask.flags & PENDING:
            pending = pending_of(ask, self._memory.at, chain if self._chained else None)
            pending.seq = self._memory.seq + 1 + ask.position  # good for sorting; exact once it is booked
            self._holds.hold(pending)
            self.held.append((pending, ask.position))
            self._undo.append(partial(self._holds.drop, pending))

    def _add(self, debit: Held, credit: Held, moved: int, held: int) -> None:
        """Count what a row posts and what it holds, so that it can be undone within a chain."""
        if self._chained:
            self._undo.append(partial(count_on, debit, credit, -moved, -held))
        count_on(debit, credit, moved, held)

    # --- what resolves a pending -------------------------------------------------------------------------------

    def _resolve(self, ask: Ask) -> Result:
        """Post or void what a pending holds, or all that its chain still holds."""
        result = self._sides(ask)
        if result is not Result.CREATED:
            return result
        pending, result = self._find(ask.pending_id)
        if pending is None:
            return result
        result = may_end(pending, result, ask.amount, same=same_accounts(ask, pending))
        if result is not Result.CREATED:
            return result
        members = [pending]
        if ask.flags & CHAIN and pending.chain is not None:
            members = [self._holds.open[id_] for id_ in self._holds.chains[pending.chain]]
        if ask.flags & POST:
            result = self._barred(members)
        if result is Result.CREATED:
            for n, member in enumerate(members[:-1], 1):
                id_ = derived(ask.id, int.from_bytes(ask.id[:6], "big"), len(members) - n)
                self._make(member, ask, id_, LINKED)
            self._end(members[-1], ask.position, ask.flags, ask.amount, ask.kind)
        return result

    def _sides(self, ask: Ask) -> Result:
        """Check the accounts that a resolution may name, and its business date."""
        for id_, number, missing in (
            (ask.debit, ask.debit_at, Result.DEBIT_NOT_FOUND),
            (ask.credit, ask.credit_at, Result.CREDIT_NOT_FOUND),
        ):
            if id_ != NONE and not number:
                return missing
        if any(number and self._lend(number).book != ask.book for number in (ask.debit_at, ask.credit_at)):
            return Result.BOOK_DIFFERENT
        return Result.CREATED if self._date_open(ask) else Result.PERIOD_CLOSED

    def _find(self, id_: bytes) -> tuple[Pending | None, Result]:
        """Return a pending, and CREATED if it is open or what became of it."""
        pending = self._holds.open.get(id_)
        if pending is not None:
            return pending, Result.CREATED
        return self._holds.resolved.get(id_, (None, Result.PENDING_NOT_FOUND))

    def _barred(self, members: Iterable[Pending]) -> Result:
        """Return why pendings may not be posted, or CREATED."""
        debits = both = 0
        for pending in members:
            flags = self._lend(pending.debit_at).flags
            debits |= flags
            both |= flags | self._lend(pending.credit_at).flags
        if debits & FROZEN:
            return Result.ACCOUNT_FROZEN
        return Result.ACCOUNT_CLOSED if both & CLOSED else Result.CREATED

    def _end(self, pending: Pending, position: int, flags: int, amount: int, kind: int) -> None:
        """Resolve a pending by the row at a position."""
        posted = (amount or pending.amount) if flags & POST else 0
        self._close(pending, flags, posted)
        self.resolutions.append(
            Resolution(
                position, pending.debit_at, pending.credit_at, posted or pending.amount, pending.book,
                kind or pending.kind, pending.id, posted, -pending.amount,
            )
        )  # fmt: skip

    def _close(self, pending: Pending, flags: int, posted: int) -> None:
        """Take a pending out of its accounts' pendings, and count what of it is posted."""
        self._add(self._lend(pending.debit_at), self._lend(pending.credit_at), posted, -pending.amount)
        if self._chained:
            self._undo.append(partial(self._holds.reopen, pending, pending.id in self._holds.opened))
        self._holds.resolve(pending, became(flags))

    def _make(self, pending: Pending, ask: Ask, id_: bytes, linked: int) -> None:
        """Resolve a pending by a row of the ledger's own, before the row of `ask`."""
        posted = pending.amount if ask.flags & POST else 0
        self._close(pending, ask.flags, posted)
        ids = self._memory.accounts.id
        self.made.append(
            ask._replace(
                id=id_,
                debit=ids[pending.debit_at].tobytes(),
                credit=ids[pending.credit_at].tobytes(),
                amount=pending.amount,
                book=pending.book,
                kind=ask.kind or pending.kind,
                flags=ask.flags | linked,
                pending_id=pending.id,
                debit_at=pending.debit_at,
                credit_at=pending.credit_at,
                moved=posted,
                held=-pending.amount,
            )
        )

    def expire(self, pending: Pending) -> None:
        """Give back what timed out: an entry under an id that follows from the pending's."""
        self._chained = False
        id_ = derived(pending.id, pending.deadline // 1000, 0)
        day = max(pending.business_date, self._memory.closed_through + 1)
        ask = Ask(
            id_, NONE, NONE, 0, pending.book, 0, VOID | EXPIRED, pending.id, 0, pending.voucher, NONE, pending.memo,
            day, id_, BEFORE_ALL, 0, 0, 0, 0, 0, 0, 0, 0,
        )  # fmt: skip
        self._make(pending, ask, id_, 0)
