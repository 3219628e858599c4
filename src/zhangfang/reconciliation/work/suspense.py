"""What lies in suspense, how old it is, and what of it is too old: the limits are rows of `limits.csv`.

A row of the limits says: of this account, what is so many days old or older may come to so many fen. Suspense ends only by
a cure of its break, so it is written off by two people only.
"""

from collections.abc import Sequence
from csv import DictReader
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Final

import asyncpg
import structlog

from zhangfang.kernel.sql import load

queries = load(__package__, "work.sql")
log = structlog.get_logger()

CODES: Final = {
    "B1": 2351,
    "X1": 2352,
    "B4": 1242,
    "B5-": 1242,
    "X2": 1243,
}  # where a template books a difference
BUCKETS: Final = (0, 2, 8, 31)  # days from which each begins


@dataclass(frozen=True, slots=True)
class Limit:
    """Of account `code`, what is `days` old or older may come to `fen`."""

    code: int
    days: int
    fen: int


@dataclass(frozen=True, slots=True)
class Aged:
    """The open items of an account that are as old as a bucket says: number and fen."""

    code: int
    days: int
    count: int
    fen: int


@dataclass(frozen=True, slots=True)
class TooMuch:
    """A limit that is passed, and by what."""

    limit: Limit
    fen: int


def _read() -> tuple[Limit, ...]:
    text = resources.files(__package__).joinpath("limits.csv").read_text("utf-8")
    return tuple(
        Limit(*(int(row[name]) for name in ("code", "days", "fen"))) for row in DictReader(text.splitlines())
    )


LIMITS: Final = _read()


async def aging(pool: asyncpg.Pool, now: datetime) -> tuple[Aged, ...]:
    """Return what lies in suspense, by account and by bucket of age; empty buckets too."""
    templates = list(CODES)
    edges = [now - timedelta(days=days) for days in BUCKETS[1:]]
    rows = await pool.fetch(queries.aging, templates, [CODES[one] for one in templates], edges)
    found = {(row["code"], row["bucket"]): (row["items"], row["fen"]) for row in rows}
    return tuple(
        Aged(code, days, *found.get((code, n), (0, 0)))
        for code in sorted(set(CODES.values()))
        for n, days in enumerate(BUCKETS)
    )


def too_much(aged: Sequence[Aged], limits: Sequence[Limit] = LIMITS) -> tuple[TooMuch, ...]:
    """Return the limits that are passed."""
    sums = [
        (limit, sum(one.fen for one in aged if one.code == limit.code and one.days >= limit.days))
        for limit in limits
    ]
    return tuple(TooMuch(limit, fen) for limit, fen in sums if fen > limit.fen)


async def watch(pool: asyncpg.Pool, now: datetime) -> tuple[TooMuch, ...]:
    """Log each limit that is passed, and return them."""
    passed = too_much(await aging(pool, now))
    for one in passed:
        log.error(
            "suspense is too old",
            account=one.limit.code,
            days=one.limit.days,
            fen=one.fen,
            limit=one.limit.fen,
        )
    return passed
