"""The check that every door makes: a page, a command, a call, an approval. What is refused is recorded as an act."""

import asyncpg

from zhangfang.approvals.acts import record
from zhangfang.approvals.people import Person, folded
from zhangfang.approvals.rights import NoRight, NotListed, Where, held, needed
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.sql import load

queries = load(__package__, "roles.sql")

REFUSED = "refused"


async def rights_of(db: asyncpg.Pool | asyncpg.Connection, name: str) -> frozenset[str]:
    """Return what the person of a log-in may do now: roles that were just taken away count no more."""
    return held(await db.fetchval(queries.roles, folded(name)) or ())


async def demand(
    pool: asyncpg.Pool,
    clock: Clock,
    by: Person,
    where: Where,
    what: str,
    rights: frozenset[str] | None = None,
) -> None:
    """Let a person do this, or record that they tried and raise `NoRight`, or `NotListed`.

    `rights` are the person's, where they were read already.
    """
    try:
        right = needed(where, what)
        if right not in (await rights_of(pool, by.id) if rights is None else rights):
            raise NoRight(right)
    except (NoRight, NotListed) as error:
        await record(pool, clock, by, REFUSED, f"{where} {what}", str(error))
        raise
