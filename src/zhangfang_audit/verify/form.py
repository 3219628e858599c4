"""What an entry is by itself: its flags, and which of its other fields go with them."""

from collections.abc import Callable

import numpy as np

from zhangfang_audit.verify.found import Flags
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
