"""Checks refusals: the result is one that is remembered, and place and moment lie between two entries."""

from collections.abc import Sequence

import numpy as np

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.found import Flags, Found, Ids, Ints, Show, moment
from zhangfang_audit.verify.read import Rows

# Results that are remembered: LINKED_FAILED, what a hold had become, EXCEEDS_PENDING, frozen and closed, the floors.
DURABLE = (2, 15, 16, 17, 18, 19, 20, 21, 22)
_FIRST, _LAST = -(2**63), 2**63 - 1


class RefusalChecks:
    """Checks refusals beside the parts of history they belong to."""

    def __init__(self, found: Found) -> None:
        """Start before the first entry."""
        self._found = found
        self._at = _FIRST  # of the last entry so far
        self._last = np.zeros((0, 3), np.int64)  # refused after it: the next entry's moment is not known yet
        self._last_ids = np.zeros(0, "V16")

    def both(self, rows: Sequence[Row]) -> None:
        """Report the ids that are refused and stand in the books as well."""
        for row in rows:
            text = f"also refused, after entry {row['refused']}"
            self._found.line(
                "refusals", "id of an entry", text, "only this", seq=row["seq"], id_=row["id"].bytes
            )

    def check(self, rows: Rows, refused: Sequence[Row]) -> None:
        """Check the refusals that came after the entry before these rows, and before the last of them."""
        self._compare(rows.seq, rows.at, refused)
        self._at = int(rows.at[-1])

    def finish(self, head: Row, refused: Sequence[Row]) -> None:
        """Check those that came after the last entry; the head's moment is not before them."""
        self._compare(np.array([_LAST]), np.array([head["at"]]), refused)
        seq = np.array([row["seq"] for row in refused], np.int64)
        self._report("place", _ids(refused), seq, seq > head["seq"], seq, f"from 0 to {head['seq']}")

    def _compare(self, seqs: Ints, at: Ints, refused: Sequence[Row]) -> None:
        new = np.array([(row["seq"], row["at"], row["result"]) for row in refused], np.int64).reshape(-1, 3)
        ids = np.append(self._last_ids, _ids(refused))
        seq, when, result = np.append(self._last, new, axis=0).T
        fresh = np.arange(len(seq)) >= len(self._last)  # the others only lack the next entry's moment
        bad = fresh & ~np.isin(result, DURABLE)
        self._report("result", ids, seq, bad, result, "one that is remembered")
        self._report("place", ids, seq, fresh & (seq < 0), seq, "0 or more")
        place = np.searchsorted(seqs, seq, "right")
        least = np.append(self._at, at)[place]
        most = np.append(at, _LAST)[place]
        early, over = fresh & (when < least), when > most
        self._report("moment, not before the entry before it", ids, seq, early, when, least, moment)
        self._report("moment, not after the next entry", ids, seq, over, when, most, moment)
        waits = place == len(seqs)
        self._last, self._last_ids = np.array([seq, when, result]).T[waits], ids[waits]

    def _report(
        self, what: str, ids: Ids, seq: Ints, bad: Flags, stored: Ints, due: Ints | str, show: Show = int
    ) -> None:
        self._found.rows("refusals", f"{what}, of a refusal", seq, ids, bad, stored, due, show)


def _ids(refused: Sequence[Row]) -> Ids:
    return np.array([row["id"].bytes for row in refused], "V16")
