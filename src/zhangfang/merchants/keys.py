"""API keys: made once, kept as a hash, and looked up without a query on the way of a payment."""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Callable

import asyncpg

from zhangfang.kernel import ids
from zhangfang.kernel.clock import Clock
from zhangfang.merchants import store
from zhangfang.merchants.errors import UnknownApiKey
from zhangfang.merchants.model import ApiKey, Merchant
from zhangfang.merchants.service import get_merchant

_SECRET = re.compile(r"zf_sk_[A-Za-z0-9_-]{43}")
_SECONDS_KEPT = 5.0
_MOST_KEPT = 10_000


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
    """Let the key open nothing any more, at most five seconds from now. Raises `InvalidInput`, `UnknownApiKey`."""
    ids.parse("key", key, "key")
    if not await store.revoke_key(pool, merchant, key, clock.now()):
        raise UnknownApiKey(merchant, key)


class ApiKeys:
    """Finds the merchant of a secret, and remembers it for five seconds of real time.

    What changes about a merchant or its keys is seen that much later here; money out does not rely on it. Secrets
    are compared as SHA-256 only: how long a look-up takes tells nothing about a secret of 256 random bits.
    """

    def __init__(self, pool: asyncpg.Pool, seconds: Callable[[], float] = time.monotonic) -> None:
        """Look up in `pool`; `seconds` is real time that never goes back."""
        self._pool = pool
        self._seconds = seconds
        self._held: dict[bytes, tuple[float, Merchant]] = {}
        self._asking: dict[bytes, asyncio.Task[Merchant | None]] = {}

    async def merchant(self, secret: str) -> Merchant | None:
        """Return whose key `secret` is, or None if it is nobody's, revoked, or no key at all."""
        if not _SECRET.fullmatch(secret):
            return None
        hash_ = _hash(secret)
        now = self._seconds()
        until, merchant = self._held.get(hash_, (now, None))
        if now < until:
            return merchant
        if hash_ not in self._asking:  # one asks for all who come meanwhile
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
