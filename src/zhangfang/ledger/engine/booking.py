"""Books the rows of a batch that stand: their order, sequence numbers and balances, and the accounts' figures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zhangfang.ledger.engine.accounts import Accounts
from zhangfang.ledger.engine.rows import ROW
from zhangfang.ledger.engine.rules import Ask
from zhangfang.ledger.engine.verdicts import Resolution
from zhangfang.ledger.wire import Records

_FIRST = np.ones(1, np.bool_)  # the first side of a batch begins an account


def standing(
    rows: Records, accounts: Accounts, positions: npt.NDArray[np.int64], resolutions: Sequence[Resolution],
    made: Sequence[Ask],
) -> Records:  # fmt: skip
    """Return the rows that stand, in order: those at `positions`, with what they resolve, and those the ledger made."""
    if resolutions:
        _fill_in(rows, accounts, resolutions)
    taken = rows if len(positions) == len(rows) else rows[positions]
    if not made:
        return taken
    together = np.concatenate([np.array([tuple(one) for one in made], ROW), taken])
    # a row that the ledger made has the position of its request's row, and comes before it
    ordered: Records = together[np.argsort(together["position"], kind="stable")]
    return ordered


def _fill_in(rows: Records, accounts: Accounts, resolutions: Sequence[Resolution]) -> None:
    columns = dict(zip(Resolution._fields, zip(*resolutions, strict=True), strict=True))
    at = np.array(columns.pop("position"), np.int64)
    for name, values in columns.items():
        rows[name][at] = np.array(values, ROW[name])
    rows["debit"][at] = accounts.id[rows["debit_at"][at]]
    rows["credit"][at] = accounts.id[rows["credit_at"][at]]


def by_account(rows: Records) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return both sides of rows by account and order: the account's number, and the side (2 × row, + 1 for the credit)."""
    count = 2 * len(rows)
    numbers = np.empty(count, np.int64)
    numbers[0::2], numbers[1::2] = rows["debit_at"], rows["credit_at"]
    bits = count.bit_length()
    keys = numbers << bits | np.arange(count)
    keys.sort()
    return keys >> bits, keys & ((1 << bits) - 1)


class Booked(NamedTuple):
    """What was booked, by account: its number, its figures before, and where its last row is (see `by_account`)."""

    touched: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


def book(rows: Records, accounts: Accounts, seq: int) -> Booked:
    """Number the rows after `seq`, write each one's balances, and add them to the accounts' figures.

    Every row has two sides. Sorted by account and order, a running sum gives each balance. A sum may wrap around 2^64;
    the differences are exact all the same.
    """
    count = len(rows)
    rows["seq"] = np.arange(seq + 1, seq + count + 1)
    number, sides = by_account(rows)
    row, is_credit = sides >> 1, sides & 1 != 0
    first = np.flatnonzero(np.concatenate([_FIRST, number[1:] != number[:-1]]))
    lengths = np.concatenate([first[1:], [2 * count]]) - first
    touched = number[first]
    moved, held = rows["moved"][row], rows["held"][row]
    before = accounts.figures.take(touched, axis=0)

    net = np.where(is_credit, -moved, moved)
    running = np.cumsum(net)
    start = before[:, 0] - before[:, 1] - (running[first] - net[first])
    balances = np.empty(2 * count, np.int64)
    balances[sides] = running + np.repeat(start, lengths)
    rows["debit_balance"], rows["credit_balance"] = balances[0::2], balances[1::2]

    grown = np.empty_like(before)
    for column, amounts in ((0, moved), (2, held)):
        of_debits = np.where(is_credit, 0, amounts)
        grown[:, column] = np.add.reduceat(of_debits, first)
        grown[:, column + 1] = np.add.reduceat(amounts - of_debits, first)
    accounts.figures[touched] = before + grown
    accounts.touched[touched] = True
    return Booked(touched, before, sides[first + lengths - 1])
