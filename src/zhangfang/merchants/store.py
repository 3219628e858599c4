"""All the SQL of merchants, and its rows turned into records. `db` is a pool or a connection inside a transaction."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.kernel.sql import load
from zhangfang.merchants.model import (
    ApiKey,
    FeeRule,
    Merchant,
    MerchantState,
    NewMerchant,
    ProductCycle,
    SettlementAccount,
    Terms,
)

Db: TypeAlias = asyncpg.Pool | asyncpg.Connection
_SQL = load(__package__, "store.sql")
_RULE = msgspec.json.Decoder(FeeRule)


async def insert_merchant(db: Db, id_: str, new: NewMerchant, at: datetime) -> bool:
    """Insert it; return False if its external_ref is taken. Waits for a transaction that is inserting the same one."""
    terms = (new.auto_payout, new.settlement_days, new.keep_fee_on_refund)
    return await db.fetchval(_SQL.insert_merchant, id_, new.external_ref, new.name, *terms, at) is not None


async def merchant(db: Db, id_: str) -> Merchant | None:
    """Return the merchant of an id."""
    return _one(await _merchants(db, _SQL.merchant, id_))


async def lock_merchant(db: Db, id_: str) -> Merchant | None:
    """Return it, and lock its contract until this transaction ends."""
    return _one(await _merchants(db, _SQL.lock_merchant, id_))


async def merchant_of_ref(db: Db, external_ref: str) -> Merchant | None:
    """Return the merchant of the caller's own code."""
    return _one(await _merchants(db, _SQL.merchant_of_ref, external_ref))


async def merchant_of_key(db: Db, hash_: bytes) -> Merchant | None:
    """Return the merchant whose unrevoked API key has this SHA-256."""
    return _one(await _merchants(db, _SQL.merchant_of_key, hash_))


async def merchants_after(db: Db, after: str, limit: int) -> list[Merchant]:
    """Return up to `limit` merchants by id, which is by age, after the id `after`."""
    return await _merchants(db, _SQL.merchants_after, after, limit)


async def put_fee_rule(db: Db, merchant: str, rule: FeeRule) -> None:
    """Insert a rule, or replace the one of the same kind and day."""
    terms = (rule.rate_ppm, rule.fixed_fen, rule.min_fen, rule.max_fen, rule.effective_from)
    await db.execute(_SQL.put_fee_rule, merchant, rule.kind, *terms)


async def put_terms(db: Db, merchant: str, terms: Terms) -> None:
    """Insert terms, or replace those of the same day."""
    await db.execute(_SQL.put_terms, merchant, *astuple(terms))


async def put_cycle(db: Db, merchant: str, one: ProductCycle) -> None:
    """Insert a product's cycle, or replace that of the same day."""
    await db.execute(_SQL.put_cycle, merchant, *astuple(one))


async def set_state(
    db: Db, merchant: str, at: datetime, state: MerchantState, by: str, reason: str, id_: UUID
) -> None:
    """Change a merchant's state, and note under `id_` who did it and why."""
    await db.execute(_SQL.set_state, merchant, at, state, by, reason, id_)


async def state_since(db: Db, merchant: str) -> datetime | None:
    """Return when the state was last changed; None if it never was."""
    at: datetime | None = await db.fetchval(_SQL.state_since, merchant)
    return at


async def current_account(db: Db, merchant: str) -> SettlementAccount | None:
    """Return the account that the merchant is paid to now."""
    row = await db.fetchrow(_SQL.current_account, merchant)
    return SettlementAccount(**row) if row else None


async def replace_account(db: Db, account: SettlementAccount) -> None:
    """Make `account` the current one; the former one is kept, with the time when it ended."""
    await db.execute(_SQL.replace_account, account.merchant, account.bound_at)
    await db.execute(_SQL.insert_account, *astuple(account)[:-1])  # nobody has agreed on it yet


async def agree_account(db: Db, id_: str, both: str, proposal: UUID) -> None:
    """Note who has agreed on the account."""
    await db.execute(_SQL.agree_account, id_, both, proposal)


async def insert_key(db: Db, key: ApiKey, hash_: bytes) -> None:
    """Insert an API key under the SHA-256 of its secret."""
    await db.execute(_SQL.insert_key, key.id, key.merchant, hash_, key.tail, key.created_at)


async def keys(db: Db, merchant: str) -> list[ApiKey]:
    """Return the merchant's API keys, revoked ones included, oldest first."""
    return [ApiKey(**row) for row in await db.fetch(_SQL.keys, merchant)]


async def key_lasts(db: Db, merchant: str, key: str, left: timedelta) -> bool:
    """Let a key end after a time, or when it would have ended; False if the merchant has no such key that is good."""
    return await db.fetchval(_SQL.lasts, merchant, key, left) is not None


async def revoke_key(db: Db, merchant: str, key: str, at: datetime) -> bool:
    """Revoke a key, unless it is revoked already; False if the merchant has no key with this id."""
    return await db.fetchval(_SQL.revoke_key, merchant, key, at) is not None


async def _merchants(db: Db, sql: str, *arguments: object) -> list[Merchant]:
    rows = await db.fetch(sql, *arguments)
    rules: dict[str, list[FeeRule]] = {row["id"]: [] for row in rows}
    terms: dict[str, list[Terms]] = {row["id"]: [] for row in rows}
    if rows:
        for row in await db.fetch(_SQL.fee_rules, list(rules)):
            rules[row["merchant"]].append(_fee_rule(row["id"], row["rule"]))
        for row in await db.fetch(_SQL.later_terms, list(rules)):
            terms[row["merchant"]].append(Terms(*tuple(row)[1:]))
    return [_merchant(row, rules[row["id"]], terms[row["id"]]) for row in rows]


def _merchant(row: Any, rules: Sequence[FeeRule], terms: Sequence[Terms]) -> Merchant:
    held = {
        "state": MerchantState(row["state"]),
        "fee_rules": tuple(sorted(rules, key=lambda rule: (rule.kind, rule.effective_from))),
        "later_terms": tuple(terms),
    }
    return Merchant(**{**row, **held})


def _fee_rule(id_: UUID, stored: str) -> FeeRule:
    return replace(_RULE.decode(stored), id=id_)


def _one(found: list[Merchant]) -> Merchant | None:
    return found[0] if found else None


async def awaited(pool: asyncpg.Pool, id_: str) -> bool:
    """Whether a freeze still waits for money of a merchant."""
    return await pool.fetchval(_SQL.awaited, id_)  # type: ignore[no-any-return]
