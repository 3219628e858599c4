"""Which files and statements are there, and how many lines of one would have a payment of ours?"""

from collections.abc import Sequence
from typing import Any

import asyncpg

from zhangfang.kernel.sql import load

queries = load(__package__, "files.sql")

_LISTED = 60


async def files(pool: asyncpg.Pool) -> Sequence[Any]:
    """Return the newest files of channels, fetched and brought."""
    return list(await pool.fetch(queries.files, _LISTED))


async def statements(pool: asyncpg.Pool) -> Sequence[Any]:
    """Return the newest statements that people brought."""
    return list(await pool.fetch(queries.statements, _LISTED))


async def accounts(pool: asyncpg.Pool) -> Sequence[str]:
    """Return our bank accounts, by their aliases."""
    return [row["subject"] for row in await pool.fetch(queries.accounts)]


async def matching(pool: asyncpg.Pool, channel: str, numbers: Sequence[str]) -> int:
    """Return how many order numbers are those of payments by the channel."""
    found: int = await pool.fetchval(queries.matching, channel, list(numbers))
    return found
