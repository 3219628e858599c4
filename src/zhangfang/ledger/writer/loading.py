"""Rebuilds memory from the database: accounts from the checkpoint, what was booked after it, the pendings still open.

The entries after the checkpoint are booked again, and each one's balances must come out as they were stored: a writer
whose memory differs from its own history does not start.
"""

from collections.abc import Collection

import asyncpg
import numpy as np

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger.engine.booking import book
from zhangfang.ledger.engine.recent import Known
from zhangfang.ledger.engine.rows import ROW
from zhangfang.ledger.engine.rules import FLOORS, NONE, SET_FLAGS, Pending, became
from zhangfang.ledger.engine.state import State
from zhangfang.ledger.engine.verdicts import MICROSECONDS
from zhangfang.ledger.model import Result
from zhangfang.ledger.wire import Records, days, micros
from zhangfang.ledger.writer.journal import SQL

CHUNK = 100_000  # entries read at once


class HistoryDiffers(ZhangfangError):
    """The entries after the checkpoint do not lead to the balances stored with them. See `zhangfang ledger verify`."""


async def load(connection: asyncpg.Connection, shard: int) -> State:
    """Read memory back, in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow(SQL.head, shard)
        point = await connection.fetchrow(SQL.checkpoint, shard)
        booked, paged = (point["seq"], point["paged"]) if point else (0, 0)
        last = await connection.fetchval(SQL.last_id, shard)
        closed = days(head["closed_through"]) if head["closed_through"] else 0
        state = State(shard, head["seq"], micros(head["at"]), last or NONE, closed)
        state.paged = paged
        _accounts(state, await connection.fetch(SQL.accounts, shard))
        # A database older than pages has entries before its checkpoint that are on no page: the tail takes them.
        await _take_entries(connection, state, paged, booked, again=False)
        await _take_entries(connection, state, booked, head["seq"], again=True)
        for row in await connection.fetch(SQL.open_pendings, shard, paged):
            pending = stored_pending(row, state)
            state.holds.hold(pending)
            if pending.seq <= paged:
                state.holds.opened.discard(pending.id)
        listed = await connection.fetch(SQL.holds_listed, shard)
        # listed and not open: resolved after the checkpoint, before a crash
        state.holds.ended = {row["id"] for row in listed} - state.holds.open.keys()
    return state


def _accounts(state: State, found: list[asyncpg.Record]) -> None:
    if found:
        ids, code, subject, book_, flags, limit, *figures = zip(*found, strict=True)
        named = list(zip(code, subject, strict=True))
        books, all_flags, limits = (np.array(column, np.int64) for column in (book_, flags, limit))
        state.accounts.add(
            np.array(ids, "V16"), named, books, all_flags, limits, np.array(figures, np.int64).T
        )


async def _take_entries(
    connection: asyncpg.Connection, state: State, after: int, until: int, *, again: bool
) -> None:
    """Take entries into the tail, and (`again`) book them again."""
    while after < until:
        found = await connection.fetch(SQL.tail, state.shard, after, min(after + CHUNK, until))
        rows = _rows(found, state)
        if again:
            _book_again(state, rows, found, after)
        else:
            rows["seq"] = [row["seq"] for row in found]
            state.accounts.touched[rows["debit_at"]] = state.accounts.touched[rows["credit_at"]] = True
        state.tail.add(rows)
        after += CHUNK


def _rows(found: list[asyncpg.Record], state: State) -> Records:
    rows = np.zeros(len(found), ROW)
    for side in ("debit", "credit"):
        rows[side] = np.array([row[side] for row in found], "V16")
        rows[f"{side}_at"] = state.accounts.numbers(rows[side])
    for name in ("moved", "held"):
        rows[name] = [row[name] for row in found]
    rows["business_date"] = [days(row["business_date"]) for row in found]
    return rows


def _book_again(state: State, rows: Records, found: list[asyncpg.Record], after: int) -> None:
    book(rows, state.accounts, after)
    for number, row in zip(rows["debit_at"].tolist(), found, strict=True):
        if row["flags"] & SET_FLAGS:
            state.accounts.flags[number] = state.accounts.flags[number] & FLOORS | row["kind"]
    for name in ("seq", "debit_balance", "credit_balance"):
        stored = np.array([row[name] for row in found], np.int64)
        there = (rows["debit_at"] > 0) if name != "seq" else np.ones(len(rows), np.bool_)
        wrong = np.flatnonzero((rows[name] != stored) & there)
        if len(wrong):
            raise HistoryDiffers(
                f"shard {state.shard}, entry {stored[wrong[0]] if name == 'seq' else found[wrong[0]]['seq']}: "
                f"{name} is not what the entries before it lead to"
            )


async def lookup(
    connection: asyncpg.Connection, state: State, ids: Collection[bytes], pendings: Collection[bytes]
) -> tuple[list[tuple[bytes, Known]], list[tuple[Pending, Result]]]:
    """Return what was answered for old ids, and what became of pendings that are open no more."""
    known, resolved = [], []
    if ids:
        for row in await connection.fetch(SQL.known, state.shard, list(ids)):
            known.append((row["id"], Known(Result(row["result"]), row["seq"], row["digest"])))
    if pendings:
        for row in await connection.fetch(SQL.resolved, state.shard, list(pendings)):
            resolved.append((stored_pending(row, state), became(row["became"])))
    return known, resolved


def stored_pending(row: asyncpg.Record, state: State) -> Pending:
    """Return the hold that a row of `transfer` with its `chain` is."""
    debit, credit = state.accounts.numbers(np.array([row["debit"], row["credit"]], "V16")).tolist()
    return Pending(
        id=row["id"],
        seq=row["seq"],
        debit_at=debit,
        credit_at=credit,
        amount=row["amount"],
        book=row["book"],
        kind=row["kind"],
        chain=row["chain"],
        deadline=micros(row["posted_at"]) + row["timeout"] * MICROSECONDS if row["timeout"] else 0,
        voucher=row["voucher"],
        memo=row["memo"] or NONE,
        business_date=days(row["business_date"]),
    )
