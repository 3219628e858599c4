"""A hash table in arrays: the numbers of ids, found for a whole batch at once.

A dict is asked id by id and waits for memory each time; here the whole batch waits once.
"""

import numpy as np
import numpy.typing as npt

from zhangfang.ledger.wire import Ids

Halves = npt.NDArray[np.uint64]  # ids as pairs of numbers
Numbers = npt.NDArray[np.int64]
_FIRST, _SECOND = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(0xC2B2_AE3D_27D4_EB4F)  # odd and irregular


def halves(ids: Ids) -> Halves:
    """Return ids as pairs of numbers; the first of a UUIDv7 sorts by time."""
    return np.ascontiguousarray(ids).view(">u8").reshape(-1, 2).astype(np.uint64)


def mixed(ids: Halves) -> npt.NDArray[np.uint64]:
    """Return one number for each id. Two ids have the same number only by a rare accident."""
    number: npt.NDArray[np.uint64] = ids[:, 0] * _FIRST ^ ids[:, 1] * _SECOND
    number ^= number >> np.uint64(29)
    return number


class Places:
    """Ids and their numbers, which are above 0. The table is never more than half full, and no id leaves it."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._clear(2048)

    def _clear(self, size: int) -> None:
        self._first = np.zeros(size, np.uint64)
        self._second = np.zeros(size, np.uint64)
        self._numbers = np.zeros(size, np.int64)
        self._used = 0

    def __len__(self) -> int:
        """Return how many ids there are."""
        return self._used

    def find(self, ids: Halves) -> Numbers:
        """Return the number of each id, 0 for one that is not here."""
        if not self._used:
            return np.zeros(len(ids), np.int64)
        slot = self._slots(ids)
        found = self._numbers[slot]
        left = np.flatnonzero((found > 0) & ~self._has(slot, ids))  # somebody else's slot: the next one
        while len(left):
            slot[left] = (slot[left] + 1) & (len(self._numbers) - 1)
            found[left] = self._numbers[slot[left]]
            left = left[(found[left] > 0) & ~self._has(slot[left], ids[left])]
        return found

    def _has(self, slot: Numbers, ids: Halves) -> npt.NDArray[np.bool_]:
        has: npt.NDArray[np.bool_] = (self._second[slot] == ids[:, 1]) & (self._first[slot] == ids[:, 0])
        return has

    def add(self, ids: Halves, numbers: Numbers) -> None:
        """Take in ids that are not here, each once."""
        if 2 * (self._used + len(ids)) > len(self._numbers):
            self._grow(self._used + len(ids))
        self._used += len(ids)
        slot = self._slots(ids)
        left = np.arange(len(ids))
        while len(left):
            free = np.flatnonzero(self._numbers[slot] == 0)
            self._numbers[slot[free]] = numbers[left[free]]  # of several for one slot, one wins
            won = self._numbers[slot] == numbers[left]
            self._first[slot[won]], self._second[slot[won]] = ids[left[won]].T
            left = left[~won]
            slot = (slot[~won] + 1) & (len(self._numbers) - 1)

    def _slots(self, ids: Halves) -> Numbers:
        return (mixed(ids) & np.uint64(len(self._numbers) - 1)).astype(np.int64)

    def _grow(self, wanted: int) -> None:
        taken = self._numbers > 0
        ids, numbers = np.stack([self._first[taken], self._second[taken]], axis=1), self._numbers[taken]
        self._clear(1 << (4 * wanted - 1).bit_length())
        self.add(ids, numbers)
