"""The posted transfers of business dates, in the ledger's order, as a stream."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Any

from zhangfang.kernel.sql import load
from zhangfang.ledger import kind_name
from zhangfang.ledger.posting import KINDS

queries = load(__package__, "entries.sql")
_AT_ONCE = 2_000  # transfers that one answer of the database holds


def days_of(first: date, last: date) -> Iterator[date]:
    """Yield the dates from one to another, both included."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def summary(kind: int) -> str:
    """Return what a transfer of a kind is called (摘要); a kind that no template has is its number."""
    return kind_name(kind) if kind in KINDS else f"{kind}"


async def transfers_of_day(connection: Any, day: date) -> AsyncIterator[Any]:
    """Yield the transfers of a business date; the connection is in a transaction."""
    async for row in connection.cursor(queries.of_day, day, prefetch=_AT_ONCE):
        yield row
