"""The company's own money leaves the reserve (D4): one person proposes how much, another one approves it, and it goes as a
payout to the company's own account, which two people have named before.

It never takes more than what is the company's: that is checked when it is proposed, under a lock when it is approved, and
before it is booked. A failure gives the money back (its voucher is reversed), and so does a return (D4.back).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.channels.port import BankChannel, Operation, PartyAccount
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.kernel.text.checks import check_account
from zhangfang.kernel.text.masking import masked_name
from zhangfang.payments.course import own
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, Request
from zhangfang.payments.people.sent_back import platform_payout
from zhangfang.payments.store import insert
from zhangfang.payments.telling import PREFIX
from zhangfang.vault import Vault, keep, kept

OWN_ACCOUNT, WITHDRAWAL = "own_account", "withdrawal"  # the kinds of these proposals
_TARGET = "own money"  # one of each kind is open at a time
_LISTED = 20


class NoOwnAccount(ZhangfangError):
    """The company's own account is not the one that a withdrawal was proposed for, or there is none yet."""


class NewAccount(msgspec.Struct, frozen=True):
    """The company's own account: `account` is where it is kept; people see tail, masked name and bank."""

    account: UUID
    fingerprint: str
    tail: str
    holder: str
    bank: str


class Withdrawal(msgspec.Struct, frozen=True):
    """How much leaves the reserve, in fen, from which account of ours, and to which: its tail and where it is kept."""

    amount: int
    leaves: str
    tail: str
    account: UUID


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The company's own account as people see it, and which two have named it."""

    id: UUID
    proposal: UUID
    tail: str
    name_masked: str
    bank: str
    fingerprint: str
    approved_by: str
    approved_at: datetime


async def own_account(db: Any) -> OwnAccount | None:
    """Return the company's own account; None if two people have not named one yet."""
    row = await db.fetchrow(own.queries.account)
    return OwnAccount(**row) if row else None


async def withdrawals(pool: asyncpg.Pool) -> list[Intent]:
    """Return the newest withdrawals, the newest first."""
    return [Intent.of(row) for row in await pool.fetch(own.queries.withdrawals, _LISTED)]


async def may_leave(pool: asyncpg.Pool, clock: Clock, alias: str) -> int:
    """Return how much of the company's own money may leave the reserve account `alias` now, in fen."""
    return await own.most(pool, clock, alias)


async def propose_own_account(
    pool: asyncpg.Pool, vault: Vault, clock: Clock, account: PartyAccount, by: Person, reason: str
) -> UUID:
    """Propose the account to which the company's money leaves; return the proposal's id. Raises `InvalidInput`."""
    check_account(account, ("number", "name", "bank"))
    why, id_ = approvals.reason(reason), new_id(clock)
    async with pool.acquire() as db, db.transaction():
        print_ = await keep(db, vault, id_, msgspec.json.encode(account).decode(), clock.now())
        said = NewAccount(id_, print_, account.number[-4:], masked_name(account.name), account.bank)
        await approvals.propose(db, clock, id_, OWN_ACCOUNT, _TARGET, said, by, why)
    return id_


async def approve_own_account(
    pool: asyncpg.Pool, vault: Vault, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve the account by the proposal's hash; return its tail. Raises what `approvals.approve` raises."""

    async def begin(db: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(NewAccount)
        await kept(db, vault, said.account, said.fingerprint)
        both = f"{found.proposed_by} and {by.id}"
        await db.execute(
            own.queries.set_account, said.account, id_, said.tail, said.holder, said.bank, said.fingerprint, both,
            clock.now(),
        )  # fmt: skip

    found = await approvals.approve(pool, clock, id_, OWN_ACCOUNT, seen, by, begin)
    return await approvals.finish(pool, clock, found, f"…{found.holds(NewAccount).tail}")


async def propose_withdrawal(desk: Desk, amount: int, by: Person, reason: str, leaves: str = "") -> UUID:
    """Propose to move `amount` fen of the company's own money out of the reserve; return the proposal's id.

    It leaves the reserve account `leaves`, without a name the one that payouts leave. Raises `InvalidInput`, `NoOwnAccount`.
    """
    alias = leaves or desk.alias
    bank_of(desk, alias)
    why, id_ = approvals.reason(reason), new_id(desk.clock)
    async with desk.pool.acquire() as db, db.transaction():
        held = await _account(db)
        await _check(db, desk, check_amount(amount), alias)
        said = Withdrawal(amount, alias, held.tail, held.id)
        await approvals.propose(db, desk.clock, id_, WITHDRAWAL, _TARGET, said, by, why)
    return id_


async def approve_withdrawal(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve a withdrawal by its hash; return the payout's id. The payout is stored with the approval; the driver goes on.

    Raises what `approvals.approve` raises, `InvalidInput` if less may leave by now, `NoOwnAccount`, `InvalidToken`.
    """

    async def begin(db: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(Withdrawal)
        await db.execute(own.queries.lock)
        held = await _account(db)
        if held.id != said.account:
            raise NoOwnAccount("account: the company has another one by now; allowed: withdraw this proposal")
        await _check(db, desk, said.amount, said.leaves)
        plain = await kept(db, desk.vault, held.id, held.fingerprint)
        account = msgspec.json.decode(plain, type=PartyAccount)
        name = f"D4-{id_.hex}"
        request = Request(Operation.PAYOUT, name, said.amount, name, "own money", account, original=id_)
        made = platform_payout(desk, own.WITHDRAWN, request, bank_of(desk, said.leaves), f"proposal {id_}")
        await insert(db, [made])

    found = await approvals.approve(desk.pool, desk.clock, id_, WITHDRAWAL, seen, by, begin)
    payout = await desk.pool.fetchval(own.queries.of_proposal, id_)
    return await approvals.finish(desk.pool, desk.clock, found, prefixed(PREFIX[Operation.PAYOUT], payout))


def bank_of(desk: Desk, alias: str) -> str:
    """Return the bank of an account of ours: called as the account is, or the only one. Raises `InvalidInput`."""
    banks = [name for name, one in desk.channels.items() if isinstance(one, BankChannel)]
    if alias in banks:
        return alias
    if alias != desk.alias:
        raise InvalidInput("from", f"{len(alias)} characters", ", ".join(banks))
    return banks[0]


async def _account(db: Any) -> OwnAccount:
    if (held := await own_account(db)) is None:
        raise NoOwnAccount("account: the company has none yet; allowed: name one by two people first")
    return held


async def _check(db: Any, desk: Desk, amount: int, alias: str) -> None:
    if amount > (left := await own.most(db, desk.clock, alias)):
        raise InvalidInput(
            "amount",
            f"{fen_to_yuan(amount)}, more than may leave the reserve now",
            f"up to {fen_to_yuan(left)}",
        )
