"""Do we and the channel agree? Files and statements of a day beside our own books, and the breaks."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import asyncpg

from zhangfang.console.reading.model import Break, FileResult, SideLine, StatementResult
from zhangfang.kernel.sql import load

queries = load(__package__, "reconciliation.sql")


async def files(pool: asyncpg.Pool, day: date, channels: Sequence[str]) -> tuple[FileResult, ...]:
    """Return each channel's file of a settlement date; `channels` are those that owe one even where none arrived.

    Ours is what our payments say the file has to hold: those matched on it, and those of its date still unmatched.
    """
    return tuple(FileResult(**row) for row in await pool.fetch(queries.files, day, list(channels)))


SIDES = {  # what a figure of the page is made of: the statement, and whether it leaves a part of the lines out
    "lines": (queries.file_lines, False),
    "matched": (queries.file_lines, True),
    "ours": (queries.our_side, False),
    "not-due": (queries.our_side, True),
    "bank": (queries.bank_lines, False),
    "posted": (queries.bank_lines, True),
}


async def side(
    pool: asyncpg.Pool, source: str, day: date, which: str, limit: int, skip: int
) -> tuple[SideLine, ...]:
    """Return the lines that a figure of a channel or of a bank account is made of; `which` is a key of `SIDES`."""
    statement, part = SIDES[which]
    return tuple(SideLine(**row) for row in await pool.fetch(statement, source, day, part, limit, skip))


async def statements(pool: asyncpg.Pool, day: date) -> tuple[StatementResult, ...]:
    """Return each bank account's lines of a business date beside what the ledger's cash accounts say of them."""
    return tuple(StatementResult(**row) for row in await pool.fetch(queries.statements, day))


async def breaks(pool: asyncpg.Pool, day: date, limit: int = 500) -> tuple[Break, ...]:
    """Return a date's breaks with both sides' records: open ones first, oldest first."""
    return tuple(Break(**row) for row in await pool.fetch(queries.breaks, day, None, limit))


async def one_break(pool: asyncpg.Pool, id_: UUID) -> Break | None:
    """Return a break with both sides' records."""
    row = await pool.fetchrow(queries.breaks, None, id_, 1)
    return Break(**row) if row else None


async def newest_day(pool: asyncpg.Pool) -> date | None:
    """Return the newest day that has a file or a bank line."""
    return await pool.fetchval(queries.newest_day)  # type: ignore[no-any-return]
