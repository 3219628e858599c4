"""Computes the figures of a week from what the platform has stored."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from statistics import median_low
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.approvals import PREFIX as PROPOSAL
from zhangfang.channels.port import PAY_INS
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.weekly.model import (
    Breaks,
    Doubled,
    Figures,
    Incident,
    Peak,
    Rate,
    Release,
    Unknown,
    Uptime,
    Volume,
)
from zhangfang.weekly.rules import days_of, down_ms

queries = load(__package__, "weekly.sql")
PREFIX = "inc"
RELEASED = (
    "map",
    "match rule",
    "fee rule",
    "terms",
    "cycle",
)  # kinds of proposals, beside the tables of routing
KINDS: Mapping[str, Sequence[str]] = {
    "pay_in": [operation.value for operation in PAY_INS],
    "refund": ["refund", "void"],
    "payout": ["payout"],
}


async def figures(pool: asyncpg.Pool, week: str, as_of: datetime) -> Figures:
    """Compute a week; one that is not over up to `as_of`. Raises `InvalidInput` for what is no week."""
    first, last = days_of(week)
    begin, end = _midnight(first), min(_midnight(last + timedelta(days=1)), as_of)
    asked = [Rate(**await pool.fetchrow(queries.outcomes, begin, end, kinds)) for kinds in KINDS.values()]
    rates = {name: rate if rate.attempted else None for name, rate in zip(KINDS, asked, strict=True)}
    new_year = _midnight(date(last.year, 1, 1))
    minutes = await pool.fetch(queries.minutes, min(new_year, begin), end)
    alive = any(rates.values())
    return Figures(
        week=week,
        first=first,
        last=last,
        **rates,
        uptime=uptime(begin, end, minutes),
        year=uptime(new_year, end, minutes),
        incidents=[_incident(row) for row in await pool.fetch(queries.incidents, begin, end)],
        unknown=await _unknown(pool, begin, end) if alive else None,
        doubled=Doubled(**await pool.fetchrow(queries.doubled, begin, end)) if alive else None,
        breaks=await _breaks(pool, begin, end),
        peak=await _peak(pool, begin, end),
        releases=[_release(row) for row in await pool.fetch(queries.releases, begin, end, RELEASED)],
        volume=[Volume(**row) for row in await pool.fetch(queries.volume, begin, end)],
    )


def _release(row: Any) -> Release:
    proposal = prefixed(PROPOSAL, row["proposal"]) if row["proposal"] else ""
    moments = row["live_at"], row["ended_at"]
    return Release(row["kind"], row["version"], *moments, row["reason"], row["about"], proposal)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CHINA)


def uptime(begin: datetime, end: datetime, minutes: Sequence[Mapping[str, Any]]) -> Uptime:
    """Return the measured, the unmeasured and the down time between two moments."""
    downs = [
        down_ms(row["asked"], row["failed"], row["answered"], row["errors"])
        for row in minutes
        if begin <= row["minute"] < end
    ]
    measured = [down for down in downs if down is not None]
    whole = max(int((end - begin).total_seconds()) // 60, 0)
    return Uptime(begin.astimezone(CHINA).date(), len(measured), max(whole - len(measured), 0), sum(measured))


async def _unknown(pool: asyncpg.Pool, begin: datetime, end: datetime) -> Unknown:
    rows = await pool.fetch(queries.unknown, begin, end, _first_id(begin), _first_id(end))
    took = [_ms(row["ended"] - row["since"]) for row in rows if row["ended"] is not None]
    return Unknown(len(rows), len(took), median_low(took) if took else None, max(took, default=None))


def _first_id(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of a moment: ids begin with their milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _ms(time_: timedelta) -> int:
    return time_ // timedelta(milliseconds=1)


async def _breaks(pool: asyncpg.Pool, begin: datetime, end: datetime) -> Breaks | None:
    """Return the breaks; None if no channel's file was ever compared."""
    if not await pool.fetchval(queries.any_file, end):
        return None
    row = await pool.fetchrow(queries.breaks, begin, end)
    oldest = (end - row["oldest"]).days if row["oldest"] is not None else None
    return Breaks(row["opened"], row["cleared"], row["open"], oldest)


async def _peak(pool: asyncpg.Pool, begin: datetime, end: datetime) -> Peak | None:
    row = await pool.fetchrow(queries.peak, begin, end)
    return Peak(**row) if row is not None else None


def _incident(row: Any) -> Incident:
    taken = (
        "began_at",
        "ended_at",
        "service",
        "found",
        "cause",
        "effect",
        "handling",
        "payments_hit",
        "fen_hit",
    )
    grade = row["grade"] or row["proposed_grade"]
    return Incident(
        id=prefixed(PREFIX, row["id"]),
        grade=grade,
        decided=row["grade"] is not None,
        **{name: row[name] for name in taken},
    )
