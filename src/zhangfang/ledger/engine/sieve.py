"""The sieve finds the rows of a batch that are certain to be created, whatever happens to the other rows.

It never guesses: a row that it cannot prove goes to the law. A row is certain if it is a plain transfer or a hold of
valid form, with a new id, between two accounts of its book that are neither frozen nor closed, and that this batch
cannot exhaust even if all its debits are taken and none of its credits comes. A chain is certain if all its rows are.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zhangfang.ledger.engine.accounts import CREDITS, CREDITS_PENDING, DEBITS, DEBITS_PENDING, Accounts
from zhangfang.ledger.engine.memory import Memory
from zhangfang.ledger.engine.places import Halves, halves, mixed
from zhangfang.ledger.engine.rules import (
    CLOSE_PERIOD,
    CLOSED,
    CREDIT_FLOOR,
    DEBIT_FLOOR,
    FIRST_DAY,
    FROZEN,
    LAST_DAY,
    LINKED,
    PENDING,
    POST,
    RESOLVES,
    SET_FLAGS,
    VOID,
)
from zhangfang.ledger.wire import Records

Mask = npt.NDArray[np.bool_]
SMALL = 2**47  # amounts below it, 8,192 of them, add up far below 2^63
FAR = 2**61  # a row with a figure above it goes to the law; a higher limit counts as this


class Sifted(NamedTuple):
    """What the sieve found: the rows that are certain; and of the other rows of valid form that are in no chain, the moves,
    whose accounts are left to check, and those that end a pending."""

    certain: Mask
    moves: Mask
    ends: Mask


def sift(memory: Memory, rows: Records, ids: Halves, starts: npt.NDArray[np.int64]) -> Sifted:
    """Sift a batch with these `ids`. `starts` is where each row's chain begins, below zero if it was left open."""
    flags = rows["flags"]
    if (flags & (SET_FLAGS | CLOSE_PERIOD)).any():  # they change what holds for the rows behind them
        return nothing(len(rows))
    good = _in_order(memory, rows, ids) & (rows["known"] == 0) & _once(ids) & (starts >= 0)
    alone = good & (flags & LINKED == 0) & (starts == np.arange(len(rows)))
    resolves = flags & RESOLVES != 0
    ends = alone & _ends(rows)
    good &= _moves(memory, rows)
    if resolves.any():  # a hold that is resolved in its own batch has to be there before it is asked for
        good &= ~np.isin(mixed(ids), mixed(halves(rows["pending_id"][resolves])))
    sure = good & ~_at_risk(memory.accounts, rows, ~resolves)
    if (flags & LINKED).any():  # what is not certain takes its whole chain with it
        doubtful = np.zeros(len(rows), np.bool_)
        doubtful[starts[~sure & (starts >= 0)]] = True
        sure &= ~doubtful[starts]
    return Sifted(sure, good & ~sure & alone, ends)


def nothing(count: int) -> Sifted:
    """Return what is found where nothing is proven."""
    return Sifted(*(np.zeros(count, np.bool_) for _ in Sifted._fields))


def _in_order(memory: Memory, rows: Records, ids: Halves) -> Mask:
    """Tell which rows have an id that may be new, and an open business date."""
    dates = rows["business_date"]
    good: Mask = _ids_valid(memory, ids)
    good &= (dates >= max(FIRST_DAY, memory.closed_through + 1)) & (dates <= LAST_DAY)
    return good


def _moves(memory: Memory, rows: Records) -> Mask:
    """Tell which rows are plain transfers or holds that `malformed` has nothing against, between accounts of their book."""
    flags, book = rows["flags"], memory.accounts.book
    debit, credit = rows["debit_at"], rows["credit_at"]
    good: Mask = flags & ~np.uint16(LINKED | PENDING) == 0
    good &= (rows["timeout"] == 0) | (flags & PENDING != 0)
    good &= ~halves(rows["pending_id"]).any(axis=1)
    good &= (rows["amount"] > 0) & (rows["amount"] < SMALL)
    good &= (debit > 0) & (credit > 0) & (debit != credit)
    good &= (book[debit] == rows["book"]) & (book[credit] == rows["book"])
    return good


def _ends(rows: Records) -> Mask:
    """Tell which rows post or void one pending, that `malformed` has nothing against, and name no account."""
    flags, amount = rows["flags"], rows["amount"]
    ends: Mask = ((flags == POST) & (amount >= 0)) | ((flags == VOID) & (amount == 0))
    ends &= rows["timeout"] == 0
    ends &= ~halves(rows["debit"]).any(axis=1) & ~halves(rows["credit"]).any(axis=1)
    return ends


def _ids_valid(memory: Memory, ids: Halves) -> Mask:
    """Tell which ids are UUIDv7 of a month that has a partition."""
    first, second = ids.T
    born = first >> np.uint64(16)
    is_open = np.zeros(len(ids), np.bool_)
    for begin, end in memory.months:
        is_open |= (born >= begin) & (born < end)
    version = (first >> np.uint64(12)) & np.uint64(15) == 7
    valid: Mask = is_open & version & (second >> np.uint64(62) == 2)
    return valid


def _once(ids: Halves) -> Mask:
    """Tell which ids are in the batch once. It may miss a few of them, which then go to the law."""
    numbers = mixed(ids)
    ordered = np.sort(numbers)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    return ~np.isin(numbers, twice) if len(twice) else np.ones(len(ids), np.bool_)


def _at_risk(accounts: Accounts, rows: Records, moves: Mask) -> Mask:
    """Tell which rows touch an account that is frozen or closed, or that the batch could exhaust, on either side."""
    debit, credit = (rows[name].astype(np.int64) for name in ("debit_at", "credit_at"))
    amounts = np.where(moves, np.clip(rows["amount"], 0, SMALL), 0)
    asked, risky = accounts.asked, accounts.risky
    huge = rows["amount"] >= SMALL  # more than is added up here
    risky[debit[huge]] = risky[credit[huge]] = True
    for side, floor, columns in (
        (debit, CREDIT_FLOOR, (DEBITS, DEBITS_PENDING, CREDITS)),
        (credit, DEBIT_FLOOR, (CREDITS, CREDITS_PENDING, DEBITS)),
    ):
        np.add.at(asked, side, amounts)
        given, given_pending, taken = accounts.figures[side][:, columns].T
        flags, most = accounts.flags[side], asked[side] + given + given_pending
        far = (given > FAR) | (given_pending > FAR) | (taken > FAR)
        short = (flags & floor != 0) & (most > taken + np.minimum(accounts.limit[side], FAR))
        risky[side[far | short | (flags & (FROZEN | CLOSED) != 0)]] = True
        asked[side] = 0
    result: Mask = risky[debit] | risky[credit]
    risky[debit] = risky[credit] = False
    return result
