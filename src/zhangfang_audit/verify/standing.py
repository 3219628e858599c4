"""Checks entries against the replay: stored balances, limits after each entry, and accounts frozen or closed."""

import numpy as np

from zhangfang_audit.verify.accounts import CLOSED, CREDIT_FLOOR, DEBIT_FLOOR, FROZEN, Accounts
from zhangfang_audit.verify.form import CLOSE_PERIOD, NO_ACCOUNTS, POST, SET_FLAGS, VOID
from zhangfang_audit.verify.found import Flags, Found, Ints
from zhangfang_audit.verify.read import Rows
from zhangfang_audit.verify.replay import Sides


class StandingChecks:
    """Checks part after part of history; `status` is which accounts are frozen or closed after it."""

    def __init__(self, accounts: Accounts, found: Found) -> None:
        """Start with accounts that are neither frozen nor closed."""
        self._accounts = accounts
        self._found = found
        self.status = np.zeros(len(accounts) + 2, np.int64)
        self._off = self.status.copy()  # how far the last stored balance was off the replay

    def check(self, rows: Rows, sides: Sides) -> None:
        """Check all of it."""
        self._balances(rows, sides)
        self._limits(rows, sides)
        if self.status.any() or np.any(rows.flags & SET_FLAGS):
            self._barred(rows, sides)

    def _report(
        self, check: str, what: str, rows: Rows, sides: Sides, bad: Flags, stored: Ints, due: Ints | str
    ) -> None:
        if np.any(bad):
            n = np.flatnonzero(bad)
            n = n[np.argsort(sides.row[n], kind="stable")]
            self._found.rows(check, what, rows.seq[sides.row], rows.id[sides.row], n, stored, due)

    def _balances(self, rows: Rows, sides: Sides) -> None:
        """Report a stored balance that is off, unless it is off by as much as the one before it."""
        stored = np.where(sides.credit, rows.credit_balance[sides.row], rows.debit_balance[sides.row])
        due = sides.debits - sides.credits
        off = stored - due
        off[sides.account == self._accounts.unknown] = 0
        if not off.any() and not self._off.any():
            return
        bad = (off != 0) & (off != sides.before(off, self._off))
        for side, name in ((False, "debit_balance"), (True, "credit_balance")):
            self._report("balances", name, rows, sides, bad & (sides.credit == side), stored, due)
        self._off[sides.account[sides.begins]] = off[sides.begins + sides.lengths - 1]

    def _limits(self, rows: Rows, sides: Sides) -> None:
        asks = rows.flags[sides.row] & (POST | VOID | NO_ACCOUNTS) == 0
        flags, limit = self._accounts.flags[sides.account], self._accounts.limit[sides.account]
        taken, given = sides.debits + sides.debits_pending, sides.credits + sides.credits_pending
        over = asks & ~sides.credit & (flags & CREDIT_FLOOR != 0) & (taken - sides.credits > limit)
        what = "debits and holds over credits, at most the limit"
        self._report("limits", what, rows, sides, over, taken - sides.credits, limit)
        over = asks & sides.credit & (flags & DEBIT_FLOOR != 0) & (given - sides.debits > limit)
        what = "credits and holds over debits, at most the limit"
        self._report("limits", what, rows, sides, over, given - sides.debits, limit)
        own = np.where(sides.credit, given, taken)
        wrapped = asks & (sides.account < len(self._accounts)) & (own < 0)
        self._report("limits", "the account's sum", rows, sides, wrapped, own, "from 0 to 2^63-1")

    def _barred(self, rows: Rows, sides: Sides) -> None:
        status = self._status(rows, sides)
        moves = rows.flags[sides.row] & (VOID | SET_FLAGS | CLOSE_PERIOD) == 0
        for flag, which, at in (
            (FROZEN, "frozen", ~sides.credit),
            (CLOSED, "closed", np.ones_like(sides.credit)),
        ):
            bad = moves & at & (status & flag != 0)
            self._report(
                "standing", f"moves an account that is {which}", rows, sides, bad, status, "flags without it"
            )

    def _status(self, rows: Rows, sides: Sides) -> Ints:
        """Return the flags of each side's account at its entry, and keep the last ones."""
        places = np.arange(len(sides.row))
        sets = rows.flags[sides.row] & SET_FLAGS != 0
        last = np.maximum.accumulate(np.where(sets, places, -1))
        here = last >= np.repeat(sides.begins, sides.lengths)
        status = np.where(here, rows.kind[sides.row[last]], self.status[sides.account])
        self.status[sides.account[sides.begins]] = status[sides.begins + sides.lengths - 1]
        return status
