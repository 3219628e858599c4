"""All that the writer stores and reads back: the fence, the append, the checkpoint, what memory has forgotten.

Ids are bytes here, as in memory. An entry is there when `append` has returned, and not before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.ledger.model import Account, Result
from zhangfang.ledger.rules import EXPIRED, FLOORS, NONE, POST, Held, Known, Pending, Refusal, Row
from zhangfang.ledger.state import Decision, State
from zhangfang.ledger.wire import days

SQL = load("zhangfang.ledger", "writer.sql")
COPY_FROM = 64  # rows; below, one prepared statement is faster than COPY
MONTHS_AHEAD = 2


class Fenced(ZhangfangError):
    """Another writer has taken over the shard; this one may not write any more."""


class UnsafeDatabase(ZhangfangError):
    """PostgreSQL runs with a setting that loses what it has acknowledged."""


class HeadMoved(ZhangfangError):
    """The stored sequence is not the one that memory expected; memory is thrown away and read again."""


async def connect(url: str) -> asyncpg.Connection:
    """Connect to a database that keeps its promises, or raise `UnsafeDatabase` naming the setting."""
    connection = await asyncpg.connect(
        url, server_settings={"application_name": "zhangfang ledger"}, command_timeout=60
    )
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


class Journal:
    """One writer's way to the tables of its shard, under the epoch it took."""

    def __init__(self, connection: asyncpg.Connection, shard: int, epoch: int) -> None:
        """Write under `epoch`, which `take_over` gave."""
        self._connection = connection
        self.shard = shard
        self.epoch = epoch

    @classmethod
    async def take_over(cls, connection: asyncpg.Connection, shard: int, own: int | None = None) -> "Journal":
        """Raise the epoch, so that nobody before can commit; with `own`, only if that is still the epoch.

        It waits for a commit that is still under way under the old epoch: after it, that has happened or never will.
        """
        await connection.execute(SQL.first_head, shard)
        epoch = await connection.fetchval(SQL.take_over, shard, own)
        if epoch is None:
            raise Fenced(f"shard {shard}: another writer took over from epoch {own}")
        return cls(connection, shard, epoch)

    # --- writing -----------------------------------------------------------------------------------------------

    async def append(self, accounts: Sequence[Account], decision: Decision, at: datetime, seq: int) -> None:
        """Store accounts, entries and refusals in one transaction that leaves `head` at `seq`.

        Raises `Fenced` when the epoch is not ours any more. After any other error it is not known whether it
        happened.
        """
        if accounts or len(decision.rows) + len(decision.refusals) > COPY_FROM:
            await self._append_large(accounts, decision, at, seq)
        else:
            rows = _columns(Row._fields, decision.rows)
            refusals = _columns(Refusal._fields, decision.refusals)
            stored = await self._connection.fetchval(SQL.append, self.shard, self.epoch, at, *rows, *refusals)
            self._check(stored, seq)

    async def _append_large(
        self, accounts: Sequence[Account], decision: Decision, at: datetime, seq: int
    ) -> None:
        async with self._connection.transaction():
            moved = len(decision.rows)
            self._check(await self._connection.fetchval(SQL.advance, self.shard, self.epoch, moved, at), seq)
            if accounts:
                fields = [
                    (one.id.bytes, one.book, one.code, one.subject, int(one.flags), one.limit)
                    for one in accounts
                ]
                await self._connection.execute(
                    SQL.open_accounts, self.shard, *map(list, zip(*fields, strict=True)), at
                )
            for table, names, rows in (
                ("transfer", Row._fields, decision.rows),
                ("refusal", Refusal._fields, decision.refusals),
            ):
                if rows:
                    await self._connection.copy_records_to_table(
                        table,
                        records=[(self.shard, *row) for row in rows],
                        columns=("shard", *names),
                    )

    def _check(self, stored: int | None, seq: int) -> None:
        if stored is None:
            raise Fenced(f"shard {self.shard}: epoch {self.epoch} is not the writer's any more")
        if stored != seq:
            raise HeadMoved(f"shard {self.shard}: head stands at {stored}, memory at {seq}")

    async def open_months(self, now: datetime) -> list[tuple[int, int]]:
        """Open the partitions from the newest there is (or last month) to two months ahead.

        Return all open spans, in milliseconds since 1970, the end excluded.
        """
        names = [row["month"] for row in await self._connection.fetch(SQL.months)]
        months = {_month(int(name[:4]), int(name[5:])) for name in names}
        newest = max(months, default=now)
        month = _first(min(newest, _first(now) - timedelta(days=1)))
        while month <= _first(now) + timedelta(days=31 * MONTHS_AHEAD):
            if month not in months:
                await self._connection.execute(SQL.open_month, month)
                months.add(month)
            month = _next(month)
        return [(_millis(month), _millis(_next(month))) for month in sorted(months, reverse=True)]

    # --- reading back ------------------------------------------------------------------------------------------

    async def load(self) -> State:
        """Rebuild memory: accounts from the checkpoint and what was posted after it, and the open pendings."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            head = await self._connection.fetchrow(SQL.head, self.shard)
            last = await self._connection.fetchval(SQL.last_id, self.shard)
            state = State(self.shard, head["seq"], head["at"], last or NONE)
            point = await self._connection.fetchrow(SQL.checkpoint_seq, self.shard)
            since, oldest = (point["seq"], point["oldest_pending"]) if point else (0, 0)
            for row in await self._connection.fetch(SQL.accounts, self.shard):
                state.accounts[row["id"]] = Held(*row)
            for row in await self._connection.fetch(SQL.moved_since, self.shard, since):
                held = state.accounts[row["account"]]
                held.debits += row["debits"]
                held.credits += row["credits"]
            for row in await self._connection.fetch(SQL.flags_since, self.shard, since):
                held = state.accounts[row["account"]]
                held.flags = held.flags & FLOORS | row["kind"]
            for row in await self._connection.fetch(SQL.open_pendings, self.shard, oldest):
                state.hold(_pending(row))
                state.accounts[row["debit"]].debits_pending += row["amount"]
                state.accounts[row["credit"]].credits_pending += row["amount"]
            touched = await self._connection.fetch(SQL.touched_since, self.shard, since)
            state.touched = {row["account"] for row in touched}
        return state

    async def lookup(
        self, ids: Collection[bytes], pendings: Collection[bytes]
    ) -> tuple[list[tuple[bytes, Known]], list[tuple[Pending, Result]]]:
        """Return what was answered for old ids, and what became of pendings that are open no more."""
        known, resolved = [], []
        if ids:
            for row in await self._connection.fetch(SQL.known, self.shard, list(ids)):
                known.append((row["id"], Known(Result(row["result"]), row["seq"], row["digest"])))
        if pendings:
            for row in await self._connection.fetch(SQL.resolved, self.shard, list(pendings)):
                resolved.append((_pending(row), became(row["became"])))
        return known, resolved


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Balances as of `seq`, so that a start has little to replay: of the accounts touched since the last one."""

    shard: int
    seq: int
    oldest_pending: int  # no pending before this entry was open
    accounts: list[tuple[Any, ...]]

    @classmethod
    def take(cls, state: State) -> "Checkpoint":
        """Note the figures, at a moment when all of memory is committed; the accounts count as untouched after it."""
        oldest = min((pending.seq for pending in state.pendings.values()), default=state.seq + 1)
        accounts = [(id_, *state.accounts[id_].figures()) for id_ in state.touched]
        state.touched = set()
        return cls(state.shard, state.seq, oldest, accounts)

    async def write(self, connection: asyncpg.Connection) -> None:
        """Store it.

        It needs no fence: what was committed at a sequence number is a fact, whoever writes it down; an older one is
        never put over a newer one.
        """
        async with connection.transaction():
            newer = await connection.fetchval(SQL.move_checkpoint, self.shard, self.seq, self.oldest_pending)
            if newer and self.accounts:
                columns = map(list, zip(*self.accounts, strict=True))
                await connection.execute(SQL.checkpoint_accounts, self.shard, *columns, self.seq)


def became(flags: int) -> Result:
    """Return what a pending's later request is told, from the flags of the entry that resolved it."""
    if flags & POST:
        return Result.PENDING_ALREADY_POSTED
    return Result.PENDING_EXPIRED if flags & EXPIRED else Result.PENDING_ALREADY_VOIDED


def _pending(row: asyncpg.Record) -> Pending:
    return Pending(
        id=row["id"],
        seq=row["seq"],
        debit=row["debit"],
        credit=row["credit"],
        amount=row["amount"],
        book=row["book"],
        kind=row["kind"],
        voucher=row["voucher"],
        memo=row["memo"] or NONE,
        business_date=days(row["business_date"]),
        deadline=row["posted_at"] + timedelta(seconds=row["timeout"]) if row["timeout"] else None,
        chain=row["chain"],
    )


def _columns(names: Iterable[str], rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]


def _month(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


def _first(moment: datetime) -> datetime:
    return _month(moment.year, moment.month)


def _next(month: datetime) -> datetime:
    return _first(month + timedelta(days=31))


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
