"""What a merchant does with its endpoints: add, list, replace, switch off and on, remove, and have events sent again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.vault import Vault
from zhangfang.webhooks import rules, signing
from zhangfang.webhooks.addresses import Networks
from zhangfang.webhooks.errors import EndpointTaken, TooManyEndpoints, UnknownEndpoint, UnknownEvent
from zhangfang.webhooks.model import Delivery, Endpoint, NewEndpoint
from zhangfang.webhooks.sending import purpose, queries

Db = Any  # a connection in a transaction


async def endpoints(pool: asyncpg.Pool, merchant: str) -> list[Endpoint]:
    """Return the merchant's endpoints, oldest first."""
    return [Endpoint(**row) for row in await pool.fetch(queries.endpoints, merchant)]


async def endpoint(pool: asyncpg.Pool, merchant: str, id_: UUID) -> Endpoint:
    """Return one endpoint, or raise `UnknownEndpoint`."""
    found = [one for one in await endpoints(pool, merchant) if one.id == id_]
    if not found:
        raise UnknownEndpoint("there is no such endpoint")
    return found[0]


async def add(
    pool: asyncpg.Pool, vault: Vault, clock: Clock, merchant: str, url: str, allowed: Networks = ()
) -> NewEndpoint:
    """Tell the merchant of events at `url` too. If it is told there already, only the secret is a new one.

    Raises `InvalidInput` for an address that may not be reached, `TooManyEndpoints` beyond five.
    """
    rules.check_url(url, allowed)
    secret = signing.new_secret()
    async with pool.acquire() as db, db.transaction():
        await db.execute(queries.lock_merchant, merchant)  # two that are added at once are counted one by one
        if await db.fetchval(queries.others, merchant, url) >= rules.MOST_ENDPOINTS:
            raise TooManyEndpoints(
                f"endpoints: {rules.MOST_ENDPOINTS} at most; remove one or replace its url"
            )
        sealed = vault.seal(secret, purpose(merchant))
        id_ = await db.fetchval(queries.put, new_id(clock), merchant, url, sealed, clock.now())
        await db.execute(queries.begin_anew, id_)
    return NewEndpoint(await endpoint(pool, merchant, id_), secret)


async def replace(
    pool: asyncpg.Pool, vault: Vault, merchant: str, id_: UUID, url: str, allowed: Networks = ()
) -> NewEndpoint:
    """Give an endpoint another address and a new secret. What waits is sent to the new address."""
    rules.check_url(url, allowed)
    secret = signing.new_secret()
    try:
        async with _changing(pool, merchant, id_) as db:
            await db.execute(queries.change_url, id_, url, vault.seal(secret, purpose(merchant)))
    except asyncpg.UniqueViolationError:
        raise EndpointTaken("url: another endpoint of yours has this address") from None
    return NewEndpoint(await endpoint(pool, merchant, id_), secret)


async def switch(pool: asyncpg.Pool, merchant: str, id_: UUID, *, on: bool) -> Endpoint:
    """Switch an endpoint on or off. While it is off its events wait."""
    async with _changing(pool, merchant, id_) as db:
        await db.execute(queries.switch, id_, on)
    return await endpoint(pool, merchant, id_)


async def remove(pool: asyncpg.Pool, merchant: str, id_: UUID) -> Endpoint:
    """Remove an endpoint with everything that it has not taken, and return what it was."""
    held = await endpoint(pool, merchant, id_)
    async with _changing(pool, merchant, id_) as db:
        await db.execute(queries.forget_deliveries, id_)
        await db.execute(queries.remove, id_)
    return held


async def deliveries(
    pool: asyncpg.Pool, merchant: str, id_: UUID, before: UUID, limit: int, *, failed: bool = False
) -> list[Delivery]:
    """Return up to `limit` events of an endpoint, newest first, older than the event `before`; only those that
    `failed` for good if that is asked."""
    await endpoint(pool, merchant, id_)
    rows = await pool.fetch(queries.failed if failed else queries.deliveries, id_, before, limit)
    return [Delivery(**row) for row in rows]


async def redeliver(pool: asyncpg.Pool, clock: Clock, merchant: str, id_: UUID, event: UUID) -> None:
    """Send an event to an endpoint again, whatever became of it. Raises `UnknownEvent`."""
    async with _changing(pool, merchant, id_) as db:
        if not await db.fetchval(queries.again, id_, event, clock.now()):
            raise UnknownEvent("there is no such event at this endpoint")


async def redeliver_failed(
    pool: asyncpg.Pool, clock: Clock, merchant: str, id_: UUID, since: datetime
) -> int:
    """Send every event again that failed for good and is not older than `since`; return how many they are."""
    async with _changing(pool, merchant, id_) as db:
        return len(await db.fetch(queries.all_failed_again, id_, since, clock.now()))


@asynccontextmanager
async def _changing(pool: asyncpg.Pool, merchant: str, id_: UUID) -> AsyncIterator[Db]:
    """Lock an endpoint, change it, and let it begin anew."""
    async with pool.acquire() as db, db.transaction():
        if not await db.fetchval(queries.lock, merchant, id_):
            raise UnknownEndpoint("there is no such endpoint")
        yield db
        await db.execute(queries.begin_anew, id_)
