"""Months that are over are sealed: their bulk indexes are built, and their rows frozen.

While a month is new its table has no index on accounts; pages serve its history. Later only a few rows come into it, under
ids that were stored long before they were booked, so an index is built once, in bulk. It serves people who read old books
with SQL.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import structlog

from zhangfang.kernel.database import AWAY
from zhangfang.ledger.writer.journal import SQL, last_month

_NAME = re.compile(r"\d{4}_\d{2}")
_INDEXES = ("debit, seq", "credit, seq", "voucher")

_log = structlog.get_logger()


async def mark(connection: asyncpg.Connection, now: datetime) -> list[str]:
    """Note every month before the last one as sealed; return the names of those that lack their indexes."""
    unfinished = []
    for row in await connection.fetch(SQL.months):
        name = row["month"]
        month = datetime.strptime(name, "%Y_%m").replace(tzinfo=now.tzinfo)
        if month < last_month(now):
            await connection.execute(SQL.seal_month, month.date(), now)
            if not await connection.fetchval(SQL.has_bulk_indexes, f"transfer_{name}"):
                unfinished.append(name)
    return unfinished


async def finish(url: str, names: Sequence[str]) -> None:
    """Build the indexes of sealed months and freeze their rows. A month takes minutes; nothing waits for it.

    Of several shards' writers one does it. The lock is tried and not waited for: who waits would hold up the building.
    """
    try:
        connection = await asyncpg.connect(url)
        try:
            mine = await connection.fetchval(SQL.only_sealer)
            for name in names if mine else ():
                await _finish(connection, name)
        finally:
            await connection.close()
    except AWAY as error:  # tomorrow's look finds what is left
        _log.warning("sealing put off", error=type(error).__name__)


async def _finish(connection: asyncpg.Connection, name: str) -> None:
    assert _NAME.fullmatch(name)
    table = f"transfer_{name}"
    for row in await connection.fetch(SQL.half_built, table):
        await connection.execute(f"DROP INDEX CONCURRENTLY {row['relname']}")
    for number, columns in enumerate(_INDEXES):  # concurrently: a row for this month must not wait
        index = f"{table}_bulk_{number}"
        await connection.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {table} ({columns})")
    await connection.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
    _log.info("ledger sealed a month", month=name)
