"""What people decide about a case: confirm it, approve it if its money was settled, or dismiss it.

A decision, its step and the person's act are stored in one transaction. The driver does the rest; nothing is sent here.
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

AT_ONCE = 8  # cases that `confirm_all` confirms concurrently
_CONFIRMED = (CaseState.APPROVAL, CaseState.REVERSING, CaseState.DONE)
_UNDECIDED = (CaseState.SUSPECTED, CaseState.PERSON)


async def confirm(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: str, reason: str) -> Case:
    """Confirm that a case is a double payment. Its reversal begins, or waits for a second person if it was settled.

    If the same person confirms it again, nothing changes. Raises `InvalidInput`, `NoCase`, `DoesNotFit`.
    """
    by, reason = _name(by), check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        case = await store.lock(connection, id_)
        if case.state in _CONFIRMED and same_person(case.confirmed_by or "", by):
            return case
        if case.state not in _UNDECIDED:
            raise DoesNotFit(f"the case is {case.state}; allowed: one that nobody has decided")
        obstacle, settled = await _obstacle(connection, case)
        if obstacle:
            raise DoesNotFit(f"{obstacle}; allowed: settle it with the merchant, then dismiss the case")
        now = clock.now()
        state, due = (CaseState.APPROVAL, None) if settled else (CaseState.REVERSING, now)
        text = "settled to the merchant already: a second person has to approve" if settled else ""
        await connection.execute(queries.confirm, id_, state, text, by, now, reason, due)
        await store.note(clock, connection, id_, "confirm", reason, by)
        return await store.lock(connection, id_)


async def _obstacle(connection: Any, case: Case) -> tuple[str, bool]:
    """Return why a case cannot be reversed now (or nothing), and whether its money was settled."""
    goes, keep = await store.lock_pair(connection, case.intent or case.keep, case.keep)
    if case.break_ is None:
        return unfit(goes, keep), goes.settlement is not None
    line = await connection.fetchrow(queries.line_of_break, case.break_)
    if line["cleared_at"] is not None or line["cure"] not in (None, "B3"):
        return "its break has another cure", False
    return unfit_line(line, keep), False


async def approve(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: str) -> Case:
    """Approve taking settled money back. Raises `SecondPerson` if `by` confirmed the case, `NoCase`, `DoesNotFit`."""
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
    """Close a case that is no double payment or was solved otherwise, before its reversal began. Raises like `confirm`."""
    by, reason = _name(by), check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        case = await store.lock(connection, id_)
        if case.state not in (*_UNDECIDED, CaseState.APPROVAL):
            raise DoesNotFit(f"the case is {case.state}; allowed: one whose reversal has not begun")
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
    """Confirm many cases; return the reason for each that was refused. `progress` is called with (done, all)."""
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
