"""Checks entries by themselves and against the one before: order, time, ids, form, accounts, chains, periods."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from zhangfang_audit.verify.accounts import Accounts
from zhangfang_audit.verify.form import CHAIN, CLOSE_PERIOD, EXPIRED, FORM, LINKED, Months, has
from zhangfang_audit.verify.found import Flags, Found, Ids, Ints, Show, day, moment, named
from zhangfang_audit.verify.read import Rows

NEVER = -(2**31)  # a business date before every other
FIRST_DAY, LAST_DAY = ((date(y, m, d) - date(2000, 1, 1)).days for y, m, d in ((2000, 1, 1), (2199, 12, 31)))


@dataclass(slots=True)
class Before:
    """The entry before the rows at hand, and what history has brought about so far."""

    seq: int = 0
    id: bytes = b""
    at: int = -(2**63)
    linked: bool = False
    chain: int = 1  # the first entry of the chain that the next row would be in
    closed_through: int = NEVER


@dataclass(slots=True)
class RowChecks:
    """Checks rows after rows; `before` is where history stands."""

    accounts: Accounts
    months: Months
    found: Found
    before: Before = field(default_factory=Before)

    def check(self, rows: Rows) -> tuple[Ints, Ints]:
        """Check all of it; return for each row what was closed before it, and the first entry of its chain."""
        self._sequence(rows)
        self._time(rows)
        self._ids(rows)
        self._form(rows)
        self._accounts(rows)
        closed = self._periods(rows)
        chains = self._chains(rows)
        self.before.seq, self.before.at = int(rows.seq[-1]), int(rows.at[-1])
        self.before.id = rows.id[-1].tobytes()
        self.before.linked = bool(rows.flags[-1] & LINKED)
        return closed, chains

    def finish(self) -> None:
        """Check what can be said only when there are no more rows."""
        if self.before.linked:
            seq, id_ = self.before.seq, self.before.id
            self.found.line("chains", "linked with the next", "no entry", "an entry", seq=seq, id_=id_)

    def _report(
        self, check: str, what: str, rows: Rows, bad: Flags, stored: Ints | Ids, due: Ints | str, show: Show = int
    ) -> None:  # fmt: skip
        self.found.rows(check, what, rows.seq, rows.id, bad, stored, due, show)

    def _sequence(self, rows: Rows) -> None:
        due = np.append(self.before.seq, rows.seq[:-1]) + 1
        self._report("sequence", "seq", rows, rows.seq != due, rows.seq, due)

    def _time(self, rows: Rows) -> None:
        least = np.append(self.before.at, rows.at[:-1])
        self._report("time", "posted_at, not before", rows, rows.at < least, rows.at, least, moment)

    def _ids(self, rows: Rows) -> None:
        octets = rows.id.view(np.uint8).reshape(-1, 16)
        version = (octets[:, 6] >> 4).astype(np.int64)
        own = (version == 8) & has(rows, EXPIRED | CHAIN)  # what the ledger adds by itself
        wrong = ((version != 7) & ~own) | (octets[:, 8] >> 6 != 0b10)
        due = "7, or 8 for the ledger's own, of the variant of RFC 9562"
        self._report("ids", "version of the id", rows, wrong, version, due)
        millis = (rows.id.view(">u8")[::2] >> np.uint64(16)).astype(np.int64)
        outside = ~self.months.contain(rows.month, millis)
        due = "in the month of its partition"
        self._report("ids", "the id's moment (milliseconds)", rows, outside, millis, due)

    def _form(self, rows: Rows) -> None:
        for what, column, allowed, right in FORM:
            self._report("form", what, rows, ~right(rows), getattr(rows, column), allowed)

    def _accounts(self, rows: Rows) -> None:
        closes = has(rows, CLOSE_PERIOD)
        sides = zip(("debit", "credit"), (rows.debit, rows.credit), rows.accounts, strict=True)
        for side, number, ids in sides:
            there = np.where(closes, number == self.accounts.nobody, number < self.accounts.unknown)
            due = "one that exists, or none to close a period"
            self._report("accounts", f"the {side} account", rows, ~there, ids, due, _id)
            book = self.accounts.book[number]
            other = there & ~closes & (book != rows.book)
            self._report("accounts", f"book of the {side} account", rows, other, book, rows.book)

    def _periods(self, rows: Rows) -> Ints:
        closed = np.full(len(rows), self.before.closed_through, np.int64)
        closes = has(rows, CLOSE_PERIOD)
        for n in np.flatnonzero(closes):
            self._close(rows, int(n), int(closed[n]))
            closed[n + 1 :] = self.before.closed_through
        span = (rows.day < FIRST_DAY) | (rows.day > LAST_DAY)
        self._report("periods", "business date", rows, span, rows.day, "from 2000 to 2199", day)
        late = ~closes & (rows.day <= closed)
        self._report("periods", "business date, after the closed ones", rows, late, rows.day, closed + 1, day)
        return closed

    def _close(self, rows: Rows, n: int, closed: int) -> None:
        through, reopens = int(rows.day[n]), bool(rows.kind[n])
        if through >= closed if reopens else through <= closed:
            due = f"{'earlier' if reopens else 'later'} than {day(closed) if closed > NEVER else 'none'}"
            seq, id_ = int(rows.seq[n]), rows.id[n].tobytes()
            self.found.line("periods", "closes through", day(through), due, seq=seq, id_=id_)
        self.before.closed_through = through

    def _chains(self, rows: Rows) -> Ints:
        linked = np.append(self.before.linked, has(rows, LINKED)[:-1])
        seq, at = np.append(self.before.seq, rows.seq[:-1]), np.append(self.before.at, rows.at[:-1])
        broken = linked & ((rows.seq != seq + 1) | (rows.at != at) | has(rows, EXPIRED))
        ids = np.append(np.array([self.before.id.ljust(16, b"\0")], "V16"), rows.id[:-1])
        due = "the next entry, decided with it"
        self.found.rows("chains", "linked with the next", seq, ids, broken, rows.seq, due)
        begins = ~linked | broken
        starts = np.maximum.accumulate(np.where(begins, rows.seq, NEVER))
        starts[starts == NEVER] = self.before.chain
        ends = not rows.flags[-1] & LINKED
        self.before.chain = int(rows.seq[-1]) + 1 if ends else int(starts[-1])
        return starts


def _id(value: np.void) -> str:
    return named(value.tobytes())
