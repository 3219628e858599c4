"""How a merchant is settled, agreed by two people: one proposes terms or a product's cycle, another approves exactly that.

They begin tomorrow at the earliest. A proposal whose first day has come is refused and stays open: withdraw it, and propose
it with a later day.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel import ids
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.merchants import rules, store
from zhangfang.merchants.errors import UnknownMerchant
from zhangfang.merchants.model import ProductCycle, Terms

TERMS, CYCLE = "terms", "cycle"  # the kinds of these proposals


class NewTerms(msgspec.Struct, frozen=True):
    """Terms for a merchant."""

    merchant: str
    new: Terms
    reason: str


class NewCycle(msgspec.Struct, frozen=True):
    """The settlement cycle of one of a merchant's products."""

    merchant: str
    new: ProductCycle
    reason: str


async def propose_terms(
    pool: asyncpg.Pool, clock: Clock, merchant: str, terms: Terms, by: Person, reason: str
) -> UUID:
    """Propose new terms; return the proposal's id. Raises `InvalidInput`, `UnknownMerchant`, `NoProposal`."""
    rules.check_terms(terms, china_day(clock.now()))
    return await _propose(pool, clock, TERMS, NewTerms(merchant, terms, approvals.reason(reason)), by)


async def propose_cycle(
    pool: asyncpg.Pool, clock: Clock, merchant: str, cycle: ProductCycle, by: Person, reason: str
) -> UUID:
    """Propose a settlement cycle for a product; return the proposal's id. Raises as `propose_terms` does."""
    rules.check_product_cycle(cycle, china_day(clock.now()))
    return await _propose(pool, clock, CYCLE, NewCycle(merchant, cycle, approvals.reason(reason)), by)


async def _propose(
    pool: asyncpg.Pool, clock: Clock, kind: str, said: NewTerms | NewCycle, by: Person
) -> UUID:
    id_ = ids.new_id(clock)
    async with pool.acquire() as db, db.transaction():
        await _lock(db, said.merchant)
        await approvals.propose(db, clock, id_, kind, said.merchant, said, by, said.reason)
    return id_


async def approve_terms(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Approve proposed terms by their hash; return from which day they apply."""
    return await _approve(pool, clock, id_, TERMS, seen, by)


async def approve_cycle(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Approve a proposed cycle by its hash; return from which day it applies."""
    return await _approve(pool, clock, id_, CYCLE, seen, by)


async def _approve(pool: asyncpg.Pool, clock: Clock, id_: UUID, kind: str, seen: str, by: Person) -> str:
    holds, check, put = _KINDS[kind]

    async def begin(db: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(holds)
        check(said.new, china_day(clock.now()))
        await _lock(db, said.merchant)
        await put(db, said.merchant, said.new)

    found = await approvals.approve(pool, clock, id_, kind, seen, by, begin)
    return await approvals.finish(pool, clock, found, f"applies from {found.holds(holds).new.effective_from}")


# What a proposal of each kind holds, what is checked of it, and what stores it.
_KINDS: Mapping[str, tuple[Any, Callable[[Any, date], None], Callable[[Any, str, Any], Awaitable[None]]]] = {
    TERMS: (NewTerms, rules.check_terms, store.put_terms),
    CYCLE: (NewCycle, rules.check_product_cycle, store.put_cycle),
}


async def _lock(db: asyncpg.Connection, merchant: str) -> None:
    ids.parse("mer", merchant, "merchant")
    if await store.lock_merchant(db, merchant) is None:
        raise UnknownMerchant(merchant)
