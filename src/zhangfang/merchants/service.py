"""Operations on merchants: onboarding and reading."""

import asyncpg

from zhangfang.kernel import ids
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import rules, store
from zhangfang.merchants.accounts import opened, sealed
from zhangfang.merchants.errors import MerchantDiffers, UnknownMerchant
from zhangfang.merchants.model import Merchant, NewMerchant
from zhangfang.vault import Vault

_MOST_PER_PAGE = 200


async def create_merchant(pool: asyncpg.Pool, vault: Vault, clock: Clock, new: NewMerchant) -> Merchant:
    """Create a merchant with its fee rules and account, all or nothing. The account waits for two people: see `accounts`.

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
            await store.replace_account(db, sealed(vault, clock, id_, new.settlement_account))
        return _found(await store.merchant(db, id_), id_)


async def _same(db: asyncpg.Connection, vault: Vault, new: NewMerchant) -> Merchant:
    external_ref = str(new.external_ref)
    held = _found(await store.merchant_of_ref(db, external_ref), external_ref)
    account = await store.current_account(db, held.id)
    field = rules.differing_field(held, opened(vault, account) if account else None, new)
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


def _found(merchant: Merchant | None, named: str) -> Merchant:
    if merchant is None:
        raise UnknownMerchant(named)
    return merchant
