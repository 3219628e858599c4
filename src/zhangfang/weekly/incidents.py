"""Incidents: people record them; the rules propose a grade, one person grades, and a milder grade needs a second person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.sql import load
from zhangfang.weekly.figures import PREFIX
from zhangfang.weekly.rules import GRADES, Size, graded, milder

queries = load(__package__, "weekly.sql")
GRADE = "incident grade"  # the kind of the proposal
_MOST = 10**15


class NoIncident(ZhangfangError):
    """There is no such incident."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an incident ended, and how large it was; amounts in fen."""

    ended_at: datetime
    cause: str
    effect: str
    handling: str
    minutes_down: int = 0
    payments_hit: int = 0
    fen_hit: int = 0
    fen_wrong: int = 0
    on_statement: bool = False


class Milder(msgspec.Struct, frozen=True):
    """A grade below the one that the rules propose."""

    incident: str
    grade: str


async def open_incident(
    pool: asyncpg.Pool, clock: Clock, by: Person, service: str, found: str, began_at: datetime
) -> UUID:
    """Record that something began; return the incident's id."""
    now = clock.now()
    if began_at > now:
        raise InvalidInput("began", "a moment in the future", "a moment that has passed")
    values = approvals.text("service", service, 1, 40), approvals.text("found", found, 1, 500)
    id_ = new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.open_incident, id_, *values, began_at, now)
        await approvals.record(connection, clock, by, "open incident", prefixed(PREFIX, id_), values[1])
    return id_


async def add_note(pool: asyncpg.Pool, clock: Clock, by: Person, id_: UUID, text: str) -> None:
    """Add a line to an incident's course."""
    text = approvals.text("text", text, 1, 500)
    async with pool.acquire() as connection, connection.transaction():
        await _get(connection, id_)
        await connection.execute(queries.add_event, new_id(clock), id_, clock.now(), str(by), text)
        await approvals.record(connection, clock, by, "note incident", prefixed(PREFIX, id_))


async def end_incident(pool: asyncpg.Pool, clock: Clock, by: Person, id_: UUID, ending: Ending) -> str:
    """Record how an incident ended; return the grade that the rules of its day propose. It may be corrected later."""
    for name in ("minutes_down", "payments_hit", "fen_hit", "fen_wrong"):
        if not 0 <= getattr(ending, name) < _MOST:
            raise InvalidInput(name, "a number out of range", f"0 to {_MOST - 1}")
    told = [approvals.text(name, getattr(ending, name), 1, 500) for name in ("cause", "effect", "handling")]
    size = Size(ending.minutes_down, ending.payments_hit, ending.fen_wrong, ending.on_statement)
    async with pool.acquire() as connection, connection.transaction():
        found = await _get(connection, id_)
        if ending.ended_at < found["began_at"]:
            raise InvalidInput("ended", "a moment before it began", f"{found['began_at']} or later")
        rules = await connection.fetch(queries.grade_rules, china_day(found["began_at"]))
        proposed = graded(size, rules)
        amounts = ending.minutes_down, ending.payments_hit, ending.fen_hit, ending.fen_wrong
        values = (id_, ending.ended_at, *amounts, ending.on_statement, *told, proposed)
        await connection.execute(queries.end_incident, *values)
        await approvals.record(connection, clock, by, "end incident", prefixed(PREFIX, id_), proposed)
    return proposed


async def grade_incident(
    pool: asyncpg.Pool, clock: Clock, by: Person, id_: UUID, grade: str, reason: str
) -> UUID | None:
    """Grade an incident that has ended. A grade below the proposed one becomes a proposal, whose id is returned."""
    reason = approvals.reason(reason)
    if grade not in GRADES or len(grade) != 1:
        raise InvalidInput("grade", f"{len(grade)} characters", ", ".join(GRADES))
    name = prefixed(PREFIX, id_)
    async with pool.acquire() as connection, connection.transaction():
        found = await _get(connection, id_)
        if found["proposed_grade"] is None:
            raise InvalidInput(
                "id", "an incident that has not ended", "one that has: `zhangfang incident end`"
            )
        if milder(grade, found["proposed_grade"]):
            proposal = new_id(clock)
            said = Milder(name, grade)
            await approvals.propose(connection, clock, proposal, GRADE, name, said, by, reason)
            return proposal
        await connection.execute(queries.grade_incident, id_, grade, by.id, None)
        await approvals.record(connection, clock, by, "grade incident", name, f"{grade}: {reason}")
    return None


async def approve_grade(pool: asyncpg.Pool, clock: Clock, proposal: UUID, seen: str, by: Person) -> str:
    """Approve a milder grade by its hash; return the grade. Raises what `approvals.approve` raises."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(Milder)
        id_ = incident_id(said.incident)
        await connection.execute(queries.grade_incident, id_, said.grade, found.proposed_by, by.id)

    found = await approvals.approve(pool, clock, proposal, GRADE, seen, by, begin)
    return await approvals.finish(pool, clock, found, found.holds(Milder).grade)


def incident_id(text: str) -> UUID:
    """Return the id behind an incident's public one."""
    return parse(PREFIX, text)


async def course(pool: asyncpg.Pool, id_: UUID) -> Sequence[Any]:
    """Return the notes of an incident, oldest first."""
    return list(await pool.fetch(queries.events, id_))


async def _get(connection: Any, id_: UUID) -> Any:
    row = await connection.fetchrow(queries.incident, id_)
    if row is None:
        raise NoIncident("id: there is no such incident")
    return row
