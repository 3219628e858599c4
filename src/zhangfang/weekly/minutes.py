"""Counts requests and probes by the minute of the business clock, and adds them to the database once the minute is over.

What a killed process had counted and not stored is lost: a probe minute then is unmeasured, never up.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import AWAY
from zhangfang.kernel.sql import load

queries = load(__package__, "weekly.sql")
log = structlog.get_logger()
PROBE_EVERY, FLUSH_EVERY = 1.0, 5.0  # seconds of the machine
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
OPERATIONS = {"payments": "pay_in", "payouts": "payout", "mandates": "mandate", "batches": "batch"}


class Requests:
    """An ASGI layer that counts the answers of the API by minute and operation."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        """Wrap `app`; `state` has the `desk` once the application has started, and keeps this layer as `requests`."""
        self.app, self._state = app, state
        state.requests = self
        self.counts: dict[tuple[datetime, str], list[int]] = defaultdict(lambda: [0, 0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer; one that raises is failed."""
        operation = _operation(scope)
        desk = getattr(self._state, "desk", None)
        if not operation or desk is None:
            await self.app(scope, receive, send)
            return
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            count = self.counts[_minute(desk.clock.now()), operation]
            count[0] += 1
            count[1] += status >= 500

    async def store(self, pool: asyncpg.Pool, now: datetime) -> None:
        """Add the minutes that are over to the database."""
        for minute, operation in [key for key in self.counts if key[0] < _minute(now)]:
            answered, failed = self.counts[minute, operation]
            await pool.execute(queries.count_requests, minute, operation, answered, failed)
            del self.counts[minute, operation]


def _operation(scope: Scope) -> str:
    """Return the operation of a request to the API, or that it is a page; nothing for notifications, probes and files."""
    if scope["type"] != "http":
        return ""
    path = scope["path"]
    if path.startswith("/console/") and not path.startswith("/console/static/"):
        return "page"
    if not path.startswith("/v1/"):
        return ""
    return OPERATIONS.get(scope["path"].split("/")[2], "other") if scope["method"] != "GET" else "query"


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


async def keep(store: Callable[[], Awaitable[None]], every: float = FLUSH_EVERY) -> None:
    """Store counts again and again, until cancelled; while the database is away they wait."""
    while True:
        await asyncio.sleep(every)
        try:
            await store()
        except AWAY as error:
            log.warning("counts of minutes wait", error=type(error).__name__)


class Prober:
    """Asks the API's health every second, from another process, and counts by the minute."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, url: str) -> None:
        """Take the address of the API on this machine."""
        self._session, self._clock, self._url = session, clock, url
        self._counts: dict[datetime, list[int]] = defaultdict(lambda: [0, 0, 0])

    async def ask(self) -> None:
        """Ask once."""
        began = time.monotonic()
        try:
            async with self._session.get(f"{self._url}/health", timeout=PROBE_TIMEOUT) as answer:
                good = answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            good = False
        count = self._counts[_minute(self._clock.now())]
        count[0] += 1
        count[1] += not good
        count[2] = max(count[2], int((time.monotonic() - began) * 1000))

    async def store(self, pool: asyncpg.Pool) -> None:
        """Add the minutes that are over to the database."""
        for minute in [key for key in self._counts if key < _minute(self._clock.now())]:
            await pool.execute(queries.count_probe, minute, "api", *self._counts[minute])
            del self._counts[minute]


async def probe(pool: asyncpg.Pool, clock: Clock, url: str) -> None:
    """Probe the API until cancelled."""
    async with aiohttp.ClientSession() as session:
        prober = Prober(session, clock, url)
        async with asyncio.TaskGroup() as group:
            group.create_task(keep(lambda: prober.store(pool)))
            while True:
                began = asyncio.get_running_loop().time()
                await prober.ask()
                spent = asyncio.get_running_loop().time() - began
                await asyncio.sleep(max(PROBE_EVERY - spent, timedelta.resolution.total_seconds()))
