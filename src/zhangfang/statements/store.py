"""The versions that were released. Rows are only added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.statements.model import Statement, decode

queries = load(__package__, "statements.sql")
_LAST = date(9999, 12, 31)
_NEWEST = 2**31 - 1


class NoStatement(ZhangfangError):
    """Nothing was released for a merchant and a date."""


@dataclass(frozen=True, slots=True)
class Version:
    """A released version. Amounts in fen; `digest` is the SHA-256 of its content; `reason` is empty for the first one."""

    merchant: str
    business_date: date
    version: int
    opening: int
    closing: int
    payments: int
    lines: int
    ledger_seq: int
    certificates: str
    digest: str
    reason: str
    released_by: str
    released_at: datetime
    body: bytes = b""
    name: str = ""
    code: str = ""

    @property
    def said(self) -> Statement:
        """Return the content."""
        return decode(self.body)


async def get(pool: asyncpg.Pool, merchant: str, day: date, version: int | None = None) -> Version:
    """Return a version with its content, the newest if none is named. Raises `NoStatement`."""
    row = await pool.fetchrow(queries.get, merchant, day, version)
    if row is None:
        raise NoStatement(f"no statement of {day} is released for {merchant}")
    return Version(**row)


async def previous(pool: asyncpg.Pool, version: Version) -> Version | None:
    """Return the version that one has replaced; None if it is the first."""
    if version.version == 1:
        return None
    return await get(pool, version.merchant, version.business_date, version.version - 1)


async def of_day(
    pool: asyncpg.Pool, day: date, limit: int, after: str = "", merchant: str | None = None
) -> Sequence[Version]:
    """Return the versions of a date by merchant, newest first, without their content."""
    return [Version(**row) for row in await pool.fetch(queries.of_day, day, after, merchant, limit)]


async def newest_day(pool: asyncpg.Pool) -> date | None:
    """Return the newest date with a released statement."""
    day: date | None = await pool.fetchval(queries.newest_day)
    return day


async def of_merchant(
    pool: asyncpg.Pool, merchant: str, limit: int, before: tuple[date, int] = (_LAST, _NEWEST)
) -> Sequence[Version]:
    """Return a merchant's versions, newest date first, without their content."""
    return [Version(**row) for row in await pool.fetch(queries.of_merchant, merchant, *before, limit)]
