"""The record of acts as people search it: by person, by kind, by time, newest first, page by page."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from zhangfang.approvals.acts import Act
from zhangfang.approvals.people import folded
from zhangfang.kernel.sql import load

queries = load(__package__, "trail.sql")

_END = 2**62
_BY = {(False, False): "all", (True, False): "of_person", (False, True): "of_kind", (True, True): "of_both"}


@dataclass(frozen=True, slots=True)
class Told(Act):
    """An act, and its number in the chain."""

    seq: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts: of whom (a log-in), of which kind, from one moment to before another, and before a number of the chain."""

    person: str = ""
    act: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


async def trail(pool: asyncpg.Pool, wanted: Wanted, most: int) -> tuple[Told, ...]:
    """Return the newest acts that are wanted, at most `most`; sign-ins, exports and refusals too."""
    after = await _number(pool, wanted.since, 0)
    before = min(wanted.before or _END, await _number(pool, wanted.until, _END - 1) + 1)
    person = folded(wanted.person)
    sql = getattr(queries, _BY[bool(person), bool(wanted.act)])
    given = [one for one in (person, wanted.act) if one]
    return tuple(Told(**row) for row in await pool.fetch(sql, after, before, most, *given))


async def length(pool: asyncpg.Pool) -> int:
    """Return the number of the chain's last act."""
    return int(await pool.fetchval(queries.length))


async def _number(pool: asyncpg.Pool, moment: datetime | None, otherwise: int) -> int:
    """Return the number of the last act before a moment."""
    return otherwise if moment is None else (await pool.fetchval(queries.before_moment, moment)) or 0
