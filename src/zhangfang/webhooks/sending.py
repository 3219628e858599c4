"""Webhooks are sent: an event is spread over its merchant's endpoints, and each endpoint takes its turns.

An endpoint is a row that is a job. In its turn it is sent a few events at once, for two seconds at most; then the others
have theirs. One that fails several times in a row rests: its events wait, and only a probe is sent now and then.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.vault import Vault
from zhangfang.webhooks import rules, signing
from zhangfang.webhooks.outside import post

queries = load(__package__, "webhooks.sql")

Told = Callable[
    [UUID, str, int], Awaitable[None]
]  # of this intent, this event was taken with this HTTP status


def purpose(merchant: str) -> str:
    """Return what the secret of an endpoint is sealed for."""
    return f"webhook_secret/{merchant}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends events to endpoints; `told` is called for each that was taken."""

    pool: asyncpg.Pool
    vault: Vault
    clock: Clock
    session: aiohttp.ClientSession
    told: Told

    def jobs(self) -> tuple[Job, Job]:
        """Return the driver's jobs over events and endpoints."""
        turns = Job("webhook_endpoint", ("id",), self.turn, most=rules.TURNS_AT_ONCE)
        return Job("webhook", ("id",), self.spread), turns

    async def spread(self, event: asyncpg.Record) -> None:
        """Make a delivery of the event for each endpoint of its merchant."""
        await self.pool.execute(queries.spread, event["id"], event["merchant"], self.clock.now())

    async def turn(self, endpoint: asyncpg.Record) -> None:
        """Send what is due, until nothing is, or the turn is over, or the endpoint has to rest."""
        secret = self.vault.open(endpoint["secret_token"], purpose(endpoint["merchant"]))
        failures, until = endpoint["failures"], time.monotonic() + rules.TURN_SECONDS
        while True:
            most = rules.at_once(failures)
            due = await self.pool.fetch(
                queries.due, endpoint["id"], endpoint["fence"], self.clock.now(), most
            )
            taken = await self._send(endpoint, secret, due)
            failures = rules.failures_after(failures, taken)
            if len(due) < most or failures >= rules.REST_AFTER or time.monotonic() > until:
                return await self._rest(endpoint, failures)

    async def _send(self, endpoint: asyncpg.Record, secret: str, due: list[asyncpg.Record]) -> list[bool]:
        """Send these events at once, store what came of each, and return which were taken."""
        answers = await asyncio.gather(*(self._post(endpoint["url"], secret, event) for event in due))
        now = self.clock.now()
        taken = [rules.acknowledged(status) for status, _ in answers]
        again = [
            None if ok else rules.next_try(event["attempts"], now)
            for event, ok in zip(due, taken, strict=True)
        ]
        if due:
            await self.pool.execute(
                queries.tried, endpoint["id"], endpoint["fence"], now, [event["id"] for event in due],
                [status for status, _ in answers], [note for _, note in answers], taken, again,
            )  # fmt: skip
        for event, (status, _) in zip(due, answers, strict=True):
            if rules.acknowledged(status):
                await self.told(event["intent"], event["event"], status or 0)
        return taken

    async def _post(self, url: str, secret: str, event: asyncpg.Record) -> tuple[int | None, str]:
        """Post one event. Its webhook-id is the same in all tries, so that the merchant recognises a repeat."""
        body = event["payload"].encode()
        headers = signing.headers(secret, prefixed("evt", event["id"]), self.clock.now(), body)
        return await post(self.session, url, headers, body)

    async def _rest(self, endpoint: Any, failures: int) -> None:
        """End the turn. The row is locked before it is looked up what is due: see `spread`."""
        now = self.clock.now()
        async with self.pool.acquire() as db, db.transaction():
            if await db.fetchval(queries.hold, endpoint["id"], endpoint["fence"]):
                await db.execute(queries.rest, endpoint["id"], failures, rules.rest_until(failures, now), now)
