"""Months that take no new ids any more are sealed: their bulk indexes are built, and their rows frozen.

While a month is open its table has no index on accounts; pages serve its history. A sealed month never changes again
(except for what the ledger itself adds under an old pending's id), so an index on it is built once, in bulk. It serves
people who read old books with SQL.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import structlog

from zhangfang.kernel.database import AWAY
from zhangfang.ledger.writer.journal import SQL, last_month

_NAME = re.compile(r"\d{4}_\d{2}")

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
    """Build the indexes of sealed months and freeze their rows. A month takes minutes; nothing waits for it."""
    try:
        connection = await asyncpg.connect(url)
        try:
            for name in names:
                await _finish(connection, name)
        finally:
            await connection.close()
    except AWAY as error:  # tomorrow's look finds what is left
        _log.warning("sealing put off", error=type(error).__name__)


async def _finish(connection: asyncpg.Connection, name: str) -> None:
    assert _NAME.fullmatch(name)
    table = f"transfer_{name}"
    await connection.execute(SQL.bulk_indexes, table)
    await connection.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
    _log.info("ledger sealed a month", month=name)
