"""What a merchant may see of its batches: the state of each item, and the file of results."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from zhangfang.batches import store
from zhangfang.batches.errors import UnknownBatch
from zhangfang.batches.model import Batch, Item
from zhangfang.batches.store import queries
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.text.sheets import safe

HEAD = ("line", "order_no", "amount", "state", "payment", "code", "message", "settle_date")
_PAGE = 500


async def get(db: Any, merchant: str, id_: UUID) -> Batch:
    """Return the merchant's batch, or raise `UnknownBatch`."""
    found = await store.one(db, queries.by_id, merchant, id_)
    if found is None:
        raise UnknownBatch("id: you have no such batch")
    return found


async def any_batch(db: Any, id_: UUID) -> Batch:
    """Return any merchant's batch, for an operator. Raises `UnknownBatch`."""
    found = await store.one(db, queries.any_by_id, id_)
    if found is None:
        raise UnknownBatch("id: there is no such batch")
    return found


async def results(db: Any, batch: UUID) -> AsyncIterator[bytes]:
    """Yield the results as CSV in the order of the file, page by page. `amount` in fen; the states are the payments'.

    Programs join it: numbers stand as they came. Only `message`, which people read, is guarded against formulas.
    """
    yield _csv([HEAD])
    after = 0
    while page := await store.items(db, batch, after, _PAGE):
        yield _csv([_row(item) for item in page])
        after = page[-1].line


def _row(item: Item) -> Sequence[Any]:
    payment = prefixed("pay", item.payment) if item.payment else ""
    texts = (
        item.order_no,
        str(item.amount or ""),
        item.state,
        payment,
        item.code,
        safe(item.message),
    )
    return item.line, *texts, item.settle_date


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
