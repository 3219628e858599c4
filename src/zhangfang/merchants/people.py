"""What one person decides about a merchant: freeze it, thaw it, close it. New terms take two: see `agreeing`.

Each is one transaction that also records who did it and why. Whether somebody else has to agree first is decided before
these functions are called.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from zhangfang import approvals
from zhangfang.approvals import Person
from zhangfang.kernel import ids
from zhangfang.kernel.clock import Clock
from zhangfang.merchants import store
from zhangfang.merchants.errors import NotFromHere, UnknownMerchant
from zhangfang.merchants.model import Merchant, MerchantState

ACTS = {
    MerchantState.FROZEN: "freeze merchant",
    MerchantState.ACTIVE: "thaw merchant",
    MerchantState.CLOSED: "close merchant",
}
_FROM = {
    MerchantState.FROZEN: MerchantState.ACTIVE,
    MerchantState.ACTIVE: MerchantState.FROZEN,
    MerchantState.CLOSED: MerchantState.FROZEN,
}
_SETTLED_DOWN = timedelta(minutes=1)  # longer than any process believes in the state before


async def freeze(pool: asyncpg.Pool, clock: Clock, merchant: str, by: Person, reason: str) -> None:
    """Stop a merchant's new payments, payouts and settlements. Raises `InvalidInput`, `UnknownMerchant`, `NotFromHere`."""
    await _change(pool, clock, merchant, MerchantState.FROZEN, by, reason)


async def thaw(pool: asyncpg.Pool, clock: Clock, merchant: str, by: Person, reason: str) -> None:
    """Make a frozen merchant active again; what waited goes on by itself. Raises as `freeze` does."""
    await _change(pool, clock, merchant, MerchantState.ACTIVE, by, reason)


async def close(pool: asyncpg.Pool, clock: Clock, merchant: str, by: Person, reason: str) -> None:
    """Close a frozen merchant for good. The caller has made sure that nothing of it is open. Raises as `freeze` does."""
    await _change(pool, clock, merchant, MerchantState.CLOSED, by, reason)


async def _change(
    pool: asyncpg.Pool, clock: Clock, merchant: str, to: MerchantState, by: Person, reason: str
) -> None:
    reason = approvals.reason(reason)
    async with _deciding(pool, clock, merchant, ACTS[to], by, reason) as (db, held):
        if held.state is not _FROM[to]:
            raise NotFromHere(f"merchant {merchant} is {held.state}; allowed: one that is {_FROM[to]}")
        since, now = await store.state_since(db, merchant), clock.now()
        if to is MerchantState.CLOSED and since is not None and now - since < _SETTLED_DOWN:
            raise NotFromHere(f"merchant {merchant} was frozen less than a minute ago; allowed: later")
        await store.set_state(db, merchant, now, to, by.id, reason, ids.new_id(clock))


@asynccontextmanager
async def _deciding(
    pool: asyncpg.Pool, clock: Clock, merchant: str, act: str, by: Person, reason: str
) -> AsyncIterator[tuple[asyncpg.Connection, Merchant]]:
    """Give a transaction that has locked the merchant, and record the act at its end."""
    ids.parse("mer", merchant, "merchant")
    async with pool.acquire() as db, db.transaction():
        held = await store.lock_merchant(db, merchant)
        if held is None:
            raise UnknownMerchant(merchant)
        await approvals.check_may_act(db, by)
        yield db, held
        await approvals.record(db, clock, by, act, merchant, reason)
