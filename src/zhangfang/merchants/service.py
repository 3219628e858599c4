"""Operations on merchants: onboarding, fees, settlement accounts."""

import json
from dataclasses import asdict

import asyncpg

from zhangfang.kernel import ids
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.masking import masked_name
from zhangfang.merchants import rules, store
from zhangfang.merchants.errors import MerchantDiffers, NoSettlementAccount, UnknownMerchant
from zhangfang.merchants.model import (
    BankAccount,
    Merchant,
    NewMerchant,
    SettlementAccount,
)
from zhangfang.vault import InvalidToken, Vault

_MOST_PER_PAGE = 200


async def create_merchant(pool: asyncpg.Pool, vault: Vault, clock: Clock, new: NewMerchant) -> Merchant:
    """Create a merchant with its fee rules and account, all or nothing.

    With an `external_ref` the call can be repeated: the merchant of that ref is returned if it equals `new`, otherwise
    `MerchantDiffers` names the field. Raises `InvalidInput`.
    """
    rules.check_new(new)
    async with pool.acquire() as db, db.transaction():
        id_ = ids.prefixed("mer", ids.new_id(clock))
        if not await store.insert_merchant(db, id_, new, clock.now()):
            return await _same(db, vault, new)
        for rule in new.fee_rules:
            await store.put_fee_rule(db, id_, rule)
        if new.settlement_account is not None:
            await store.replace_account(db, _sealed(vault, clock, id_, new.settlement_account))
        return _found(await store.merchant(db, id_), id_)


async def _same(db: asyncpg.Connection, vault: Vault, new: NewMerchant) -> Merchant:
    external_ref = str(new.external_ref)
    held = _found(await store.merchant_of_ref(db, external_ref), external_ref)
    account = await store.current_account(db, held.id)
    field = rules.differing_field(held, _opened(vault, account) if account else None, new)
    if field:
        raise MerchantDiffers(external_ref, field)
    return held


async def get_merchant(pool: asyncpg.Pool | asyncpg.Connection, merchant: str) -> Merchant:
    """Return the merchant of the id `mer_…`, or raise `InvalidInput` or `UnknownMerchant`."""
    ids.parse("mer", merchant, "merchant")
    return _found(await store.merchant(pool, merchant), merchant)


async def is_awaited(pool: asyncpg.Pool, merchant: str) -> bool:
    """Whether a freeze of the merchant's money has not taken all that it may: until then nothing is paid out."""
    return await store.awaited(pool, merchant)


async def find_merchant(pool: asyncpg.Pool, external_ref: str) -> Merchant | None:
    """Return the merchant of the caller's own code, or None."""
    if not rules.is_reference(external_ref):
        return None
    return await store.merchant_of_ref(pool, external_ref)


async def list_merchants(pool: asyncpg.Pool, after: str = "", limit: int = 50) -> list[Merchant]:
    """Return up to `limit` (1 to 200) merchants, oldest first, after the one whose id is `after`."""
    if after:
        ids.parse("mer", after, "after")
    if not 1 <= limit <= _MOST_PER_PAGE:
        raise InvalidInput("limit", f"the integer {limit}", f"1 to {_MOST_PER_PAGE}")
    return await store.merchants_after(pool, after, limit)


async def bind_settlement_account(
    pool: asyncpg.Pool, vault: Vault, clock: Clock, merchant: str, account: BankAccount
) -> SettlementAccount:
    """Make `account` the merchant's settlement account. Binding the same again changes nothing.

    A payout that has begun keeps the account it was stored with. Raises `InvalidInput`, `UnknownMerchant`.
    """
    rules.check_account(account)
    ids.parse("mer", merchant, "merchant")
    async with pool.acquire() as db, db.transaction():
        _found(await store.lock_merchant(db, merchant), merchant)
        held = await store.current_account(db, merchant)
        if held and _opened(vault, held) == account:
            return held
        sealed = _sealed(vault, clock, merchant, account)
        await store.replace_account(db, sealed)
        return sealed


async def settlement_account(pool: asyncpg.Pool, merchant: str) -> SettlementAccount | None:
    """Return the merchant's settlement account, masked; None if it has none."""
    return await store.current_account(pool, merchant)


async def settlement_account_of(pool: asyncpg.Pool, vault: Vault, merchant: str) -> BankAccount:
    """Return that account in the clear, for a payout. Raises `NoSettlementAccount`, `InvalidToken`."""
    held = await store.current_account(pool, merchant)
    if held is None:
        raise NoSettlementAccount(merchant)
    return _opened(vault, held)


def _found(merchant: Merchant | None, named: str) -> Merchant:
    if merchant is None:
        raise UnknownMerchant(named)
    return merchant


def _sealed(vault: Vault, clock: Clock, merchant: str, account: BankAccount) -> SettlementAccount:
    id_ = ids.prefixed("sac", ids.new_id(clock))
    return SettlementAccount(
        id=id_,
        merchant=merchant,
        token=vault.seal(json.dumps(asdict(account), ensure_ascii=False), _account_purpose(merchant, id_)),
        tail=account.number[-4:],
        name_masked=masked_name(account.name),
        bank=account.bank,
        medium=account.medium,
        fingerprint=vault.fingerprint(account.number, "account_number"),
        bound_at=clock.now(),
    )


def _opened(vault: Vault, account: SettlementAccount) -> BankAccount:
    """Return it in the clear. Raises `InvalidToken` if its token is another row's.

    `settlement_account/<merchant>` is an older form of the purpose.
    """
    purpose, older = (
        _account_purpose(account.merchant, account.id),
        f"settlement_account/{account.merchant}",
    )
    opened = BankAccount(**json.loads(vault.open(account.token, purpose, older)))
    if vault.fingerprint(opened.number, "account_number") != account.fingerprint:
        raise InvalidToken(f"settlement account {account.id}: its token is of another account")
    return opened


def _account_purpose(merchant: str, id_: str) -> str:
    return f"settlement_account/{merchant}/{id_}"
