"""An advance by people (A1): one proposes it, another approves exactly that, and available money grows by it.

It is stored with its voucher's id before the ledger is asked, so after a crash the same call continues.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.advances.standing import Wanted, check
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import DURABLE, LedgerClient, Result, Transfer, open_accounts, voucher
from zhangfang.merchants import MerchantState, get_merchant, terms_on

queries = load(__package__, "deciding.sql")

ADVANCE = "advance"  # the kind of these proposals
POSTED = "posted"
Book = Callable[[asyncpg.Pool, LedgerClient, Sequence[Transfer]], Awaitable[Any]]  # as payments.book


class NotBooked(ZhangfangError):
    """The ledger refused an advance for a reason that may pass: approve it again, so that it is asked again."""


class Advancing(msgspec.Struct, frozen=True):
    """An advance to a merchant. Fen."""

    merchant: str
    amount: int
    reason: str


async def propose(
    pool: asyncpg.Pool, clock: Clock, merchant: str, amount: int, by: Person, reason: str
) -> UUID:
    """Propose to advance a merchant `amount` fen; return the proposal's id. Nothing is booked before another approves it.

    Raises `InvalidInput`, `UnknownMerchant`, `NotCovered`, `NoProposal` if one is open for the merchant.
    """
    said, id_ = Advancing(merchant, check_amount(amount), approvals.reason(reason)), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await _check(connection, clock, said)
        await approvals.propose(connection, clock, id_, ADVANCE, merchant, said, by, said.reason)
    return id_


async def approve(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, id_: UUID, seen: str, by: Person
) -> str:
    """Approve an advance by its hash and book it; return how it ended.

    Line and own money are checked again: raises `NotCovered`, and the proposal stays open.
    """

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said, now = found.holds(Advancing), clock.now()
        await _check(connection, clock, said)
        row = (new_id(clock), said.merchant, id_, said.amount, settlement_day(now), now)
        await connection.execute(queries.add, *row)

    found = await approvals.approve(pool, clock, id_, ADVANCE, seen, by, begin)
    if found.result is not None:
        return found.result
    result = await _carry(pool, ledger, clock, book, await pool.fetchrow(queries.of_proposal, id_))
    return await approvals.finish(pool, clock, found, result)


async def _check(connection: asyncpg.Connection, clock: Clock, said: Advancing) -> None:
    merchant = await get_merchant(connection, said.merchant)
    if merchant.state is not MerchantState.ACTIVE:
        raise InvalidInput("merchant", f"one that is {merchant.state}", "one that is active")
    line = terms_on(merchant, china_day(clock.now())).advance_fen
    await check(connection, Wanted(merchant.id, said.amount, line))


async def _carry(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, book: Book, row: Any) -> str:
    """Ask the ledger to book a stored advance, unless it has answered."""
    if row["result"] is None:
        await open_accounts(ledger, {1223: row["merchant"]})
        who = dict.fromkeys((1223, 2322), row["merchant"])
        amounts, day = {"amount": row["amount"]}, row["business_date"]
        made = voucher("A1", row["id"], subjects=who, amounts=amounts, business_date=day, memo=row["id"])
        answers = (await book(pool, ledger, made)).answers
        refused = [one.result for one in answers if one.result > Result.LINKED_FAILED]
        if refused and refused[0] not in DURABLE:
            raise NotBooked(f"the ledger answered {refused[0].name.lower()}; allowed: approve it again")
        result = refused[0].name.lower() if refused else POSTED
        await pool.execute(queries.end, row["id"], result, clock.now())
        row = await pool.fetchrow(queries.of_proposal, row["proposal"])
    paid = fen_to_yuan(row["amount"])
    return f"{paid} advanced" if row["result"] == POSTED else f"not advanced: {row['result']}"
