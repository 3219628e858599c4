"""The entries after the last checkpoint, as far as pages need them."""

import numpy as np

from zhangfang.ledger.wire import Records

ENTRY = np.dtype(
    [
        ("seq", "<i8"),
        ("debit_at", "<i4"),
        ("credit_at", "<i4"),
        ("moved", "<i8"),
        ("held", "<i8"),
        ("business_date", "<i4"),
    ]
)


class Tail:
    """Batches of entries in order."""

    def __init__(self) -> None:
        """Start with none."""
        self._batches: list[Records] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._count

    def add(self, rows: Records) -> None:
        """Add the rows of a batch (ROW)."""
        batch = np.empty(len(rows), ENTRY)
        for name in ENTRY.names or ():
            batch[name] = rows[name]
        self._batches.append(batch)
        self._count += len(batch)

    def take(self) -> Records:
        """Return all entries and start anew."""
        taken = np.concatenate([np.empty(0, ENTRY), *self._batches])
        self.__init__()  # type: ignore[misc]
        return taken

    def put_back(self, entries: Records) -> None:
        """Put back what was taken and could not be written, before what came since."""
        self._batches.insert(0, entries)
        self._count += len(entries)
