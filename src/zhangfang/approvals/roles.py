"""Which roles a person has: the database's owner gives them, or two administrators."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.approvals.acts import record
from zhangfang.approvals.doors import queries
from zhangfang.approvals.people import OWNER, NotAnOperator, Person, folded, reason
from zhangfang.approvals.proposals import Proposal, approve, finish, get, propose
from zhangfang.approvals.rights import check_roles
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id

GIVING: Final = "roles"


class Giving(msgspec.Struct, frozen=True):
    """Which roles a person has from now on: these, and no others."""

    person: str
    roles: tuple[str, ...]


async def set_roles(pool: asyncpg.Pool, clock: Clock, name: str, roles: Iterable[str]) -> tuple[str, ...]:
    """Give the person of a log-in these roles and no others, as the database's owner. Raises `NotAnOperator`."""
    given = check_roles(roles)
    async with pool.acquire() as connection, connection.transaction():
        person = await _person(connection, name)
        await connection.execute(queries.give, person, list(given), OWNER.id, clock.now(), None)
        await record(connection, clock, OWNER, "operator roles", person, ", ".join(given))
    return given


async def propose_roles(
    pool: asyncpg.Pool, clock: Clock, name: str, roles: Iterable[str], by: Person, why: str
) -> UUID:
    """Propose which roles the person of a log-in has; return the proposal's id. Raises `InvalidInput`, `NotAnOperator`."""
    given, why, id_ = check_roles(roles), reason(why), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        person = await _person(connection, name)
        if list(given) == await connection.fetchval(queries.roles, person):
            raise InvalidInput("role", "what the person has already", "a change")
        await propose(connection, clock, id_, GIVING, person, Giving(person, given), by, why)
    return id_


async def approve_roles(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> Proposal:
    """Give the roles that another person has proposed, at once."""

    async def give(connection: asyncpg.Connection, found: Proposal) -> None:
        said, both = found.holds(Giving), f"{found.proposed_by} and {by.id}"
        await connection.execute(queries.give, said.person, list(said.roles), both, clock.now(), id_)

    found = await approve(pool, clock, id_, GIVING, seen, by, give)
    await finish(pool, clock, found, ", ".join(found.holds(Giving).roles) or "no role")
    return await get(pool, id_)


async def _person(connection: asyncpg.Connection, name: str) -> str:
    person = await connection.fetchval(queries.person, folded(name))
    if person is None:
        raise NotAnOperator("name: there is no such operator")
    return str(person)
