"""All SQL of mandates. `db` is a pool or a connection inside a transaction."""

from collections.abc import Collection, Sequence
from dataclasses import astuple
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from zhangfang.kernel.sql import load
from zhangfang.mandates.model import Mandate, MandateStep

queries = load(__package__, "store.sql")

Db = Any  # asyncpg's pool or one of its connections


async def insert(db: Db, m: Mandate) -> bool:
    """Insert it; False if its key or its number is taken."""
    made = await db.fetchval(
        queries.insert, m.id, m.merchant, m.mandate_no, m.idempotency_key, m.request_digest, m.account_token,
        m.account_tail, m.name_masked, m.fingerprint, m.limit_each, m.limit_day, m.limit_month, m.valid_from,
        m.valid_until, m.channel, m.evidence, m.order_no, m.requested_at, m.state, m.created_at, m.signed_at,
    )  # fmt: skip
    return made is not None


async def one(db: Db, sql: str, *arguments: object) -> Mandate | None:
    """Return the mandate that a statement finds or changes."""
    row = await db.fetchrow(sql, *arguments)
    return Mandate.of(row) if row else None


class Wanted(NamedTuple):
    """Whose mandate is looked for: the merchant's for the account with a fingerprint, as it counts on a day."""

    merchant: str
    fingerprint: str
    day: date


async def find(db: Db, wanted: Sequence[Wanted]) -> list[Mandate | None]:
    """Return for each, in order, the mandate that counts on its day; None if there is none.

    It is the newest that is in force on the day; if none is, the newest of all.
    """
    rows = await db.fetch(queries.find, *map(list, zip(*wanted, strict=True))) if wanted else ()
    found = {row["n"]: Mandate.of(row) for row in rows}
    return [found.get(n) for n in range(1, len(wanted) + 1)]


async def lock(db: Db, ids: Collection[UUID]) -> dict[UUID, Mandate]:
    """Return the mandates, locked in the order of their ids until the transaction ends.

    So only one transaction at a time adds up what was used of a mandate and inserts more.
    """
    rows = await db.fetch(queries.lock, list(set(ids)))
    return {row["id"]: Mandate.of(row) for row in rows}


async def add_step(db: Db, step: MandateStep) -> None:
    """Store a step."""
    await db.execute(queries.add_step, *astuple(step))
