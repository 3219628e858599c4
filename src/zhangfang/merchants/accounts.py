"""The settlement account of a merchant: where it is paid out. One person proposes it, another one approves exactly that.

The account that a merchant is created with is named by the admin key, and is no agreement: nothing is paid to it until two
people have agreed on it, or on another one. A payout that has begun keeps the account it was stored with.
"""

import json
from dataclasses import asdict
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel import ids
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.text.masking import masked_name
from zhangfang.merchants import rules, store
from zhangfang.merchants.errors import NoSettlementAccount, UnknownMerchant
from zhangfang.merchants.model import BankAccount, SettlementAccount
from zhangfang.vault import InvalidToken, Vault, keep, kept

ACCOUNT = "settlement account"  # the kind of these proposals


class NewAccount(msgspec.Struct, frozen=True):
    """A merchant's account: `account` is where it is kept, the others are what people see of it."""

    merchant: str
    account: UUID
    fingerprint: str
    tail: str
    holder: str
    bank: str
    medium: str


async def propose_account(
    pool: asyncpg.Pool,
    vault: Vault,
    clock: Clock,
    merchant: str,
    account: BankAccount | None,
    by: Person,
    reason: str,
) -> UUID:
    """Propose a merchant's account (None: the one that it was created with); return the proposal's id.

    Raises `InvalidInput`, `UnknownMerchant`, `NoSettlementAccount`, `NoProposal`.
    """
    ids.parse("mer", merchant, "merchant")
    why, id_ = approvals.reason(reason), ids.new_id(clock)
    async with pool.acquire() as db, db.transaction():
        await _lock(db, merchant)
        one = account or await _named(db, vault, merchant)
        rules.check_account(one)
        print_ = await keep(db, vault, id_, _text(one), clock.now())
        said = NewAccount(merchant, id_, print_, one.number[-4:], masked_name(one.name), one.bank, one.medium)
        await approvals.propose(db, clock, id_, ACCOUNT, merchant, said, by, why)
    return id_


async def approve_account(
    pool: asyncpg.Pool, vault: Vault, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve a merchant's account by the proposal's hash; return its tail. Raises what `approvals.approve` raises."""

    async def begin(db: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(NewAccount)
        await _lock(db, said.merchant)
        one = BankAccount(**json.loads(await kept(db, vault, said.account, said.fingerprint)))
        held = await store.current_account(db, said.merchant)
        if held is None or opened(vault, held) != one:
            held = sealed(vault, clock, said.merchant, one)
            await store.replace_account(db, held)
        await store.agree_account(db, held.id, f"{found.proposed_by} and {by.id}", id_)

    found = await approvals.approve(pool, clock, id_, ACCOUNT, seen, by, begin)
    return await approvals.finish(pool, clock, found, f"…{found.holds(NewAccount).tail}")


async def settlement_account(pool: asyncpg.Pool, merchant: str) -> SettlementAccount | None:
    """Return the merchant's settlement account, masked, agreed on or not; None if it has none."""
    return await store.current_account(pool, merchant)


async def settlement_account_of(pool: asyncpg.Pool, vault: Vault, merchant: str) -> BankAccount:
    """Return the account that two people have agreed on, in the clear, for a payout.

    Raises `NoSettlementAccount`, `InvalidToken`.
    """
    held = await store.current_account(pool, merchant)
    if held is None or held.agreed_by is None:
        raise NoSettlementAccount(merchant)
    return opened(vault, held)


def sealed(vault: Vault, clock: Clock, merchant: str, account: BankAccount) -> SettlementAccount:
    """Return the row of an account that nobody has agreed on yet."""
    id_ = ids.prefixed("sac", ids.new_id(clock))
    return SettlementAccount(
        id=id_,
        merchant=merchant,
        token=vault.seal(_text(account), _purpose(merchant, id_)),
        tail=account.number[-4:],
        name_masked=masked_name(account.name),
        bank=account.bank,
        medium=account.medium,
        fingerprint=vault.fingerprint(account.number, "account_number"),
        bound_at=clock.now(),
    )


def opened(vault: Vault, account: SettlementAccount) -> BankAccount:
    """Return it in the clear. Raises `InvalidToken` if its token is another row's.

    `settlement_account/<merchant>` is an older form of the purpose.
    """
    purpose, older = _purpose(account.merchant, account.id), f"settlement_account/{account.merchant}"
    plain = BankAccount(**json.loads(vault.open(account.token, purpose, older)))
    if vault.fingerprint(plain.number, "account_number") != account.fingerprint:
        raise InvalidToken(f"settlement account {account.id}: its token is of another account")
    return plain


async def _named(db: asyncpg.Connection, vault: Vault, merchant: str) -> BankAccount:
    held = await store.current_account(db, merchant)
    if held is None:
        raise NoSettlementAccount(merchant)
    return opened(vault, held)


async def _lock(db: asyncpg.Connection, merchant: str) -> None:
    if await store.lock_merchant(db, merchant) is None:
        raise UnknownMerchant(merchant)


def _text(account: BankAccount) -> str:
    return json.dumps(asdict(account), ensure_ascii=False)


def _purpose(merchant: str, id_: str) -> str:
    return f"settlement_account/{merchant}/{id_}"
