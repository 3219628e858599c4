"""The ids of the last transfers and what was answered, so that a retry is known without asking the database."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from zhangfang.ledger.engine.places import Halves, Numbers, Places, halves
from zhangfang.ledger.model import Result
from zhangfang.ledger.wire import Ids, Records

REMEMBERED = 200_000  # ids a generation; more than all in flight, so that none of those is forgotten
KNOWN = np.dtype([("result", "<u2"), ("seq", "<i8"), ("digest", "V16")])


class Known(NamedTuple):
    """What was answered for an id. `result` is EXISTS for what stands in the books."""

    result: Result
    seq: int
    digest: bytes


class Recent:
    """Two generations of ids. When the younger one is full, the older one is forgotten.

    Ids are UUIDv7, so the forgotten ones are nearly all older than any new id. An id above the `horizon` that is not
    here is new; only one below it has to be looked for in the database. The first eight bytes are compared.
    """

    def __init__(self, horizon: bytes) -> None:
        """Know nothing; every id above `horizon` is new."""
        self.horizon = int.from_bytes(horizon[:8], "big")
        self._young = _Generation(0)
        self._old = _Generation(0)

    @property
    def taken(self) -> int:
        """How many ids were taken in so far, forgotten ones included."""
        return self._young.last

    def find(self, ids: Halves) -> Numbers:
        """Return where each id is, for `known`; 0 for one that is not here."""
        found = self._young.places.find(ids)
        return np.where(found, found, self._old.places.find(ids))

    def known(self, number: int) -> Known:
        """Return what was answered for the id at a number that `find` gave."""
        one = self._young if number > self._young.before else self._old
        result, seq, digest = one.answers[number - one.before - 1].item()
        return Known(Result(result), seq, digest)

    def add(self, ids: Ids, answers: Records) -> None:
        """Remember the answers (KNOWN) of ids that are not here."""
        if len(self._young.places) >= REMEMBERED:
            self.horizon = max(self.horizon, self._old.newest)
            self._old, self._young = self._young, _Generation(self._young.last)
        self._young.add(halves(ids), answers)

    def recall(self, known: Iterable[tuple[bytes, Known]]) -> None:
        """Take back what the database knows of ids that were forgotten."""
        for id_, one in known:
            self._young.add(halves(np.array([id_], "V16")), np.array([tuple(one)], KNOWN))


class _Generation:
    """Ids with their answers; their numbers go on from `before`."""

    def __init__(self, before: int) -> None:
        self.before = self.last = before
        self.places = Places()
        self.answers = np.zeros(1024, KNOWN)
        self.newest = 0  # the first half of the highest id

    def add(self, ids: Halves, answers: Records) -> None:
        first, self.last = self.last, self.last + len(ids)
        while self.last - self.before > len(self.answers):
            self.answers = np.concatenate([self.answers, np.zeros_like(self.answers)])
        self.answers[first - self.before : self.last - self.before] = answers
        self.places.add(ids, np.arange(first + 1, self.last + 1))
        self.newest = max(self.newest, int(ids[:, 0].max(initial=0)))
