"""Replays what entries do to accounts, whole parts of history at a time. Integers only.

Sums may wrap around at 64 bits, and their differences then wrap back: each figure is exact if it fits into 64 bits
itself. One that does not fit shows as less than zero (check `limits`).
"""

from dataclasses import dataclass

import numpy as np

from zhangfang_audit.verify.accounts import FIGURES, Accounts
from zhangfang_audit.verify.form import PENDING, STILL
from zhangfang_audit.verify.found import Flags, Ints
from zhangfang_audit.verify.read import Rows

_PLACE = 32  # bits for the place within a part of history


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of each entry, sorted by account and then by `seq`, with the account's figures right after it."""

    account: Ints
    row: Ints  # of the part of history at hand
    credit: Flags  # which side it is
    begins: Ints  # where each account's sides begin
    lengths: Ints
    debits: Ints
    credits: Ints
    debits_pending: Ints
    credits_pending: Ints
    posted: Ints  # by this side

    def before(self, values: Ints, state: Ints) -> Ints:
        """Return for each side the value at the account's side before it, the first of each from `state`."""
        shifted = np.empty_like(values)
        shifted[1:] = values[:-1]
        shifted[self.begins] = state[self.account[self.begins]]
        return shifted


class Replay:
    """The accounts' figures after the entries so far."""

    def __init__(self, accounts: Accounts) -> None:
        """Start with nothing on any account."""
        size = len(accounts) + 2
        self.figures = {name: np.zeros(size, np.int64) for name in FIGURES}
        self.touched = np.zeros(size, np.int64)  # the last entry of each account

    def step(self, rows: Rows, released: Ints) -> Sides:
        """Take in the next rows. `released` is what each gives back of a hold."""
        account, place, begins = _sorted(rows)
        lengths = np.diff(np.append(begins, len(account)))
        owner = account[begins]
        posted = np.where(rows.flags & STILL == 0, rows.amount, 0)
        held = np.where(rows.flags & PENDING != 0, rows.amount, 0) - released
        of_side = dict(zip(FIGURES, ((posted, 0), (posted, 1), (held, 0), (held, 1)), strict=True))
        values = {}
        for name, (amounts, side) in of_side.items():
            state = self.figures[name]
            if amounts.any():
                values[name] = _running(amounts, side, place, begins, lengths, state[owner])
                state[owner] = values[name][begins + lengths - 1]
            else:
                values[name] = np.repeat(state[owner], lengths)
        row = place >> 1
        self.touched[owner] = rows.seq[row[begins + lengths - 1]]
        return Sides(account, row, place & 1 == 1, begins, lengths, **values, posted=posted[row])


def _sorted(rows: Rows) -> tuple[Ints, Ints, Ints]:
    """Return the sides' accounts and places in order, and where each account begins."""
    keys = np.empty(2 * len(rows), np.int64)
    keys[0::2] = rows.debit
    keys[1::2] = rows.credit
    keys <<= _PLACE
    keys |= np.arange(len(keys))
    keys.sort()
    account, place = keys >> _PLACE, keys & (1 << _PLACE) - 1
    return account, place, np.flatnonzero(np.append(True, account[1:] != account[:-1]))


def _running(amounts: Ints, side: int, place: Ints, begins: Ints, lengths: Ints, before: Ints) -> Ints:
    """Return the sum on each account after each side, of amounts that count on one side only."""
    added = np.zeros(2 * len(amounts), np.int64)
    added[side::2] = amounts
    added = added[place]
    total = np.cumsum(added)
    total += np.repeat(before - (total[begins] - added[begins]), lengths)
    return total
