"""What people do about a case: confirm it, approve it where money was settled, dismiss it. The driver does the rest.

A decision is stored with its step and the person's act in one transaction; nothing is sent here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.approvals import check_second, person, same_person
from zhangfang.approvals import reason as check_reason
from zhangfang.duplicates import store
from zhangfang.duplicates.model import Case, CaseState, DoesNotFit, DuplicateError
from zhangfang.duplicates.rules import unfit, unfit_line
from zhangfang.duplicates.store import queries
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

AT_ONCE = 8  # cases of a bulk that are confirmed side by side
_CONFIRMED = (CaseState.APPROVAL, CaseState.REVERSING, CaseState.DONE)
_UNDECIDED = (CaseState.SUSPECTED, CaseState.PERSON)


async def confirm(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: str, reason: str) -> Case:
    """Say that a case is a double payment: its money starts back to the payer, or waits for a second person.

    The same person may say so again: it changes nothing. Raises `InvalidInput`, `NoCase`, `DoesNotFit`.
    """
    by, reason = _name(by), check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        case = await store.lock(connection, id_)
        if case.state in _CONFIRMED and same_person(case.confirmed_by or "", by):
            return case
        if case.state not in _UNDECIDED:
            raise DoesNotFit(f"the case is {case.state}; allowed: one that nobody has decided")
        obstacle, settled = await _look(connection, case)
        if obstacle:
            raise DoesNotFit(f"{obstacle}; allowed: settle it with the merchant, then dismiss the case")
        now = clock.now()
        state, due = (CaseState.APPROVAL, None) if settled else (CaseState.REVERSING, now)
        text = "settled to the merchant already: a second person has to approve" if settled else ""
        await connection.execute(queries.confirm, id_, state, text, by, now, reason, due)
        await store.note(clock, connection, id_, "confirm", reason, by)
        return await store.lock(connection, id_)


async def _look(connection: Any, case: Case) -> tuple[str, bool]:
    """Return what stands in the way of reversing a case, as it stands now, and whether its money was settled."""
    goes, keep = await store.two(connection, case.intent or case.keep, case.keep)
    if case.break_ is None:
        return unfit(goes, keep), goes.settlement is not None
    line = await connection.fetchrow(queries.line_of_break, case.break_)
    if line["cleared_at"] is not None or line["cure"] not in (None, "B3"):
        return "its break has another cure", False
    return unfit_line(line, keep), False


async def approve(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: str) -> Case:
    """Agree to take settled money back. Raises `SecondPerson` for one's own confirmation, `NoCase`, `DoesNotFit`."""
    by = _name(by)
    async with pool.acquire() as connection, connection.transaction():
        case = await store.lock(connection, id_)
        check_second(case.confirmed_by or "", by, "this reversal")
        if case.state is CaseState.REVERSING and same_person(case.approved_by or "", by):
            return case
        if case.state is not CaseState.APPROVAL:
            raise DoesNotFit(f"the case is {case.state}; allowed: one that waits for a second person")
        await connection.execute(queries.approve, id_, by, clock.now())
        await store.note(
            clock, connection, id_, "approve", f"{case.confirmed_by} confirmed: {case.reason}", by
        )
        return await store.lock(connection, id_)


async def dismiss(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: str, reason: str) -> Case:
    """Say that a case is none, or was settled otherwise. Nothing may be on its way. Raises as `confirm` does."""
    by, reason = _name(by), check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        case = await store.lock(connection, id_)
        if case.state not in (*_UNDECIDED, CaseState.APPROVAL):
            raise DoesNotFit(f"the case is {case.state}; allowed: one of which nothing has begun")
        await connection.execute(queries.dismiss, id_, reason, clock.now())
        await store.note(clock, connection, id_, "dismiss", reason, by)
        return await store.lock(connection, id_)


async def confirm_all(
    pool: asyncpg.Pool,
    clock: Clock,
    ids: Sequence[UUID],
    by: str,
    reason: str,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[UUID, str]:
    """Confirm many cases; return why, for each that was not. `progress` hears how many of how many are done."""
    _name(by), check_reason(reason)
    refused: dict[UUID, str] = {}
    turn, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(id_: UUID) -> None:
        nonlocal done
        async with turn:
            try:
                await confirm(pool, clock, id_, by, reason)
            except DuplicateError as error:
                refused[id_] = str(error)
            done += 1
            progress(done, len(ids))

    await asyncio.gather(*map(one, ids))
    return refused


def _name(by: str) -> str:
    if by.strip() == store.PLATFORM:
        raise InvalidInput("by", "the platform's own name", "a person's name")
    return person(by)
