"""A collection needs a mandate: the payer's limits are checked in the transaction that stores the intent.

There is no counter of what a mandate has used: it is the sum of its collections that may have debited the payer. So a
collection that fails stops counting, and one that is UNKNOWN counts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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

    Mandates are locked in the order of their ids, so that transactions cannot deadlock. A repeat is False and counts
    for nothing.
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
    intents = [intent for intent, _ in rows]
    said = decide(mandates, used, intents, frozenset())
    if any(said):  # which of them are repeats is only looked up if it can make a difference
        said = decide(mandates, used, intents, await _repeats(connection, intents))
    allowed = [row for row, refusal in zip(rows, said, strict=True) if refusal is None]
    made = iter(await store.insert(connection, allowed)) if allowed else iter(())
    return [next(made) if refusal is None else refusal for refusal in said]


async def _repeats(connection: Connection, intents: Sequence[Intent]) -> frozenset[UUID]:
    """Return the ids of those whose key or order number is stored already. Their mandates are locked: none is added."""
    columns = zip(*((i.id, i.merchant, i.idempotency_key, i.order_no) for i in intents), strict=True)
    rows = await connection.fetch(queries.repeated_collections, *columns)
    return frozenset(row["id"] for row in rows)


async def _used(connection: Connection, ids: Sequence[UUID], first: Any) -> Used:
    month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = await connection.fetch(queries.used_of_mandates, ids, month)
    used: Used = defaultdict(Counter)
    for row in rows:
        used[row["mandate"]][row["day"]] = row["amount"]
    return used


def decide(
    mandates: Mapping[UUID, Mandate], used: Used, intents: Iterable[Intent], stored: Collection[UUID]
) -> list[MandateRefused | None]:
    """Return why a mandate refuses each collection, given those before it, or None.

    Repeats count for nothing and are never refused: those in `stored`, and any with the key or number of an earlier one.
    """
    adding: Used = defaultdict(Counter, {id_: Counter(days) for id_, days in used.items()})
    taken: set[tuple[str, str, str]] = set()
    said: list[MandateRefused | None] = []
    for one in intents:
        names = {(one.merchant, "key", one.idempotency_key), (one.merchant, "number", one.order_no)}
        repeat = one.id in stored or names & taken
        said.append(None if repeat else _refusal(mandates, adding, one))
        if said[-1] is None:
            taken |= names
    return said


def _refusal(mandates: Mapping[UUID, Mandate], used: Used, intent: Intent) -> MandateRefused | None:
    """Return why a mandate refuses a collection. If it allows it, count it in `used`."""
    id_, today = intent.mandate, china_day(intent.created_at)
    assert id_ is not None, "a collection has a mandate"
    month = sum(fen for day, fen in used[id_].items() if (day.year, day.month) == (today.year, today.month))
    try:
        check(mandates.get(id_), intent.amount, used[id_][today], month, intent.created_at)
    except MandateRefused as refused:
        return refused
    used[id_][today] += intent.amount
    return None
