"""Our own books as SQL shows them: one snapshot of the database, read by the statements of `books.sql`."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.resources import files
from typing import Any

import asyncpg

from zhangfang_audit.inputs import Unreadable

_ERRORS = (
    OSError,
    TimeoutError,
    ValueError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
Row = Mapping[str, Any]


def _statements() -> dict[str, str]:
    text = files("zhangfang_audit").joinpath("books.sql").read_text("utf-8")
    _, *parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    made = dict(zip(parts[::2], parts[1::2], strict=True))
    shared = made.pop("shared")
    return {name: body if name == "record" else shared + body for name, body in made.items()}


_SQL = _statements()


class Ledger:
    """The books at one moment."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        """Read by a connection whose transaction holds the snapshot."""
        self._connection = connection

    async def read(self, name: str, *values: Any) -> Sequence[Row]:
        """Return the rows of a statement; raises `Unreadable`."""
        try:
            return await self._connection.fetch(_SQL[name], *values)  # type: ignore[no-any-return]
        except _ERRORS as error:
            raise Unreadable(f"database, {name}: {error}") from error


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Ledger]:
    """Open the books for reading only, all figures as of the same moment; raises `Unreadable`."""
    connection = await connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield Ledger(connection)
    finally:
        connection.terminate()


async def record(url: str, at: datetime, ok: bool, figures: Mapping[str, int]) -> None:
    """Keep what was found for those who look at the console; raises `Unreadable`."""
    connection = await connect(url)
    try:
        await connection.execute(_SQL["record"], at, ok, json.dumps(figures))
    except _ERRORS as error:
        raise Unreadable(f"database, audit_result: {error}") from error
    finally:
        connection.terminate()


async def connect(url: str) -> asyncpg.Connection:
    """Connect to a database; raises `Unreadable`."""
    try:
        return await asyncpg.connect(url, timeout=10)
    except _ERRORS as error:
        raise Unreadable(f"database: {error}") from error
