"""Reads the ledger's tables for `verify` as of one moment: the entries by binary COPY into NumPy, the rest by cursors.

One connection reads everything, so it works on a replica too, where a snapshot cannot always be shared.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import asyncpg
import numpy as np

from zhangfang_audit.inputs import Unreadable
from zhangfang_audit.ledger import Row, connect
from zhangfang_audit.verify.found import Ids, Ints

NEEDS = 9  # the migration that made the tables which are read here
FETCH = 5_000  # pages or refusals at a time
COLUMNS = {
    "seq": ">i8",
    "id": "V16",
    "month": ">u4",  # which partition it lies in
    "debit": "V16",
    "credit": "V16",
    "amount": ">i8",
    "book": ">i2",
    "kind": ">i4",
    "flags": ">i2",
    "pending_id": "V16",  # zeros where there is none
    "timeout": ">i8",
    "day": ">i4",
    "at": ">i8",
    "debit_balance": ">i8",
    "credit_balance": ">i8",
}
# A row of COPY BINARY whose columns are all of fixed width and never null: a count, then a length before each value.
RECORD = np.dtype(
    [
        ("count", ">i2"),
        *((f, t) for name, of in COLUMNS.items() for f, t in ((f"{name}_size", ">i4"), (name, of))),
    ]
)
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_HEAD, _TAIL = 19, 2  # bytes of COPY BINARY before the first row and after the last
_text = files(__package__).joinpath("verify.sql").read_text("utf-8")
_parts = re.split(r"^-- name: (\w+)$", _text, flags=re.MULTILINE)[1:]
_SQL = dict(zip(_parts[::2], _parts[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Rows:
    """Entries in the order of `seq`, a column each. `debit` and `credit` are numbers of accounts, not ids."""

    seq: Ints
    id: Ids
    month: Ints
    debit: Ints
    credit: Ints
    amount: Ints
    book: Ints
    kind: Ints
    flags: Ints
    pending_id: Ids
    timeout: Ints
    day: Ints
    at: Ints
    debit_balance: Ints
    credit_balance: Ints
    accounts: tuple[Ids, Ids]  # the ids of `debit` and `credit`

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.seq)


class Feed:
    """Rows of a cursor that come in the order of a column, taken up to a value of it."""

    def __init__(self, cursor: Any, column: str) -> None:
        """Read from an open cursor that is ordered by `column`."""
        self._cursor = cursor
        self._column = column
        self._ahead: list[Row] = []
        self._over = False
        self.count = 0  # of the rows read

    async def until(self, value: int) -> list[Row]:
        """Return the next rows, as far as their column is not above `value`."""
        taken: list[Row] = []
        while True:
            n = next((n for n, row in enumerate(self._ahead) if row[self._column] > value), len(self._ahead))
            taken += self._ahead[:n]
            self._ahead = self._ahead[n:]
            if self._ahead or self._over:
                return taken
            self._ahead = await self._cursor.fetch(FETCH)
            self._over = not self._ahead
            self.count += len(self._ahead)


class Books:
    """The ledger's tables at one moment."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        """Read by a connection whose transaction holds the snapshot."""
        self._connection = connection

    async def read(self, name: str, *values: Any) -> Sequence[Row]:
        """Return the rows of a statement."""
        return await self._connection.fetch(_SQL[name], *values)  # type: ignore[no-any-return]

    async def feed(self, name: str, shard: int, column: str) -> Feed:
        """Return a statement's rows as a feed."""
        return Feed(await self._connection.cursor(_SQL[name], shard), column)

    async def rows(self, shard: int, after: int, until: int) -> bytes:
        """Return the entries with `after` < seq <= `until` as records of type RECORD."""
        parts: list[bytes] = []

        async def keep(part: bytes) -> None:
            parts.append(part)

        # A table that was never analysed must not be read from end to end for each part of it.
        await self._connection.execute("SET LOCAL enable_seqscan = off")
        await self._connection.copy_from_query(
            _SQL["rows"], shard, after, until, output=keep, format="binary"
        )
        await self._connection.execute("SET LOCAL enable_seqscan = on")
        return b"".join(parts)[_HEAD:-_TAIL]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Books]:
    """Open the ledger for reading only, all of it as of one moment; raises `Unreadable`, whatever goes wrong inside."""
    connection = await connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _check_schema(connection)
            await connection.execute("SET LOCAL jit = off")
            yield Books(connection)
    except _AWAY as error:
        raise Unreadable(f"database: {error}") from error
    finally:
        connection.terminate()


async def _check_schema(connection: asyncpg.Connection) -> None:
    number = None
    if await connection.fetchval(_SQL["migrated"]):
        number = await connection.fetchval(_SQL["schema"])
    if number is None or number < NEEDS:
        has = "no ledger" if number is None else f"the schema of migration {number}"
        raise Unreadable(f"database: it has {has}; allowed: migration {NEEDS} or later")


def records(raw: bytes) -> Ids:
    """Return the records of `Books.rows`, sorted by seq; raises `Unreadable` when they are not of the known shape."""
    if len(raw) % RECORD.itemsize:
        raise Unreadable("database: table transfer has other columns than the ones known")
    made = np.frombuffer(raw, RECORD)
    if np.any(made["count"] != len(COLUMNS)):
        raise Unreadable("database: table transfer has other columns than the ones known")
    if np.any(made["seq"][1:] < made["seq"][:-1]):
        made = made[np.argsort(made["seq"], kind="stable")]
    return made
