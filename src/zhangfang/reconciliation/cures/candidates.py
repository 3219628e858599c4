"""What an unexplained bank line could be: dates that wait for just this money, and payments that no file lists."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from zhangfang.channels.port import Operation
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.payments import PREFIX

queries = load(__package__, "cures.sql")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A date that a channel has settled, or a payment, of the amount in question."""

    channel: str
    day: date
    payment: str = ""


async def candidates(pool: asyncpg.Pool, difference: int) -> tuple[Candidate, ...]:
    """Return the dates and payments that an unexplained line of so many fen could be, the newest first."""
    rows = await pool.fetch(queries.candidates, difference)
    return tuple(Candidate(row["channel"], row["day"], _shown(row["intent"], row["kind"])) for row in rows)


def _shown(intent: UUID | None, kind: str | None) -> str:
    return prefixed(PREFIX[Operation(kind)], intent) if intent and kind else ""
