"""API keys: shown once, stored as a hash, and cached, so that a payment needs no query for its key."""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from datetime import timedelta

import asyncpg

from zhangfang.approvals import Person, reason, recorded
from zhangfang.kernel import ids
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import store
from zhangfang.merchants.errors import UnknownApiKey
from zhangfang.merchants.model import ApiKey, Merchant
from zhangfang.merchants.service import get_merchant

_SECRET = re.compile(r"zf_sk_[A-Za-z0-9_-]{43}")
_SECONDS_KEPT = 5.0
_MOST_KEPT = 10_000
_MOST_DAYS, _MOST_HOURS = 3660, 366 * 24


async def create_api_key(pool: asyncpg.Pool, clock: Clock, merchant: str) -> tuple[ApiKey, str]:
    """Return a new key and its secret `zf_sk_…`, which is shown now and never again. Raises `UnknownMerchant`."""
    await get_merchant(pool, merchant)
    secret = "zf_sk_" + secrets.token_urlsafe(32)
    key = ApiKey(ids.prefixed("key", ids.new_id(clock)), merchant, secret[-4:], clock.now(), None)
    await store.insert_key(pool, key, _hash(secret))
    return key, secret


async def list_api_keys(pool: asyncpg.Pool, merchant: str) -> list[ApiKey]:
    """Return the merchant's keys, revoked ones included, oldest first."""
    return await store.keys(pool, merchant)


async def revoke_api_key(pool: asyncpg.Pool, clock: Clock, merchant: str, key: str) -> None:
    """Revoke the key; every process refuses it after at most five seconds. Raises `InvalidInput`, `UnknownApiKey`."""
    ids.parse("key", key, "key")
    if not await store.revoke_key(pool, merchant, key, clock.now()):
        raise UnknownApiKey(merchant, key)


async def make_key_as(
    pool: asyncpg.Pool, clock: Clock, merchant: str, by: Person, why: str, days: int = 0
) -> tuple[ApiKey, str]:
    """Make a key as an operator, good for so many days of the machine's time, 0: without an end; return it and its secret.

    Raises `InvalidInput`, `UnknownMerchant`.
    """
    why = reason(why)
    _check("days", days, _MOST_DAYS)
    async with recorded(pool, clock, by, "make API key", merchant, why):
        made = await create_api_key(pool, clock, merchant)
        if days:
            await store.key_lasts(pool, merchant, made[0].id, timedelta(days=days))
    return made


async def end_key_as(
    pool: asyncpg.Pool, clock: Clock, merchant: str, key: str, by: Person, why: str, left: timedelta
) -> None:
    """End a key as an operator: at once, or after `left`, in which it overlaps with the next one.

    Raises `InvalidInput`, `UnknownApiKey`.
    """
    why = reason(why)
    _check("hours", int(left / timedelta(hours=1)), _MOST_HOURS)
    ids.parse("key", key, "key")
    async with recorded(pool, clock, by, "end API key", merchant, f"{key} in {left}: {why}"):
        if not left:
            await revoke_api_key(pool, clock, merchant, key)
        elif not await store.key_lasts(pool, merchant, key, left):
            raise UnknownApiKey(merchant, key)


def _check(field: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise InvalidInput(field, f"{value}", f"0 to {most}")


class ApiKeys:
    """Finds the merchant of a secret, and remembers it for five seconds of real time.

    A change of a merchant or its keys is seen here up to five seconds later; money out does not rely on this cache.
    Secrets are compared as SHA-256 only, so the time of a look-up tells nothing about a secret of 256 random bits.
    """

    def __init__(self, pool: asyncpg.Pool, seconds: Callable[[], float] = time.monotonic) -> None:
        """Look up in `pool`. `seconds` returns real time that never goes back."""
        self._pool = pool
        self._seconds = seconds
        self._held: dict[bytes, tuple[float, Merchant]] = {}
        self._asking: dict[bytes, asyncio.Task[Merchant | None]] = {}

    async def merchant(self, secret: str) -> Merchant | None:
        """Return the merchant of the key `secret`, or None if the key is unknown or revoked."""
        if not _SECRET.fullmatch(secret):
            return None
        hash_ = _hash(secret)
        now = self._seconds()
        until, merchant = self._held.get(hash_, (now, None))
        if now < until:
            return merchant
        if hash_ not in self._asking:  # concurrent callers share one query
            self._asking[hash_] = asyncio.create_task(self._look_up(hash_))
        return await asyncio.shield(self._asking[hash_])

    async def _look_up(self, hash_: bytes) -> Merchant | None:
        try:
            found = await store.merchant_of_key(self._pool, hash_)
        finally:
            del self._asking[hash_]
        if found is not None:
            if len(self._held) >= _MOST_KEPT:
                self._held.clear()
            self._held[hash_] = self._seconds() + _SECONDS_KEPT, found
        return found


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
