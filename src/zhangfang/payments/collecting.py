"""A collection needs a mandate: the payer's limits are checked in the transaction that stores the intent.

There is no counter of what a mandate has used: it is the sum of its collections that may have debited the payer. So a
collection that fails stops counting, and one that is UNKNOWN counts.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import in_china
from zhangfang.mandates import Mandate, MandateRefused, NoMandate, check, lock
from zhangfang.payments import store
from zhangfang.payments.model import Intent
from zhangfang.payments.store import Connection, Step, queries

Used = dict[UUID, Counter[date]]  # by mandate: the fen used on each day in China


def signed(found: Mandate | None) -> Mandate:
    """Return the mandate that was found for an account. Raises `NoMandate`."""
    if found is None:
        raise NoMandate("account: its owner has signed no mandate; allowed: sign one at /v1/mandates first")
    return found


async def insert(pool: Any, rows: Sequence[tuple[Intent, Sequence[Step]]]) -> list[bool | MandateRefused]:
    """Store collections whose mandates allow them, in order; True for each that was new.

    Mandates are locked in the order of their ids, so that transactions cannot deadlock. A repeated collection also
    counts for those after it in `rows`: they may be refused, and the merchant can ask for them again.
    """
    async with pool.acquire() as connection, connection.transaction():
        return await insert_allowed(connection, rows)


async def insert_allowed(
    connection: Connection, rows: Sequence[tuple[Intent, Sequence[Step]]]
) -> list[bool | MandateRefused]:
    """Do what `insert` does inside the caller's transaction."""
    ids = sorted({intent.mandate for intent, _ in rows if intent.mandate})
    mandates = await lock(connection, ids)
    used = await _used(connection, ids, min(in_china(intent.created_at) for intent, _ in rows))
    said = [_refusal(mandates, used, intent) for intent, _ in rows]
    allowed = [row for row, refusal in zip(rows, said, strict=True) if refusal is None]
    made = iter(await store.insert(connection, allowed)) if allowed else iter(())
    return [next(made) if refusal is None else refusal for refusal in said]


async def _used(connection: Connection, ids: Sequence[UUID], first: Any) -> Used:
    month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = await connection.fetch(queries.used_of_mandates, ids, month)
    used: Used = defaultdict(Counter)
    for row in rows:
        used[row["mandate"]][row["day"]] = row["amount"]
    return used


def _refusal(mandates: Mapping[UUID, Mandate], used: Used, intent: Intent) -> MandateRefused | None:
    """Return why a mandate refuses a collection, given those before it. If it allows it, count it in `used`."""
    id_, today = intent.mandate, china_day(intent.created_at)
    assert id_ is not None, "a collection has a mandate"
    month = sum(fen for day, fen in used[id_].items() if (day.year, day.month) == (today.year, today.month))
    try:
        check(mandates.get(id_), intent.amount, used[id_][today], month, intent.created_at)
    except MandateRefused as refused:
        return refused
    used[id_][today] += intent.amount
    return None
