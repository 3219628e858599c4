"""One cure for many breaks: proposed once, approved once, carried out one by one, with a result for each.

The proposal lists the breaks by id and by a hash of what each is, so that exactly those are cured which were looked at.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.model import BULK, Case, Cure
from zhangfang.reconciliation.cures.people import begin, carry_out, check, get_break
from zhangfang.reconciliation.cures.table import in_bulk, limited_as

queries = load(__package__, "cures.sql")

MOST = 10_000  # breaks of one proposal
AT_ONCE = 200  # of them are carried out while the second person waits; the timetable does the others


class Bulk(msgspec.Struct, frozen=True):
    """A cure of many breaks: `amount` is the sum of their differences without signs, in fen; `items` are id and hash."""

    cure: str
    count: int
    amount: int
    proof: str
    items: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fit:
    """Which of several breaks can have a cure, and why the others cannot."""

    rows: Sequence[Any]
    others: Sequence[tuple[Any, str]]

    @property
    def fen(self) -> int:
        """Return the sum of the differences, without their signs."""
        return sum(abs(int(row["difference"])) for row in self.rows)


def digest(row: Any) -> str:
    """Return a hash of what a break is, whatever becomes of it."""
    parts = (
        row["id"],
        row["class"],
        row["channel"],
        row["settle_date"],
        row["key"],
        row["difference"],
        row["template"],
    )
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


async def fitting(
    pool: asyncpg.Pool, journal: Journal, ids: Sequence[UUID], cure: str, proof: str = ""
) -> Fit:
    """Return which of the open breaks can have the cure. Raises `InvalidInput` for too many, or a cure for single ones."""
    if not in_bulk(cure):
        raise InvalidInput(
            "cure", f"{cure}, which is not the same for all", "one that needs nothing of the single break"
        )
    if not 1 <= len(ids) <= MOST:
        raise InvalidInput("breaks", f"{len(ids)}", f"1 to {MOST}")
    good, bad = [], []
    for row in await pool.fetch(queries.several, list(ids)):
        try:
            if row["cleared_at"] is not None or row["cure"] is not None:
                raise InvalidInput("break", "one that is over, or has a cure", "an open break")
            await check(Case(pool, journal, "", row, Cure(cure, proof=proof)))
            good.append(row)
        except InvalidInput as error:
            bad.append((row, str(error)))
    return Fit(good, bad)


async def propose_many(
    pool: asyncpg.Pool,
    clock: Clock,
    journal: Journal,
    ids: Sequence[UUID],
    cure: str,
    by: Person,
    proof: str = "",
) -> UUID:
    """Propose one cure for those of the breaks that can have it; return the proposal's id. Raises `InvalidInput`."""
    fit = await fitting(pool, journal, ids, cure, proof)
    if not fit.rows:
        raise InvalidInput(
            "cure", f"{cure}, which none of them can have: {fit.others[0][1]}"[:200], "another one"
        )
    items = [(str(row["id"]), digest(row)) for row in fit.rows]
    said, id_ = Bulk(cure, len(items), fit.fen, proof, items), new_id(clock)
    why = f"{len(items)} breaks, {fen_to_yuan(fit.fen)}"
    async with pool.acquire() as connection, connection.transaction():
        await approvals.check_limit(connection, limited_as(cure), by, "propose", fit.fen)
        await approvals.propose(connection, clock, id_, BULK, f"bulk/{id_.hex}", said, by, why)
    return id_


async def approve_many(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve a bulk cure by its hash and begin to carry it out; the timetable goes on with what is left."""

    async def within_limit(connection: asyncpg.Connection, found: Proposal) -> None:
        """Check the sum. Whether a break can still have the cure is decided when its turn comes."""
        said = found.holds(Bulk)
        await approvals.check_limit(connection, limited_as(said.cure), by, "approve", said.amount)

    found = await approvals.approve(desk.pool, desk.clock, id_, BULK, seen, by, within_limit)
    return found.result or await go_on(desk, found, AT_ONCE)


async def go_on_with_bulks(desk: Desk) -> int:
    """Carry out what is left of the bulk cures that are approved; return how many there were."""
    waiting = [one for one in await approvals.proposals(desk.pool, kind=BULK) if one.decision == "approve"]
    for found in waiting:
        await go_on(desk, found, MOST)
    return len(waiting)


async def go_on(desk: Desk, found: Proposal, most: int) -> str:
    """Cure the next breaks of a bulk, each once; return how far it is. Safe to repeat, and to cut off anywhere."""
    said = found.holds(Bulk)
    over = {row["break"] for row in await desk.pool.fetch(queries.items, found.id)}
    left = [(UUID(id_), seen) for id_, seen in said.items if UUID(id_) not in over]
    for id_, seen in left[:most]:
        result = await _one(desk, found, Cure(said.cure, proof=said.proof), id_, seen)
        await desk.pool.execute(queries.item_done, found.id, id_, result, desk.clock.now())
    if len(left) > most:
        return f"{len(said.items) - len(left) + most} of {len(said.items)} are carried out"
    done = await desk.pool.fetchval(queries.items_as, found.id, said.cure)
    refused = len(said.items) - done
    return await approvals.finish(
        desk.pool, desk.clock, found, f"{done} cured by {said.cure}, {refused} refused"
    )


async def _one(desk: Desk, found: Proposal, said: Cure, id_: UUID, seen: str) -> str:
    """Cure one break, unless it is another than it was, or has another cure; return the cure, or why not."""
    try:
        row = await get_break(desk.pool, id_, only_open=False)
        if digest(row) != seen:
            return "refused: it is another than the one that was proposed"
        if row["cleared_at"] is not None and row["cure"] == said.cure and row["cleared_by"] == found.both:
            return said.cure
        async with desk.pool.acquire() as connection, connection.transaction():
            await begin(connection, desk, id_, said)
        return await carry_out(desk, id_, said, found.both)
    except (InvalidInput, books.NotBooked) as error:
        return f"refused: {error}"[:200]


async def results(pool: asyncpg.Pool, id_: UUID) -> dict[UUID, str]:
    """Return what became of each break of a bulk so far."""
    return {row["break"]: row["result"] for row in await pool.fetch(queries.items, id_)}
