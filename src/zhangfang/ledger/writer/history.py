"""Reads of committed history for the ledger's protocol: entries by id or account, balances at a past moment."""

from datetime import datetime
from typing import Any

import asyncpg
import numpy as np

from zhangfang.ledger import wire
from zhangfang.ledger.engine.rules import NONE
from zhangfang.ledger.wire import NO_MOMENT, Op, Records
from zhangfang.ledger.writer.copying import NULLABLE
from zhangfang.ledger.writer.journal import SQL


async def read(connection: asyncpg.Connection, shard: int, op: Op, asked: Records) -> Records:
    """Answer LOOKUP_TRANSFERS, ACCOUNT_TRANSFERS or ACCOUNT_BALANCES at a past moment."""
    if op is Op.LOOKUP_TRANSFERS:
        ids = [id_ for (id_,) in asked.tolist()]
        return _entries(await connection.fetch(SQL.entries_by_id, shard, ids))
    if op is Op.ACCOUNT_TRANSFERS:
        rows: list[asyncpg.Record] = []
        for account, after, limit in asked.tolist()[:1]:
            most = min(limit, wire.MAX_COUNT)
            rows = await connection.fetch(SQL.entries_of_account, shard, account, after, most)
        return _entries(rows)
    return await _balances(connection, shard, asked.tolist())


async def _balances(connection: asyncpg.Connection, shard: int, asked: list[tuple[Any, ...]]) -> Records:
    """Return the balances of accounts, each right after the last entry at or before the moment asked for."""
    head: int = (await connection.fetchrow(SQL.head, shard))["seq"]
    at = {moment: await _seq_at(connection, shard, head, moment) for _, _, moment in asked}
    accounts = [account for account, _, _ in asked]
    seqs = [at[moment] if seq == NO_MOMENT else min(seq, head) for _, seq, moment in asked]
    rows = await connection.fetch(SQL.balances_at, shard, accounts, seqs)
    fields = ("account", "debits", "credits", "debits_pending", "credits_pending", "seq")
    return np.array([tuple(row[name] for name in fields) for row in rows], wire.BALANCE)


async def _seq_at(connection: asyncpg.Connection, shard: int, head: int, moment: int) -> int:
    """Return the last sequence number posted at or before `moment`: `posted_at` never falls, so it is a bisection."""
    if moment == NO_MOMENT:
        return head
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        posted: datetime = await connection.fetchval(SQL.moment_of, shard, middle)
        if wire.micros(posted) <= moment:
            low = middle
        else:
            high = middle - 1
    return low


def _entries(rows: list[asyncpg.Record]) -> Records:
    return np.array([_entry(row) for row in rows], wire.ENTRY)


def _entry(row: asyncpg.Record) -> tuple[Any, ...]:
    fields = {name: row[name] for name in wire.ENTRY.names or ()}
    absent = {name: NONE for name in NULLABLE if fields[name] is None}
    days, micros = wire.days(fields["business_date"]), wire.micros(fields["posted_at"])
    return tuple((fields | absent | {"business_date": days, "posted_at": micros}).values())
