"""Follows each hold: it is resolved once, in time, for the amount held, and with its whole chain where that was asked."""

from collections.abc import Iterator
from heapq import heappop, heappush
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from zhangfang_audit.verify.form import CHAIN, EXPIRED, LINKED, PENDING, POST, VOID
from zhangfang_audit.verify.found import Found, Ints, day, moment, named
from zhangfang_audit.verify.read import Rows

SECOND = 1_000_000
NEVER = 2**63 - 1  # the deadline of a hold without a timeout
SAME = slice(2, 6)  # of a hold and of what resolves it: accounts, book and amount


class Hold(NamedTuple):
    """A pending that is open; `chain` is the first entry of the chain it was made in, 0 if it was made alone."""

    seq: int
    id: bytes
    debit: int
    credit: int
    book: int
    amount: int
    day: int
    deadline: int
    chain: int


class Resolution(NamedTuple):
    """The entry that resolves a hold."""

    seq: int
    id: bytes
    debit: int
    credit: int
    book: int
    amount: int
    day: int
    at: int
    flags: int
    pending_id: bytes


class Decided(NamedTuple):
    """The entries of a part of history that were not expiries: each came after all expiries that were due."""

    at: Ints
    places: Ints
    seq: Ints
    closed: Ints  # of all entries: what was closed before each


class PendingChecks:
    """The open holds after the entries so far."""

    def __init__(self, found: Found) -> None:
        """Start with no hold."""
        self._found = found
        self.open: dict[bytes, Hold] = {}  # in the order of `seq`
        self._chains: dict[int, dict[bytes, Hold]] = {}
        self._deadlines: list[tuple[int, bytes]] = []
        self._overdue: set[bytes] = set()  # open too long, and reported
        # a chain that is being resolved, with the last entry and the last hold so far
        self._whole: tuple[int, int, Hold] | None = None

    def check(self, rows: Rows, closed: Ints, chains: Ints) -> Ints:
        """Follow the holds of these rows; return what each row gives back."""
        released = np.zeros(len(rows), np.int64)
        decided = rows.flags & EXPIRED == 0
        # if time goes back (check `time`), an entry counts as decided at the earliest moment from it on
        at = np.minimum.accumulate(rows.at[decided][::-1])[::-1]
        part = Decided(at, np.flatnonzero(decided), rows.seq[decided], closed)
        made, resolved = (np.flatnonzero(rows.flags & flags) for flags in (PENDING, POST | VOID))
        events: list[tuple[int, Hold | Resolution]] = []
        events += zip(made.tolist(), _holds(rows, made, chains), strict=True)
        events += zip(resolved.tolist(), _resolutions(rows, resolved), strict=True)
        events.sort(key=itemgetter(0))
        for n, event in events:
            if isinstance(event, Hold):
                self._hold(event)
            else:
                released[n] = self._resolve(event, n, part)
        if len(at):
            self._look_for_overdue(int(at[-1]), part)
        return released

    def finish(self, at: int) -> None:
        """Check what must have run out by the head's moment `at`."""
        self._check_whole(None)
        self._look_for_overdue(at, None)

    def _hold(self, hold: Hold) -> None:
        if self._whole:
            self._check_whole(None)
        self.open[hold.id] = hold
        if hold.chain:
            self._chains.setdefault(hold.chain, {})[hold.id] = hold
        if hold.deadline < NEVER:
            heappush(self._deadlines, (hold.deadline, hold.id))

    def _resolve(self, entry: Resolution, n: int, part: Decided) -> int:
        """Close a hold and check how; return what it held, 0 if it was not open."""
        if self._whole:
            self._check_whole(entry)
        hold = self.open.pop(entry.pending_id, None)
        if hold is None:
            self._say(entry, "resolves a hold", named(entry.pending_id), "one that is open")
            return 0
        if hold.chain:
            self._leave_chain(entry, hold)
        if entry[SAME] != hold[SAME]:
            self._check_values(entry, hold)
        if entry.flags & EXPIRED:
            self._check_expiry(entry, hold, int(part.closed[n]))
        if entry.at >= hold.deadline and hold.id not in self._overdue:
            first = int(np.searchsorted(part.at, hold.deadline))
            if first < len(part.at) and part.places[first] <= n:
                due = f"expired first, at {moment(hold.deadline)}"
                self._say(entry, "resolves a hold that ran out", moment(entry.at), due)
        return hold.amount

    def _leave_chain(self, entry: Resolution, hold: Hold) -> None:
        members = self._chains[hold.chain]
        del members[hold.id]
        if not members:
            del self._chains[hold.chain]
        if entry.flags & CHAIN:
            self._whole = (hold.chain, entry.seq, hold)

    def _check_values(self, entry: Resolution, hold: Hold) -> None:
        if (entry.debit, entry.credit, entry.book) != (hold.debit, hold.credit, hold.book):
            self._say(entry, "accounts and book", f"those of hold {named(hold.id)}: no", "yes")
        if entry.flags & POST and not entry.flags & CHAIN:
            if entry.amount > hold.amount:
                self._say(entry, "posts of a hold", entry.amount, f"at most {hold.amount}")
        elif entry.amount != hold.amount:
            self._say(entry, "amount of the hold", entry.amount, hold.amount)

    def _check_expiry(self, entry: Resolution, hold: Hold, closed: int) -> None:
        if entry.at < hold.deadline:
            due = "never" if hold.deadline == NEVER else f"not before {moment(hold.deadline)}"
            self._say(entry, "expires a hold", moment(entry.at), due)
        due_day = max(hold.day, closed + 1)
        if entry.day != due_day:
            what = "business date of an expiry"
            self._found.line("periods", what, day(entry.day), day(due_day), seq=entry.seq, id_=entry.id)

    def _look_for_overdue(self, now: int, part: Decided | None) -> None:
        """Report what is still open though its time had run out by `now`; `part` is what was decided by then."""
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, id_ = heappop(self._deadlines)
            hold = self.open.get(id_)
            if hold is None or hold.deadline != deadline:
                continue
            self._overdue.add(id_)
            when = f"entry {part.seq[np.searchsorted(part.at, deadline)]}" if part else "head"
            what, due = "open when its time had run out", f"expired at {moment(deadline)}"
            self._found.line("pendings", what, when, due, seq=hold.seq, id_=id_)

    def _check_whole(self, entry: Resolution | None) -> None:
        """Once a chain's post or void is over, check that it left none of the chain's holds open."""
        if self._whole is None:
            return
        chain, seq, hold = self._whole
        left = self._chains.get(chain, {})
        goes_on = (
            entry is not None and entry.seq == seq + 1 and entry.flags & CHAIN and entry.pending_id in left
        )
        if not goes_on:
            self._whole = None
            for other in left.values():
                what, by = "left open when its chain was resolved", f"by {named(hold.id)}'s"
                self._found.line("chains", what, by, "resolved with it", seq=other.seq, id_=other.id)

    def _say(self, entry: Resolution, what: str, stored: int | str, due: int | str) -> None:
        self._found.line("pendings", what, stored, due, seq=entry.seq, id_=entry.id)


def _holds(rows: Rows, n: Ints, chains: Ints) -> Iterator[Hold]:
    timeout = rows.timeout[n]
    deadline = np.where(timeout > 0, rows.at[n] + timeout * SECOND, NEVER)
    alone = (chains[n] == rows.seq[n]) & (rows.flags[n] & LINKED == 0)
    columns = (rows.seq, rows.id, rows.debit, rows.credit, rows.book, rows.amount, rows.day)
    more = (deadline.tolist(), np.where(alone, 0, chains[n]).tolist())
    return map(Hold._make, zip(*(column[n].tolist() for column in columns), *more, strict=True))


def _resolutions(rows: Rows, n: Ints) -> Iterator[Resolution]:
    columns = (getattr(rows, name)[n].tolist() for name in Resolution._fields)
    return map(Resolution._make, zip(*columns, strict=True))
