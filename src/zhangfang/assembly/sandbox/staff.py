"""The people of a demo or a drill: operators who never sign in, so nobody keeps their passwords."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg

from zhangfang import approvals
from zhangfang.approvals import WORKING, Person, add_operator, operator
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import connect
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import approve_account, propose_account
from zhangfang.payments import Desk


async def staff(owner_url: str, clock: Clock, *names: str) -> tuple[Person, ...]:
    """Return operators of these names, made by the database's owner where they are new."""
    pool = await connect(owner_url, 1)
    try:
        for name in names:
            with suppress(InvalidInput):  # there is one
                await add_operator(pool, clock, name, roles=WORKING)
    finally:
        pool.terminate()
    return tuple(map(operator, names))


async def seen(pool: asyncpg.Pool, proposal: UUID) -> str:
    """Return the hash of a proposal, as the second person reads it."""
    return (await approvals.get(pool, proposal)).seen


async def agree_account(desk: Desk, people: Sequence[Person], merchant: str) -> None:
    """Let two people agree on the account that a merchant was created with."""
    one, other = people
    args = desk.pool, desk.vault, desk.clock
    made = await propose_account(*args, merchant, None, one, "as it signed up")
    await approve_account(*args, made, await seen(desk.pool, made), other)
