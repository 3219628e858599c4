"""The operators of the tests. They are in every test's database; their passwords open nothing, they sign in by a row."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang import approvals
from zhangfang.approvals import WORKING, Person, doors, ensure_operator, operator
from zhangfang.assembly.proposals import KINDS
from zhangfang.cli import session
from zhangfang.closing import checklist, period
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import (
    ProductCycle,
    Terms,
    approve_account,
    approve_cycle,
    approve_terms,
    propose_account,
    propose_cycle,
    propose_terms,
)
from zhangfang.web import auth

LIN, WANG, ZHAO, CHEN = map(operator, ("lin", "wang", "zhao", "chen"))
SPELT = ("lin", "Lin", " LIN ", "Ｌｉｎ")  # all of them one person


async def employ(url: str) -> None:
    """Make the operators in a migrated database."""
    connection = await asyncpg.connect(url)
    try:
        for one in (LIN, WANG, ZHAO, CHEN):
            await connection.execute(
                "INSERT INTO operator (name, salt, hash, created_at) VALUES ($1, '', '', $2)",
                one.id,
                datetime(2026, 1, 1, tzinfo=UTC),
            )
            await may(connection, one, *WORKING)
    finally:
        await connection.close()


async def may(db: Any, one: Person, *roles: str) -> None:
    """Give a person these roles and no others."""
    await db.execute(doors.queries.give, one.id, list(roles), "owner", datetime(2026, 1, 1, tzinfo=UTC), None)


async def first_operator(pool: asyncpg.Pool, clock: Clock) -> str:
    """Make the first operator of a database that has none, and return the password."""
    await pool.execute("DELETE FROM operator")
    password = await ensure_operator(pool, clock)
    assert password
    return password


async def token_of(pool: Any, person: Person) -> str:
    """Sign an operator in, and return the token."""
    token = f"{person.id}-" * 8
    hours = timedelta(hours=1)
    await pool.execute(auth.queries.close_session, auth._hash(token))
    await pool.execute(auth.queries.open_session, auth._hash(token), person.id, hours)
    return token


def sit_down(url: str, home: Path, person: Person) -> None:
    """Let an operator sign in on the command line of a home, from a test without a loop of its own."""

    async def sign_in() -> str:
        connection = await asyncpg.connect(url)
        try:
            return await token_of(connection, person)
        finally:
            await connection.close()

    session.keep(Settings(home=home), asyncio.run(sign_in()))


async def seen(pool: asyncpg.Pool, proposal: UUID) -> tuple[UUID, str]:
    """Return a proposal's id and hash, as the second person approves it."""
    return proposal, (await approvals.get(pool, proposal)).seen


async def approve_newest(desk: Any, target: object, by: Person) -> Any:
    """Approve the newest proposal about a thing (a break, say) as it is, and carry it out."""
    found = await approvals.proposals(desk.pool, target=str(target), every=True)
    if not found:
        raise approvals.NoProposal("nobody has proposed anything")
    return await KINDS[found[0].kind](desk, found[0].id, found[0].seen, by)


async def close_through(house: Any, day: Any) -> UUID:
    """Close the books through a business date by two people, who except every soft item that is not so."""
    pool, clock = house.pool, house.clock
    found = await checklist.check(pool, day, clock.now())
    left_out = [one.item.name for one in found if not one.good and not one.item.hard]
    made = await period.propose_closing(
        pool, clock, day, LIN, left_out, "a test without the rest of the house"
    )
    await period.approve_closing(pool, house.desk.ledger, clock, *await seen(pool, made), WANG)
    return made


async def agree_account(desk: Any, merchant: str, account: Any = None) -> None:
    """Let two people agree on a merchant's settlement account; without one, on that which it was created with."""
    args = desk.pool, desk.vault, desk.clock
    made = await propose_account(*args, merchant, account, LIN, "the bank's letter")
    await approve_account(*args, *await seen(desk.pool, made), WANG)


async def bound(pool: Any, merchant: str) -> None:
    """Let a merchant's account be one of before two people were needed: no act of a person stands behind it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE settlement_account SET agreed_by = 'before' WHERE merchant = $1", merchant
        )


async def agree_terms(house: Any, merchant: str, terms: Terms) -> None:
    """Let two people agree new terms of a merchant."""
    made = await propose_terms(house.pool, house.clock, merchant, terms, LIN, "agreed")
    await approve_terms(house.pool, house.clock, *await seen(house.pool, made), WANG)


async def agree_cycle(house: Any, merchant: str, cycle: ProductCycle) -> None:
    """Let two people agree the settlement cycle of a merchant's product."""
    made = await propose_cycle(house.pool, house.clock, merchant, cycle, LIN, "agreed")
    await approve_cycle(house.pool, house.clock, *await seen(house.pool, made), WANG)
