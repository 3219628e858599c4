"""A merchant's server for webhooks, and a place to send from: database, vault and clock, without a ledger."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from aiohttp import web

from tests.clock import SetClock
from zhangfang import webhooks
from zhangfang.kernel.driver import Job, run_due
from zhangfang.kernel.ids import new_id
from zhangfang.vault import Vault

LOOPBACK = webhooks.networks("127.0.0.0/8", "allowed")
LAST = UUID(int=2**128 - 1)
Seen = list[tuple[dict[str, str], bytes]]


class Endpoint:
    """A merchant's server: it answers with the next of `answers`, then 204."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self.answers: list[int] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None  # happens before the next answer
        self.seen: Seen = []
        self.url = ""
        self.secret = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the request and answer."""
        self.seen.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        if self.meanwhile:
            await self.meanwhile()
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": self.url} if status == 307 else {})


@asynccontextmanager
async def serving() -> AsyncIterator[Endpoint]:
    """Run a merchant's server on loopback."""
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@dataclass
class Post:
    """What sends events; `told` are those that were taken."""

    pool: asyncpg.Pool
    vault: Vault
    clock: SetClock
    jobs: tuple[Job, Job] = field(init=False)
    told: list[UUID] = field(default_factory=list)

    async def note(self, intent: UUID, event: str, status: int) -> None:
        """Keep which event was taken; its intent has the same id here."""
        self.told.append(intent)

    async def add(self, merchant: str, url: str) -> webhooks.NewEndpoint:
        """Add an endpoint, which may be on loopback."""
        return await webhooks.add(self.pool, self.vault, self.clock, merchant, url, LOOPBACK)

    async def events(self, merchant: str, number: int) -> list[UUID]:
        """Store so many events of a merchant, due now."""
        ids = [new_id(self.clock) for _ in range(number)]
        await self.pool.executemany(
            """INSERT INTO webhook (id, merchant, intent, event, payload, next_action_at, created_at)
            VALUES ($1, $2, $1, 'payment.succeeded', '{}', $3, $3)""",
            [(id_, merchant, self.clock.now()) for id_ in ids],
        )
        return ids

    async def spread(self) -> None:
        """Give all events to their endpoints and send none."""
        while await run_due(self.pool, self.clock.now(), self.jobs[0]):
            pass

    async def once(self) -> None:
        """Spread what there is, and let every endpoint have its turn."""
        await self.spread()
        await run_due(self.pool, self.clock.now(), self.jobs[1])

    async def held(self, sql: str, *arguments: Any) -> Any:
        """Return a value from the database."""
        return await self.pool.fetchval(sql, *arguments)

    async def waiting(self) -> int:
        """Return how many deliveries are not done."""
        return int(await self.held("SELECT count(*) FROM webhook_delivery WHERE delivered_at IS NULL"))

    async def states(self, merchant: str, id_: UUID, *, failed: bool = False) -> dict[UUID, str]:
        """Return the state of each event at an endpoint."""
        found = await webhooks.deliveries(self.pool, merchant, id_, LAST, 500, failed=failed)
        return {one.event: one.state for one in found}
