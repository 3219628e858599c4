"""A channel's file is stored whole, as the channel gave it, before anything is decided about it.

The lines are copied as a stream, from a connector's lines or from a canonical CSV on disk, so a file of any length needs
little memory. The ids of the file's future vouchers are stored with it.
"""

import csv
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from zhangfang.channels.port import ChannelFile, FileLine
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "receiving.sql")

COLUMNS = (
    "line_no", "order_no", "channel_ref", "operation", "amount", "credit", "fee", "adjustment", "original_order_no", "note",
    "raw", "unread",
)  # fmt: skip
FILE_S = 3600.0  # for one statement about all lines of a file
_MANY = 10_000  # lines, from which on a statement about them must be planned for many
_TOGETHER = 2_000  # records handed to the copy at once
_Copy = Callable[[asyncpg.Connection], Awaitable[object]]


async def receive(pool: asyncpg.Pool, clock: Clock, file: ChannelFile) -> None:
    """Store a connector's file. A file that is stored already does not change."""
    head = (file.channel, file.settle_date, "matched")
    rows = ((*head, *_values(line)) for line in file.lines)

    async def copy(connection: asyncpg.Connection) -> None:
        await connection.copy_records_to_table("file_line", records=rows, columns=_ALL, timeout=FILE_S)

    await _store(pool, clock, file.channel, file.settle_date, file.name, file.digest, copy)


async def receive_csv(
    pool: asyncpg.Pool, clock: Clock, channel: str, settle_date: date, path: Path, name: str, digest: str
) -> None:
    """Store a canonical CSV: UTF-8, a header that names `COLUMNS`, amounts in fen, booleans `true` or `false`.

    Raises `InvalidInput` if it is another table, and then nothing is stored.
    """

    head = {"channel": channel, "settle_date": settle_date, "status": "matched"}  # see the view `placed_line`
    with refusing():
        await _store(
            pool,
            clock,
            channel,
            settle_date,
            name,
            digest,
            lambda connection: copy_csv(connection, "file_line", path, head),
        )


@contextmanager
def refusing() -> Iterator[None]:
    """Say of a table that the database refuses where it is wrong, as `InvalidInput`."""
    try:
        yield
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        where = " ".join(filter(None, (str(error), error.context)))
        raise InvalidInput("file", where, f"rows of {', '.join(COLUMNS)}") from None


async def copy_csv(
    connection: asyncpg.Connection, table: str, path: Path, head: Mapping[str, object]
) -> None:
    """Copy a canonical CSV into a table that has its columns, and before them those of `head`, equal for all records."""
    await connection.copy_to_table(
        table, source=_records(path, head.values()), columns=(*head, *COLUMNS), format="csv",
        force_not_null=[one for one in COLUMNS if one != "operation"], timeout=FILE_S,
    )  # fmt: skip


_ALL = ("channel", "settle_date", "status", *COLUMNS)


def _values(line: FileLine) -> tuple[Any, ...]:
    operation = line.operation.value if line.operation else None
    return (
        line.line_no, line.order_no, line.channel_ref, operation, line.amount, line.credit, line.fee,
        line.adjustment, line.original_order_no, line.note, line.raw, line.unread,
    )  # fmt: skip


async def _records(path: Path, values: Iterable[object]) -> AsyncIterator[bytes]:
    """Yield the file's records for the copy, each with the columns that the file does not have."""
    written = StringIO()
    csv.writer(written, lineterminator=",").writerow(values)
    head = written.getvalue().encode()
    with path.open("rb") as file:
        if file.readline().decode("utf-8", "replace").strip() != ",".join(COLUMNS):
            raise InvalidInput("file", "another header", ",".join(COLUMNS))
        records = _headed(file, head)
        while piece := b"".join(islice(records, _TOGETHER)):
            yield piece


def _headed(lines: Iterable[bytes], head: bytes) -> Iterable[bytes]:
    """Yield each line, with `head` before each that begins a record: one between quotation marks does not."""
    inside = 0
    for line in lines:
        yield line if inside else head + line
        inside ^= line.count(b'"') & 1


async def _store(
    pool: asyncpg.Pool, clock: Clock, channel: str, settle_date: date, name: str, digest: str, copy: _Copy
) -> None:
    ids = [new_id(clock) for _ in range(7)]
    async with pool.acquire() as connection, connection.transaction():
        made = await connection.fetchval(
            queries.add_file, channel, settle_date, name, digest, clock.now(), *ids
        )
        if made is not None:
            await copy(connection)
            lines = await connection.fetchval(queries.sum_file, channel, settle_date, timeout=FILE_S)
    if made is not None and lines >= _MANY:
        await pool.execute(queries.count_anew, timeout=FILE_S)
