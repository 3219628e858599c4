"""All accounts of a shard as arrays, so that a batch is looked up, judged and booked at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger.engine.places import Halves, Numbers, Places, halves
from zhangfang.ledger.wire import Ids

Ints = npt.NDArray[np.int64]
DEBITS, CREDITS, DEBITS_PENDING, CREDITS_PENDING = range(4)  # the columns of `figures`


class LedgerFull(ZhangfangError):
    """A shard holds 2^30 accounts; another account needs another shard."""


@dataclass(slots=True)
class Held:
    """A copy of one account, for the law. Amounts in fen; pendings are the open ones."""

    book: int
    flags: int
    limit: int
    debits: int
    credits: int
    debits_pending: int
    credits_pending: int

    def figures(self) -> tuple[int, int, int, int]:
        """Return its amounts, in the order of the columns."""
        return self.debits, self.credits, self.debits_pending, self.credits_pending


def count_on(debit: Held, credit: Held, moved: int, held: int) -> None:
    """Count on two accounts what a transfer posts and what it holds (below zero: gives back)."""
    debit.debits += moved
    debit.debits_pending += held
    credit.credits += moved
    credit.credits_pending += held


class Accounts:
    """Accounts by number. Number 0 is no account: for an id that is not found, and for an entry without accounts."""

    def __init__(self) -> None:
        """Start without accounts."""
        self._places = Places()
        self.named: list[tuple[int, str]] = [(0, "")]  # code and subject
        self.id = np.zeros(1024, "V16")
        self.book = np.zeros(1024, np.uint16)
        self.flags = np.zeros(1024, np.int64)
        self.limit = np.zeros(1024, np.int64)
        self.figures = np.zeros((1024, 4), np.int64)
        self.touched = np.zeros(1024, np.bool_)  # changed since the last checkpoint
        # Of the batch that is being sifted; zero again after it. New arrays for each batch would cost page faults.
        self.asked = np.zeros(1024, np.int64)
        self.risky = np.zeros(1024, np.bool_)

    def __len__(self) -> int:
        """Return how many accounts there are."""
        return len(self.named) - 1

    def add(
        self, ids: Ids, named: Sequence[tuple[int, str]], book: Ints, flags: Ints, limit: Ints, figures: Ints
    ) -> None:
        """Take in accounts that are not there yet: a column each, `figures` in rows of four."""
        first, last = len(self.named), len(self.named) + len(ids)
        while last > len(self.id):
            self._grow()
        self._places.add(halves(ids), np.arange(first, last))
        self.named += named
        columns = {"id": ids, "book": book, "flags": flags, "limit": limit, "figures": figures}
        for name, values in columns.items():
            getattr(self, name)[first:last] = values

    def _grow(self) -> None:
        if len(self.id) >= 2**30:
            raise LedgerFull("accounts: got 2^30; allowed: fewer in one shard")
        for name in ("id", "book", "flags", "limit", "figures", "touched", "asked", "risky"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))

    def find(self, ids: Halves) -> Numbers:
        """Return the number of each id, 0 for one that is not known."""
        return self._places.find(ids)

    def numbers(self, ids: Ids) -> Numbers:
        """Return the number of each id of a V16 array, 0 for one that is not known."""
        return self.find(halves(ids))

    def lend(self, numbers: Sequence[int] | Numbers) -> list[Held]:
        """Return copies of accounts."""
        at = np.asarray(numbers, np.int64)
        columns = (array[at].tolist() for array in (self.book, self.flags, self.limit))
        return [Held(*one, *four) for *one, four in zip(*columns, self.figures[at].tolist(), strict=True)]
