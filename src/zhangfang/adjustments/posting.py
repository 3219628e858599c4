"""A voucher that people decided on goes into the books: it is stored with its id, then the ledger is asked, then the answer
is stored. After a crash the same call continues with the same id.
"""

from datetime import date
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.adjustments import allowed
from zhangfang.adjustments.model import POSTED, Made, Making, NotAnswered, made_of
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import DURABLE, LedgerClient, Result, Transfer
from zhangfang.payments import book

queries = load(__package__, "store.sql")
_DONE = frozenset({Result.CREATED, Result.EXISTS})


async def add(
    connection: asyncpg.Connection,
    clock: Clock,
    purpose: str,
    making: Making,
    made_by: str,
    *,
    proposal: UUID | None = None,
    of: UUID | None = None,
    reverses: UUID | None = None,
) -> UUID:
    """Store a voucher in the caller's transaction, with a new id and today's business date; return the id."""
    id_, day = new_id(clock), settlement_day(clock.now())
    made = _transfers(making, id_, day, reverses)
    said, legs = (msgspec.json.encode(one).decode() for one in (making, allowed.legs(making, made)))
    await connection.execute(
        queries.add, id_, purpose, making.template, said, legs, making.amount, day, reverses, of, proposal,
        made_by, clock.now(),
    )  # fmt: skip
    return id_


async def carry(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID) -> Made:
    """Ask the ledger to post a stored voucher, unless it has answered; return the voucher with the answer.

    Raises `NotAnswered` if the ledger may answer otherwise later.
    """
    one = await get(pool, id_)
    if one.ended_at is None:
        made = _transfers(one.making, one.id, one.business_date, one.reverses)
        booked = await book(pool, ledger, made)
        results = [answer.result for answer in booked.answers]
        seq, result = (booked.seq, POSTED) if _DONE.issuperset(results) else (None, _refusal(results))
        await pool.execute(queries.end, id_, seq, result, clock.now())
    return await get(pool, id_)


async def get(pool: asyncpg.Pool | asyncpg.Connection, id_: UUID) -> Made:
    """Return a stored voucher."""
    found = made_of(await pool.fetchrow(queries.get, id_))
    assert found is not None, "a voucher is stored before it is asked for"
    return found


def _transfers(making: Making, id_: UUID, day: date, reverses: UUID | None) -> list[Transfer]:
    if reverses is None:
        return allowed.transfers(making, id_, day)
    return allowed.reversal(making, reverses, id_, day)


def _refusal(results: list[Result]) -> str:
    """Return why the ledger refused a voucher for good: the line that failed, not those that failed with it."""
    failed = next(one for one in results if one not in _DONE and one is not Result.LINKED_FAILED)
    if failed not in DURABLE:
        raise NotAnswered(f"the ledger answered {failed.name.lower()}; allowed: approve again, to ask again")
    return failed.name.lower()
