"""The rows of a batch: the requests as they came, and beside them what the decision finds out about each.

It is one array from the socket to the COPY. A row that is created is stored as it is. Into a row that resolves a pending
the law writes what the pending says.
"""

import numpy as np

from zhangfang.ledger.engine.digest import digests
from zhangfang.ledger.engine.memory import Memory
from zhangfang.ledger.engine.places import Halves
from zhangfang.ledger.engine.rules import PENDING
from zhangfang.ledger.wire import TRANSFER, Records

ROW = np.dtype(
    [
        *((name, TRANSFER.fields[name][0]) for name in TRANSFER.names),  # type: ignore[index,union-attr]
        ("digest", "V16"),
        ("position", "<i4"),  # in the batch; −1 is before all of it
        ("known", "<i8"),  # where its id is remembered, 0 if it is not
        ("debit_at", "<i4"),  # the accounts' numbers
        ("credit_at", "<i4"),
        ("moved", "<i8"),  # fen posted
        ("held", "<i8"),  # fen added to what is pending, or taken from it
        ("seq", "<i8"),
        ("debit_balance", "<i8"),  # debits − credits, posted, right after the row
        ("credit_balance", "<i8"),
    ]
)


def rows_of(asks: Records, ids: Halves, memory: Memory) -> Records:
    """Return the rows of a batch of TRANSFER records with these `ids`, as they will be if they are created."""
    count = len(asks)
    rows = np.zeros(count, ROW)
    rows.view(np.uint8).reshape(count, ROW.itemsize)[:, : TRANSFER.itemsize] = (
        np.ascontiguousarray(asks).view(np.uint8).reshape(count, TRANSFER.itemsize)
    )
    rows["digest"] = digests(asks)
    rows["position"] = np.arange(count)
    rows["known"] = memory.recent.find(ids)
    sides = memory.accounts.numbers(np.concatenate([asks["debit"], asks["credit"]]))
    rows["debit_at"], rows["credit_at"] = sides[:count], sides[count:]
    holds = asks["flags"] & PENDING != 0
    rows["moved"] = np.where(holds, 0, asks["amount"])
    rows["held"] = np.where(holds, asks["amount"], 0)
    return rows
