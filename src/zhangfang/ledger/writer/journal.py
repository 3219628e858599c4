"""All that the writer stores: the fence, the append, the months. What it reads back is in `loading.py`.

Ids are bytes here, as in memory. An entry is there when `append` has returned, and not before.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.ledger.engine.state import Decision
from zhangfang.ledger.model import Account
from zhangfang.ledger.wire import to_date, to_moment
from zhangfang.ledger.writer import copying
from zhangfang.ledger.writer.copying import or_none

SQL = load(__package__, "writer.sql")
COPY_FROM = 64  # rows; below, one prepared statement is faster than COPY
MONTHS_AHEAD = 2
LEASE = timedelta(seconds=3)  # how long a commit keeps others away from the shard
LOADING = timedelta(seconds=30)  # how long a start may take that reads memory back


class Fenced(ZhangfangError):
    """Another writer has taken over the shard; this one may not write any more."""


class UnsafeDatabase(ZhangfangError):
    """PostgreSQL runs with a setting that loses what it has acknowledged."""


class HeadMoved(ZhangfangError):
    """The stored sequence is not the one that memory expected; memory is thrown away and read again."""


async def connect(url: str, name: str = "zhangfang ledger") -> asyncpg.Connection:
    """Connect to a database that keeps its promises, or raise `UnsafeDatabase` naming the setting."""
    connection = await asyncpg.connect(url, server_settings={"application_name": name}, command_timeout=60)
    await with_raw_ids(connection)
    unsafe = await connection.fetch(SQL.unsafe_settings)
    if unsafe:
        connection.terminate()
        names = ", ".join(row["name"] for row in unsafe)
        raise UnsafeDatabase(f"{names}: got off; allowed: on (money needs a database that syncs)")
    return connection


async def with_raw_ids(connection: asyncpg.Connection) -> None:
    """Make a connection read and write uuid as 16 bytes."""
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", format="binary", encoder=_same, decoder=bytes
    )


def _same(value: bytes) -> bytes:
    return value


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction stores: accounts, entries and refusals, and what `head` says after it."""

    accounts: Sequence[Account]
    decision: Decision
    at: int  # microseconds since 1970
    seq: int
    closed_through: date | None  # None: it stays

    def __len__(self) -> int:
        """Return how many rows it has."""
        return len(self.accounts) + len(self.decision.rows) + len(self.decision.refusals)


class Journal:
    """One writer's way to the tables of its shard, under the epoch it took."""

    def __init__(self, shard: int, epoch: int) -> None:
        """Write under `epoch`, which `take_over` gave."""
        self.shard = shard
        self.epoch = epoch

    @classmethod
    async def take_over(
        cls, connection: asyncpg.Connection, shard: int, holder: str, own: int | None = None
    ) -> "Journal":
        """Raise the epoch, so that nobody before can commit; with `own`, only if that is still the epoch.

        It waits for a commit that is still under way under the old epoch: after it, that has happened or never will.
        A raise whose answer was lost is known by its `holder`, which no other process may have.
        """
        await connection.execute(SQL.first_head, shard)
        epoch = await connection.fetchval(SQL.take_over, shard, own, holder, LOADING)
        if epoch is None:
            raise Fenced(f"shard {shard}: another writer took over from epoch {own}")
        return cls(shard, epoch)

    async def append(
        self, connection: asyncpg.Connection, batch: Batch, turn: Callable[[], Awaitable[None]], advanced: Callable[[], None]
    ) -> None:  # fmt: skip
        """Store a batch in one transaction that leaves `head` at its `seq`; `turn` returns when it may touch `head`.

        `advanced` is called once this transaction has updated `head`; the next batch may then wait for its commit. Raises
        `Fenced` when the epoch is not ours any more. After any other error it is not known whether it happened.
        """
        after = (to_moment(batch.at), LEASE, batch.closed_through)
        if len(batch) > COPY_FROM or batch.accounts:
            async with connection.transaction():
                await self._copy(connection, batch)
                await turn()
                count = len(batch.decision.rows)
                stored = await connection.fetchval(SQL.advance, self.shard, self.epoch, *after, count)
                self._check(stored, batch.seq)
                advanced()
        else:
            await turn()
            columns = _columns(batch)
            stored = await connection.fetchval(SQL.append, self.shard, self.epoch, *after, *columns)
            self._check(stored, batch.seq)
            advanced()

    async def _copy(self, connection: asyncpg.Connection, batch: Batch) -> None:
        if batch.accounts:
            fields = [
                (one.id.bytes, one.book, one.code, one.subject, int(one.flags), one.limit)
                for one in batch.accounts
            ]
            columns = map(list, zip(*fields, strict=True))
            await connection.execute(SQL.open_accounts, self.shard, *columns, to_moment(batch.at))
        if len(batch.decision.rows):
            payload = copying.transfers(batch.decision.rows, self.shard, batch.at)
            await copy(connection, "transfer", copying.names(copying.TRANSFER), payload)
        if len(batch.decision.refusals):
            payload = copying.refusals(batch.decision.refusals, self.shard, batch.at)
            await copy(connection, "refusal", copying.names(copying.REFUSAL), payload)

    def _check(self, stored: int | None, seq: int) -> None:
        if stored is None:
            raise Fenced(f"shard {self.shard}: epoch {self.epoch} is not the writer's any more")
        if stored != seq:
            raise HeadMoved(f"shard {self.shard}: head stands at {stored}, memory at {seq}")

    async def open_months(self, connection: asyncpg.Connection, now: datetime) -> list[tuple[int, int]]:
        """Open the partitions from the newest there is (or last month) to two months ahead.

        Return the spans of all partitions, in milliseconds since 1970, the end excluded. An id of any age in them may be
        new: what a row has stored stays bookable for as long as its month has a partition.
        """
        months = {_month_of(row["month"]) for row in await connection.fetch(SQL.months)}
        newest = max(months, default=now)
        month = first_of(min(newest, last_month(now)))
        while month <= first_of(now) + timedelta(days=31 * MONTHS_AHEAD):
            if month not in months:
                await connection.execute(SQL.open_month, month)
                months.add(month)
            month = next_month(month)
        return _spans(months)


async def copy(connection: asyncpg.Connection, table: str, columns: Sequence[str], payload: bytes) -> None:
    """Send a payload of binary COPY."""

    async def source() -> AsyncIterator[bytes]:
        yield payload

    await connection.copy_to_table(table, source=source(), columns=columns, format="binary")


def _columns(batch: Batch) -> list[list[Any]]:
    """Return a small batch as the arrays of one statement's parameters."""
    rows, refusals = batch.decision.rows, batch.decision.refusals
    made: dict[str, list[Any]] = {name: rows[name].tolist() for name in _ROW_COLUMNS}
    for name in copying.NULLABLE:
        made[name] = [or_none(id_) for id_ in made[name]]
    made["business_date"] = [to_date(day) for day in made["business_date"]]
    return [*made.values(), *(refusals[name].tolist() for name in ("id", "result", "seq", "digest"))]


_ROW_COLUMNS = [name for name in copying.names(copying.TRANSFER) if name not in ("shard", "posted_at")]


def _spans(months: Iterable[datetime]) -> list[tuple[int, int]]:
    """Return months as spans; those that follow each other are one. The newest comes first."""
    spans: list[tuple[int, int]] = []
    for month in sorted(months, reverse=True):
        begin, end = _millis(month), _millis(next_month(month))
        if spans and spans[-1][0] == end:
            end = spans.pop()[1]
        spans.append((begin, end))
    return spans


def first_of(moment: datetime) -> datetime:
    """Return the first moment of the month (UTC)."""
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def next_month(month: datetime) -> datetime:
    """Return the first moment of the month after the one that begins at `month`."""
    return first_of(month + timedelta(days=31))


def last_month(now: datetime) -> datetime:
    """Return the first moment of the month before `now`'s."""
    return first_of(first_of(now) - timedelta(days=1))


def _month_of(name: str) -> datetime:
    return datetime(int(name[:4]), int(name[5:]), 1, tzinfo=UTC)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
