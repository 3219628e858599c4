"""The SQL of batches. `db` is a pool or a connection inside a transaction."""

from typing import Any
from uuid import UUID

from zhangfang.batches.model import Batch, ChannelBatch, Item
from zhangfang.kernel.sql import load

queries = load(__package__, "store.sql")

Db = Any  # asyncpg's pool or one of its connections

ITEM_COLUMNS = (  # of a line of a file
    "batch", "line", "order_no", "amount", "description", "account_token", "account_tail", "account_type",
    "fingerprint", "digest", "state", "code", "message",
)  # fmt: skip


async def one(db: Db, sql: str, *arguments: object) -> Batch | None:
    """Return the batch that a statement finds or changes."""
    row = await db.fetchrow(sql, *arguments)
    return Batch.of(row) if row else None


async def items(db: Db, batch: UUID, after: int, limit: int) -> list[Item]:
    """Return up to `limit` lines after the line `after`, in the file's order."""
    return [Item(**row) for row in await db.fetch(queries.items, batch, after, limit)]


async def carried(db: Db, batch: UUID) -> list[ChannelBatch]:
    """Return the channel batches of a batch, oldest first."""
    return [ChannelBatch.of(row) for row in await db.fetch(queries.carried, batch)]
