"""Freezes (冻结): part of a merchant's available money lies on another account until two people give it back.

Freezing is urgent, so one person is enough. It takes what is there (T4); the rest stands, and takes what comes in. Until it
has all, the merchant is not paid out (see decision 0051). A thaw (T4 with its sides exchanged) takes two.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.adjustments import posting
from zhangfang.adjustments.allowed import FREEZING
from zhangfang.adjustments.model import Made, Making, NotAnswered, made_of
from zhangfang.approvals import Person, Proposal, record
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import Book, LedgerClient, account_id
from zhangfang.merchants import get_merchant

queries = load(__package__, "freezes.sql")

FREEZE: Final = "frz"  # prefix of their ids
THAW: Final = "thaw"  # the kind of these proposals
KINDS: Final = ("court", "risk", "dispute")
LOOK: Final = timedelta(minutes=1)  # how often a standing freeze looks for money
WARN: Final = timedelta(days=7)  # so long before its expiry people are reminded
_THAWING: Final = f"{FREEZING}-"
_TRIES: Final = 3  # payouts may take the money between looking and taking
_LISTED: Final = 200


class NoFreeze(ZhangfangError):
    """There is no such freeze, or it does not hold so much; the text says which."""


class Thaw(msgspec.Struct, frozen=True):
    """Part of a freeze that is given up. Fen."""

    merchant: str
    reference: str
    amount: int
    reason: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze as it stands. `held` is what it has, `wanted` what it still waits for, in fen."""

    id: UUID
    merchant: str
    kind: str
    reference: str
    reason: str
    amount: int
    given_up: int
    expires_on: date | None
    frozen_by: str
    frozen_at: datetime
    ended_at: datetime | None
    held: int
    unanswered: int

    @property
    def stands(self) -> int:
        """Return how much may be frozen by it: what was asked for, less what was given up."""
        return self.amount - self.given_up

    @property
    def wanted(self) -> int:
        """Return what it still waits for."""
        return self.stands - self.held

    @property
    def shown_id(self) -> str:
        """Return the id as people see it."""
        return prefixed(FREEZE, self.id)

    def expires_soon(self, today: date) -> bool:
        """Whether people have to be reminded of its end."""
        return self.ended_at is None and self.expires_on is not None and self.expires_on - today <= WARN


async def freeze(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    clock: Clock,
    merchant: str,
    *,
    kind: str,
    reference: str,
    amount: int,
    reason: str,
    expires_on: date | None,
    by: Person,
) -> Freeze:
    """Freeze `amount` fen of a merchant's available money, at once what is there; return the freeze.

    Raises `InvalidInput`, `UnknownMerchant`, `NotAnOperator`; `LedgerUnavailable`: then the driver goes on.
    """
    if kind not in KINDS:
        raise InvalidInput("kind", f"{len(kind)} characters", ", ".join(KINDS))
    reference, reason = approvals.text("reference", reference, 1, 64), approvals.reason(reason)
    check_amount(amount)
    if expires_on is not None and expires_on <= china_day(clock.now()):
        raise InvalidInput("expires_on", f"{expires_on}", "a day to come, or none")
    await get_merchant(pool, merchant)
    id_ = new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.check_may_act(connection, by)
        await connection.execute(
            queries.add, id_, merchant, kind, reference, reason, amount, expires_on, by.id, clock.now()
        )
        what = f"{fen_to_yuan(amount)}, {kind} {reference}: {reason}"
        await record(connection, clock, by, "freeze money", merchant, what)
    await take(pool, ledger, clock, id_)
    return await get(pool, id_)


async def take(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID) -> None:
    """Let a freeze take what is there of what it waits for; if that is less, it looks again later."""
    for _ in range(_TRIES):
        for row in await pool.fetch(queries.unanswered, id_):
            await posting.carry(pool, ledger, clock, row["id"])
        one = await get(pool, id_)
        fen = min(one.wanted, await _available(ledger, one.merchant)) if one.wanted else 0
        if fen <= 0:
            break
        await _begin(pool, clock, id_, fen)
    again = clock.now() + LOOK if (await get(pool, id_)).wanted else None
    await pool.execute(queries.look_again, id_, again)


async def _begin(pool: asyncpg.Pool, clock: Clock, id_: UUID, fen: int) -> None:
    """Store the voucher that takes money, unless another process has stored one that is not answered yet."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock, id_)
        one = await get(connection, id_)
        if one.unanswered or (fen := min(fen, one.wanted)) <= 0:
            return
        making = Making(FREEZING, fen, {"merchant": one.merchant})
        await posting.add(connection, clock, "freeze", making, one.frozen_by, of=id_)


async def _available(ledger: LedgerClient, merchant: str) -> int:
    id_ = account_id(Book.CUSTOMERS, 2322, merchant)
    held = (await ledger.account_balances([id_]))[id_]
    return held.credits - held.debits - held.debits_pending


async def propose_thaw(
    pool: asyncpg.Pool, clock: Clock, id_: UUID, amount: int | None, reason: str, by: Person
) -> UUID:
    """Propose to give up `amount` fen of a freeze, None: all of it; return the proposal's id.

    What it still waits for is given up first; what it holds beyond the rest goes back. Raises `NoFreeze`, `InvalidInput`.
    """
    one, reason = await get(pool, id_), approvals.reason(reason)
    fen = one.stands if amount is None else check_amount(amount)
    _check(one, fen)
    said, proposal = Thaw(one.merchant, one.reference, fen, reason), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.propose(connection, clock, proposal, THAW, one.shown_id, said, by, reason)
    return proposal


async def approve_thaw(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve a thaw by its hash and give the money back; return what happened. After a crash the same call continues."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        fen, target = found.holds(Thaw).amount, parse(FREEZE, found.target)
        await connection.execute(queries.lock, target)
        one = await get(connection, target)
        _check(one, fen)
        if one.unanswered:
            raise NotAnswered("the freeze is taking money at this moment; allowed: approve again")
        await connection.execute(queries.give_up, target, fen, clock.now())
        if (back := one.held - (one.stands - fen)) > 0:
            making, who = (
                Making(_THAWING, back, {"merchant": one.merchant}),
                f"{found.proposed_by} and {by.id}",
            )
            await posting.add(connection, clock, "thaw", making, who, of=target, proposal=id_)

    found = await approvals.approve(pool, clock, id_, THAW, seen, by, begin)
    if found.result is not None:
        return found.result
    rows = await pool.fetch(posting.queries.of_proposals, [id_])
    result = "nothing was held of it"
    for row in rows:
        made = await posting.carry(pool, ledger, clock, row["id"])
        result = f"{made.result}: {fen_to_yuan(made.amount)}"
    return await approvals.finish(pool, clock, found, result)


def _check(one: Freeze, fen: int) -> None:
    if not 0 < fen <= one.stands:
        raise NoFreeze(
            f"{fen_to_yuan(fen)} of {one.shown_id}; allowed: up to {fen_to_yuan(one.stands)}, which stands"
        )


async def get(db: asyncpg.Pool | asyncpg.Connection, id_: UUID) -> Freeze:
    """Return a freeze. Raises `NoFreeze`."""
    row = await db.fetchrow(queries.get, id_)
    if row is None:
        raise NoFreeze("id: there is no such freeze")
    return Freeze(**row)


async def listed(pool: asyncpg.Pool, *, every: bool = False, merchant: str | None = None) -> list[Freeze]:
    """Return the freezes that stand, newest first; with `every`, those that are over too."""
    return [Freeze(**row) for row in await pool.fetch(queries.listed, every, merchant, _LISTED)]


async def vouchers(pool: asyncpg.Pool, id_: UUID) -> list[Made]:
    """Return what a freeze took and what thaws gave back, oldest first."""
    return [made for row in await pool.fetch(queries.vouchers, id_) if (made := made_of(row))]


def job(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock) -> Job:
    """Return the driver's job: standing freezes take what has come in."""

    async def step(row: asyncpg.Record) -> None:
        await take(pool, ledger, clock, row["id"])

    return Job("money_freeze", ("id",), step, most=4)
