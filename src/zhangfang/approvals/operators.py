"""The operators: who may sign in. Passwords are made here, shown once, and kept as scrypt hashes.

Only the database's owner makes operators or gives them passwords: who could do both would be two persons. The role by
which the platform works reads the table, and cannot write it.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from zhangfang.approvals import doors
from zhangfang.approvals.acts import record
from zhangfang.approvals.people import (
    OWNER,
    PLATFORM,
    NotAnOperator,
    Person,
    SecondPerson,
    folded,
    operator,
    operator_name,
)
from zhangfang.approvals.rights import ROLES, WORKING, check_roles
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load

queries = load(__package__, "operators.sql")

FIRST = "operator"
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that can be misread
_PASSES = 5  # with N = 2^14 and r = 8, one of the equal strengths of OWASP's cheat sheet, in 16 MiB
_NO_SALT = bytes(16)


@dataclass(frozen=True, slots=True)
class Operator:
    """A log-in by name and password, the person whose it is, and that person's roles."""

    name: str
    person: str
    created_at: datetime
    disabled_at: datetime | None
    roles: tuple[str, ...]


async def ensure_operator(pool: asyncpg.Pool, clock: Clock) -> str | None:
    """Make the first operator, named `operator`, and return the password, which is not stored; None if one exists.

    Who is alone has every role that does something: one person can try all, and still approves nothing of their own.
    """
    if await pool.fetchval(queries.has_operator):
        return None
    password, secret = await _secret()
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval(queries.add_first, FIRST, *secret, clock.now()):
            return None
        await connection.execute(doors.queries.give, FIRST, list(WORKING), OWNER.id, clock.now(), None)
    return password


async def add_operator(
    pool: asyncpg.Pool, clock: Clock, name: str, person: str | None = None, roles: Iterable[str] = ()
) -> tuple[Person, str]:
    """Make an operator; return who may sign in and the password. Raises `InvalidInput` if a name that folds alike is taken.

    `person` is whose log-in it is, where a person has several; otherwise the person has the log-in's name. It stays so.
    A new person needs `roles`; a further log-in has those of its person.
    """
    name, given = operator_name(name), check_roles(roles)
    whose = name if person is None else operator_name(person)
    password, secret = await _secret()
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.add, name, *secret, clock.now(), whose) is None:
            raise InvalidInput("name", "one that is taken, in this or another spelling", "a new name")
        note = ", ".join(given) if whose == name else f"a log-in of {whose}"
        if whose == name:
            await _first_roles(connection, clock, name, given)
        await record(connection, clock, OWNER, "operator add", name, note)
    return operator(name), password


async def _first_roles(
    connection: asyncpg.Connection, clock: Clock, person: str, given: tuple[str, ...]
) -> None:
    if not given:
        raise InvalidInput("role", "none", f"one or more of {', '.join(ROLES)}")
    await connection.execute(doors.queries.give, person, list(given), OWNER.id, clock.now(), None)


async def check_second(
    db: asyncpg.Pool | asyncpg.Connection, proposed_by: str, by: Person, what: str
) -> None:
    """Raise `SecondPerson` if `by` is the person who proposed, by this log-in or by another one of theirs.

    `what` names the proposal, such as `this cure`.
    """
    if await db.fetchval(queries.is_one_person, folded(proposed_by), folded(by.id)):
        raise SecondPerson(f"{proposed_by} proposed {what}; another person has to approve it")


async def logins_of(db: asyncpg.Pool | asyncpg.Connection, name: str) -> frozenset[str]:
    """Return all log-ins of the person who has this one."""
    return frozenset({name, *(row["name"] for row in await db.fetch(queries.logins_of, name))})


async def reset_password(pool: asyncpg.Pool, clock: Clock, name: str) -> str:
    """Give an operator a new password, end the sessions, and let a disabled one in again. Raises `NotAnOperator`."""
    password, secret = await _secret()
    async with pool.acquire() as connection, connection.transaction():
        await _changed(connection, queries.reset, folded(name), *secret)
        await record(connection, clock, OWNER, "operator reset", folded(name))
    return password


async def disable_operator(pool: asyncpg.Pool, clock: Clock, name: str) -> None:
    """Let an operator in no more, and end the sessions. Raises `NotAnOperator`."""
    async with pool.acquire() as connection, connection.transaction():
        await _changed(connection, queries.disable, folded(name), clock.now())
        await record(connection, clock, OWNER, "operator disable", folded(name))


async def operators(pool: asyncpg.Pool) -> tuple[Operator, ...]:
    """Return all operators by name."""
    rows = await pool.fetch(queries.listed)
    return tuple(Operator(**dict(row) | {"roles": tuple(row["roles"])}) for row in rows)


async def opens(pool: asyncpg.Pool, name: str, password: str) -> str | None:
    """Return the operator's name if the password is right; a name that nobody has takes the same time."""
    row = await pool.fetchrow(queries.secret, folded(name))
    salt, passes = (row["salt"], row["passes"]) if row else (_NO_SALT, _PASSES)
    found = await _scrypt(password, salt, passes)
    return row["name"] if row and hmac.compare_digest(found, row["hash"]) else None


async def known(pool: asyncpg.Pool, name: str) -> Person:
    """Return an operator by name, else the platform: a wrong name may be a password, which is never recorded."""
    row = await pool.fetchrow(queries.secret, folded(name))
    return operator(row["name"]) if row else PLATFORM


async def _changed(connection: asyncpg.Connection, sql: str, name: str, *values: object) -> None:
    if await connection.fetchval(sql, name, *values) is None:
        raise NotAnOperator("name: there is no such operator")
    await connection.execute(queries.end_sessions, name)


async def _secret() -> tuple[str, tuple[bytes, bytes, int]]:
    password = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    salt = secrets.token_bytes(16)
    return password, (salt, await _scrypt(password, salt, _PASSES), _PASSES)


async def _scrypt(password: str, salt: bytes, passes: int) -> bytes:
    work = password.encode()[:1024]
    return await asyncio.to_thread(hashlib.scrypt, work, salt=salt, n=2**14, r=8, p=passes)
