"""What people decide about a case: confirm it, approve it if its money was settled, or dismiss it.

A decision, its step and the person's act are stored in one transaction. The driver does the rest; nothing is sent here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal, same_person
from zhangfang.approvals import reason as check_reason
from zhangfang.duplicates import store
from zhangfang.duplicates.model import Case, CaseState, DoesNotFit, DuplicateError
from zhangfang.duplicates.rules import unfit, unfit_line
from zhangfang.duplicates.store import queries
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.money import fen_to_yuan

REVERSAL = "reversal"  # the kind of these proposals
AT_ONCE = 8  # cases that `confirm_all` confirms concurrently
_CONFIRMED = (CaseState.APPROVAL, CaseState.REVERSING, CaseState.DONE)
_UNDECIDED = (CaseState.SUSPECTED, CaseState.PERSON)


class Reversal(msgspec.Struct, frozen=True):
    """Settled money that is taken back from a merchant. Fen."""

    merchant: str
    order_no: str
    stays: str
    goes_back: str
    amount: int
    reason: str


async def confirm(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: Person, reason: str) -> Case:
    """Confirm that a case is a double payment. Its reversal begins, or waits for a second person if it was settled.

    If the same person confirms it again, nothing changes. Raises `InvalidInput`, `NoCase`, `DoesNotFit`.
    """
    reason = check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.check_may_act(connection, by)
        case = await store.lock(connection, id_)
        once_more = await _without_proposal(connection, case)
        if case.state in _CONFIRMED and not once_more and same_person(case.confirmed_by or "", by):
            return case
        if case.state not in _UNDECIDED and not once_more:
            raise DoesNotFit(f"the case is {case.state}; allowed: one that nobody has decided")
        obstacle, settled = await _obstacle(connection, case)
        if obstacle:
            raise DoesNotFit(f"{obstacle}; allowed: settle it with the merchant, then dismiss the case")
        now, proposal = clock.now(), new_id(clock) if settled else None
        state, due = (CaseState.APPROVAL, None) if settled else (CaseState.REVERSING, now)
        text = "settled to the merchant already: a second person has to approve" if settled else ""
        await connection.execute(queries.confirm, id_, state, text, by.id, now, reason, due, proposal)
        await store.note(clock, connection, id_, "confirm", reason, by)
        if proposal is not None:
            said, target = _reversal(case, reason), prefixed(store.PREFIX, id_)
            why = f"{fen_to_yuan(case.amount)}: {reason}"
            await approvals.propose(connection, clock, proposal, REVERSAL, target, said, by, why)
        return await store.lock(connection, id_)


async def _without_proposal(connection: Any, case: Case) -> bool:
    """Whether a case waits for a second person, and for no proposal that is open: it is to be confirmed once more."""
    if case.state is not CaseState.APPROVAL:
        return False
    return case.proposal is None or (await approvals.get(connection, case.proposal)).decision is not None


def _reversal(case: Case, reason: str) -> Reversal:
    back = f"break {case.break_}" if case.intent is None else prefixed("pay", case.intent)
    return Reversal(case.merchant, case.order_no, prefixed("pay", case.keep), back, case.amount, reason)


async def _obstacle(connection: Any, case: Case) -> tuple[str, bool]:
    """Return why a case cannot be reversed now (or nothing), and whether its money was settled."""
    goes, keep = await store.lock_pair(connection, case.intent or case.keep, case.keep)
    if case.break_ is None:
        return unfit(goes, keep), goes.settlement is not None
    line = await connection.fetchrow(queries.line_of_break, case.break_)
    if line["cleared_at"] is not None or line["cure"] not in (None, "B3"):
        return "its break has another cure", False
    return unfit_line(line, keep), False


async def approve(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Approve taking settled money back, by the proposal's hash. Raises what `approvals.approve` raises, `DoesNotFit`."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        case = await store.lock(connection, parse(store.PREFIX, found.target))
        if case.state is not CaseState.APPROVAL or case.proposal != found.id:
            raise DoesNotFit(f"the case is {case.state}; allowed: one that waits for a second person")
        await connection.execute(queries.approve, case.id, by.id, clock.now())
        await store.note(
            clock, connection, case.id, "approve", f"{case.confirmed_by} confirmed: {case.reason}", by
        )

    found = await approvals.approve(pool, clock, id_, REVERSAL, seen, by, begin)
    return await approvals.finish(pool, clock, found, "the money goes back")


async def dismiss(pool: asyncpg.Pool, clock: Clock, id_: UUID, by: Person, reason: str) -> Case:
    """Close a case that is no double payment or was solved otherwise, before its reversal began. Raises like `confirm`."""
    reason = check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.check_may_act(connection, by)
        case = await store.lock(connection, id_)
        if case.state not in (*_UNDECIDED, CaseState.APPROVAL):
            raise DoesNotFit(f"the case is {case.state}; allowed: one whose reversal has not begun")
        await connection.execute(queries.dismiss, id_, reason, clock.now())
        await store.note(clock, connection, id_, "dismiss", reason, by)
        if (
            case.state is CaseState.APPROVAL
            and case.proposal
            and not await _without_proposal(connection, case)
        ):
            await approvals.withdraw_in(connection, clock, case.proposal, by, reason)
        return await store.lock(connection, id_)


async def confirm_all(
    pool: asyncpg.Pool,
    clock: Clock,
    ids: Sequence[UUID],
    by: Person,
    reason: str,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[UUID, str]:
    """Confirm many cases; return the reason for each that was refused. `progress` is called with (done, all)."""
    check_reason(reason)
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
