"""Releases statements: the first version by the timetable, a further one by a person, and only where something differs."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg

from zhangfang import approvals
from zhangfang.approvals import PLATFORM, Person
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.sql import load
from zhangfang.statements.model import Statement, encode
from zhangfang.statements.reading import openings, read

queries = load(__package__, "statements.sql")
TOGETHER = 200  # merchants whose lines one query reads


async def release(pool: asyncpg.Pool, clock: Clock, day: date, certificates: str = "") -> int:
    """Release the statements of all merchants that have none of a closed `day`; return how many merchants there are.

    Safe to repeat: what is released stays as it is.
    """
    return await _release(pool, clock, day, certificates, None, str(PLATFORM), "")


async def release_again(
    pool: asyncpg.Pool,
    clock: Clock,
    day: date,
    by: Person,
    reason: str,
    certificates: str = "",
    merchant: str | None = None,
) -> int:
    """Release a new version for each merchant, or for one, whose statement of `day` differs now; return how many.

    It is for after a correction. Older versions are kept, and the new one says what has changed.
    """
    reason = approvals.reason(reason)
    target = f"statements/{day}" + (f"/{merchant}" if merchant else "")
    async with approvals.recorded(pool, clock, by, "release statements again", target, reason):
        return await _release(pool, clock, day, certificates, merchant, str(by), reason)


async def _release(
    pool: asyncpg.Pool, clock: Clock, day: date, certificates: str, merchant: str | None, by: str, reason: str
) -> int:
    seq = await pool.fetchval(queries.head_seq)
    merchants = await pool.fetch(queries.merchants, clock.now(), merchant)
    before = await openings(pool, day, merchant)
    done = 0
    for first in range(0, len(merchants), TOGETHER):
        names = {row["id"]: row["name"] for row in merchants[first : first + TOGETHER]}
        newest = {row["merchant"]: row for row in await pool.fetch(queries.newest, list(names), day)}
        if not reason:
            names = {id_: name for id_, name in names.items() if id_ not in newest}
        made = await read(pool, names, day, before) if names else []
        rows = [row for one in made if (row := _row(one, newest.get(one.merchant)))]
        await _store(pool, rows, (seq, certificates), (reason, by, clock.now()))
        done += len(rows)
    return done if reason else len(merchants)


def _row(made: Statement, newest: Any) -> tuple[Any, ...] | None:
    """Return the columns of a version; None if the newest one says the same."""
    body = encode(made)
    digest = hashlib.sha256(body).hexdigest()
    if newest is not None and newest["digest"] == digest:
        return None
    version = newest["version"] + 1 if newest is not None else 1
    counts = (made.opening, made.closing, len(made.payments), len(made.entries))
    return (made.merchant, made.day, version, *counts, digest, body)


async def _store(
    pool: asyncpg.Pool, rows: Sequence[tuple[Any, ...]], source: tuple[int, str], why: tuple[str, str, Any]
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        versions = [(*row[:7], *source, *row[7:], *why) for row in rows]
        await connection.executemany(queries.add_version, versions)
        firsts = [(*row[:2], *row[3:5], row[6], source[0], row[7], why[2]) for row in rows if row[2] == 1]
        await connection.executemany(queries.add_first, firsts)
