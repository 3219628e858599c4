"""How much a role may move: what a person with several roles may is the most of them. The database's owner sets it.

A role counts where it has the right: who proposes has the limit of a role that proposes, not that of one that approves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import asyncpg

from zhangfang.approvals.acts import record
from zhangfang.approvals.doors import queries as roles
from zhangfang.approvals.people import OWNER, Person, folded
from zhangfang.approvals.proposals import check_may_act
from zhangfang.approvals.rights import ROLES
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load

queries = load(__package__, "limits.sql")

LIMITED: Final = ("refund", "adjustment", "cure", "write_off")


class AboveLimit(ZhangfangError):
    """An amount is above what the person's roles may move; the text names the roles that may."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many fen a role may move of a kind."""

    role: str
    what: str
    most: int


async def limits(db: asyncpg.Pool | asyncpg.Connection) -> tuple[Limit, ...]:
    """Return every limit, by what it is of and by role."""
    return tuple(Limit(**row) for row in await db.fetch(queries.limits))


def most_of(several: Iterable[Limit], roles: Iterable[str], what: str, right: str) -> int:
    """Return how many fen somebody with these roles may move with a right; 0 without a role that has it."""
    counts = {role for role in roles if right in ROLES[role]}
    return max((one.most for one in several if one.what == what and one.role in counts), default=0)


async def limit_of(db: asyncpg.Pool | asyncpg.Connection, what: str, by: Person, right: str) -> int:
    """Return how many fen a person may move with a right."""
    own = await db.fetchval(roles.roles, folded(by.id)) or ()
    return most_of(await limits(db), own, what, right)


async def check_limit(
    db: asyncpg.Pool | asyncpg.Connection, what: str, by: Person, right: str, amount: int, before: int = 0
) -> None:
    """Raise `AboveLimit` if `amount`, with what was moved `before` within 24 hours, is more than a person may.

    Raises `NotAnOperator` for anybody else.
    """
    most, whole = await limit_of(db, what, by, right), before + amount
    if whole <= most:
        return
    await check_may_act(db, by)
    able = [one for one in await limits(db) if most_of((one,), (one.role,), what, right) >= whole]
    may = ", ".join(f"{one.role} up to {fen_to_yuan(one.most)}" for one in able) or "no role"
    earlier = f" with {fen_to_yuan(before)} within 24 hours" if before else ""
    raise AboveLimit(
        f"amount: {fen_to_yuan(amount)}{earlier}; allowed: {fen_to_yuan(most)} in all ({right}, {what}); who may: {may}"
    )


async def set_limit(pool: asyncpg.Pool, clock: Clock, role: str, what: str, most: int) -> None:
    """Set a limit, in fen, as the database's owner. Raises `InvalidInput`."""
    for field, value, allowed in (("role", role, tuple(ROLES)), ("what", what, LIMITED)):
        if value not in allowed:
            raise InvalidInput(field, f"{len(value)} characters", ", ".join(allowed))
    if most < 0:
        raise InvalidInput("most", "less than zero", "yuan from 0")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.set_limit, role, what, most)
        await record(connection, clock, OWNER, "role limit", f"{role} {what}", fen_to_yuan(most))
