"""Pages (账页): the entries since the last checkpoint, by account, as runs of at most 400 lines of one business date.

An account's history, its balance at a past moment and the sums of a business date are read from them. An
index on both accounts of `transfer` would cost more than all the rest of a transfer (docs/decisions/0014).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zhangfang.ledger.engine.booking import by_account
from zhangfang.ledger.wire import Ids, Records
from zhangfang.ledger.writer.copying import DAY_0, HEADER, INT4, LINES, PAGE, TRAILER, filled

LINES_A_PAGE = 400  # a page then fits into a row that is not stored out of line

Ints = npt.NDArray[np.int64]


def pages(entries: Records, shard: int, ids: Ids, touched: Ints, figures: Ints) -> bytes:
    """Return the COPY payload of the pages of `entries` (tail.ENTRY, in order), in the columns of PAGE and `lines`.

    `ids` are all accounts' by number; `touched` the numbers of those that the entries touch, ascending, and `figures`
    their figures right after the last entry.
    """
    side = _sides(entries)
    if not len(side.number):
        return HEADER + TRAILER
    row = entries[side.row]
    deltas = np.zeros((len(row), 4), np.int64)
    for column, name in ((0, "moved"), (2, "held")):
        deltas[:, column] = np.where(side.is_credit, 0, row[name])
        deltas[:, column + 1] = np.where(side.is_credit, row[name], 0)
    first = _begins(side.number, row["business_date"])
    last = np.append(first[1:], len(row)) - 1

    running = np.cumsum(deltas, axis=0)
    end_of_account = np.flatnonzero(np.diff(side.number, append=-1))
    account = np.searchsorted(side.number[end_of_account], side.number[last])
    of_account = figures[np.searchsorted(touched, side.number[last])]
    totals = of_account - (running[end_of_account[account]] - running[last])
    sums = np.add.reduceat(deltas, first, axis=0)

    payload = filled(PAGE, len(first), more=LINES)
    payload["shard"] = shard
    payload["account"] = ids[side.number[first]]
    payload["seq"], payload["first_seq"] = row["seq"][last], row["seq"][first]
    payload["business_date"] = row["business_date"][first] - DAY_0
    payload["debit_sum"], payload["credit_sum"] = sums[:, 0], sums[:, 1]
    for column, name in enumerate(("debits", "credits", "debits_pending", "credits_pending")):
        payload[name] = totals[:, column]
    return _with_lines(payload, row["seq"] - np.repeat(row["seq"][first], last - first + 1), first, last)


class _Sides:
    """Both sides of entries, by account and order."""

    def __init__(self, number: Ints, row: Ints, is_credit: npt.NDArray[np.bool_]) -> None:
        self.number, self.row, self.is_credit = number, row, is_credit


def _sides(entries: Records) -> _Sides:
    """Return the sides of entries: only one if both are the same account, none if there is no account."""
    number, sides = by_account(entries)
    row, is_credit = sides >> 1, sides & 1 != 0
    one_account = entries["debit_at"][row] == entries["credit_at"][row]
    there = (number > 0) & ~(is_credit & one_account)
    return _Sides(number[there], row[there], is_credit[there])


def _begins(number: Ints, dates: npt.NDArray[Any]) -> Ints:
    """Return where pages begin: with another account, another business date, and after 400 lines."""
    begins = np.ones(len(number), np.bool_)
    begins[1:] = (np.diff(number) != 0) | (np.diff(dates) != 0)
    runs = np.flatnonzero(begins)
    in_run = np.arange(len(number)) - np.repeat(runs, np.diff(runs, append=len(number)))
    return np.flatnonzero(in_run % LINES_A_PAGE == 0)


def _with_lines(payload: npt.NDArray[Any], offsets: Ints, first: Ints, last: Ints) -> bytes:
    """Put each page's lines behind it: an int4 array, every element behind its length."""
    lengths = last - first + 1
    payload["bytes"] = 20 + 8 * lengths
    payload["dimensions"], payload["nulls"], payload["element"], payload["from"] = 1, 0, INT4, 1
    payload["length"] = lengths
    elements = np.empty((len(offsets), 2), ">i4")
    elements[:, 0], elements[:, 1] = 4, offsets
    lines, size = elements.tobytes(), payload.itemsize
    heads = payload.tobytes()
    parts: list[bytes] = [HEADER]
    for n, (begin, end) in enumerate(zip((8 * first).tolist(), (8 * last + 8).tolist(), strict=True)):
        parts += (heads[n * size : n * size + size], lines[begin:end])
    return b"".join([*parts, TRAILER])


def columns() -> Sequence[str]:
    """Return the columns of the payload, in order."""
    return [name for name, _ in PAGE] + ["lines"]
