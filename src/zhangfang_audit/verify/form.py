"""What an entry may be by itself: its flags, which of its other fields go with them, and the month of its id."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.found import Flags, Found, Ints
from zhangfang_audit.verify.read import Rows

LINKED, PENDING, POST, VOID, CHAIN, EXPIRED, SET_FLAGS, CLOSE_PERIOD = (1 << n for n in range(8))
STILL = PENDING | VOID | SET_FLAGS | CLOSE_PERIOD  # these move nothing
NO_ACCOUNTS = SET_FLAGS | CLOSE_PERIOD  # these are not between two accounts
_SORTS = [0, PENDING, POST, POST | CHAIN, VOID, VOID | CHAIN, SET_FLAGS, CLOSE_PERIOD]
LEGAL = np.array([*_SORTS, *(sort | LINKED for sort in _SORTS), VOID | EXPIRED])


def has(rows: Rows, flags: int) -> Flags:
    """Return which rows have one of `flags`."""
    return np.asarray(rows.flags & flags != 0)


def _apart(rows: Rows) -> Flags:
    apart = rows.debit != rows.credit
    unknown = np.flatnonzero(~apart)  # two accounts that do not exist have one number
    apart[unknown] = rows.accounts[0][unknown] != rows.accounts[1][unknown]
    return np.asarray(apart != has(rows, NO_ACCOUNTS))


def _refers(rows: Rows) -> Flags:
    halves = rows.pending_id.view("<i8")
    return np.asarray(halves[::2] | halves[1::2] != 0)


# What is wrong, the column it is seen in, what is allowed, and which rows are right.
FORM: tuple[tuple[str, str, str, Callable[[Rows], Flags]], ...] = (
    ("flags", "flags", "one sort of entry", lambda r: np.isin(r.flags, LEGAL)),
    ("amount", "amount", "above 0", lambda r: (r.amount > 0) | has(r, NO_ACCOUNTS)),
    ("amount", "amount", "0", lambda r: (r.amount == 0) | ~has(r, NO_ACCOUNTS)),
    ("debit and credit", "flags", "two accounts, or one whose flags are set", _apart),
    ("timeout", "timeout", "0, or above it for a hold", lambda r: (r.timeout == 0) | (r.timeout > 0) & has(r, PENDING)),
    ("pending_id", "flags", "with a post or a void, and only there", lambda r: _refers(r) == has(r, POST | VOID)),
    ("kind", "kind", "0, 4, 8 or 12", lambda r: (r.kind & ~12 == 0) | ~has(r, SET_FLAGS)),
    ("kind", "kind", "0 or 1", lambda r: (r.kind & ~1 == 0) | ~has(r, CLOSE_PERIOD)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Months:
    """The partitions by their number, in the order of the numbers: the first moment of each, and of the one after."""

    oids: Ints
    first: Ints  # milliseconds since 1970
    end: Ints

    def contain(self, oids: Ints, millis: Ints) -> Flags:
        """Tell of each moment (milliseconds since 1970) whether it lies in its partition's month."""
        n = np.clip(np.searchsorted(self.oids, oids), 0, len(self.oids) - 1)
        return np.asarray((self.oids[n] == oids) & (millis >= self.first[n]) & (millis < self.end[n]))


def read_months(rows: Sequence[Row]) -> Months:
    """Make the table of months; a partition that is not named for a month has none."""
    spans = sorted((row["oid"], *_span(row["name"])) for row in rows) or [(0, 0, 0)]
    oids, first, end = (np.array(column, np.int64) for column in zip(*spans, strict=True))
    return Months(oids, first, end)


def _span(name: str) -> tuple[int, int]:
    of = re.fullmatch(r"transfer_(\d{4})_(\d\d)", name)
    if not of:
        return 0, 0
    year, month = int(of[1]), int(of[2])
    after = (year + month // 12, month % 12 + 1)
    first, end = (int(datetime(y, m, 1, tzinfo=UTC).timestamp()) * 1000 for y, m in ((year, month), after))
    return first, end


def check_months(sealed: Sequence[Row], partitions: Sequence[Row], found: Found) -> None:
    """Check that every sealed month is one of the partitions, and that each guards its ids."""
    known = {row["name"] for row in partitions}
    for row in sealed:
        if not row["month"].endswith("-01") or f"transfer_{row['month'][:7].replace('-', '_')}" not in known:
            found.line("months", "sealed", row["month"], "the first day of a month that has a partition")
    for row in partitions:
        if not row["keyed"]:
            found.line("ids", f"table {row['name']}", "no valid primary key", "one: no id twice")
