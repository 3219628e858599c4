"""Outcomes of channels, counted in this process and written to the database at most once a second."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import asyncpg
import structlog
from prometheus_client import Counter as Metric

from zhangfang.channels.port import Operation, Verdict
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import AWAY
from zhangfang.kernel.sql import load
from zhangfang.routing.breaker import WINDOW, Count, is_bad, judge
from zhangfang.routing.model import Way

queries = load(__package__, "store.sql")
log = structlog.get_logger()

_EVERY_SECONDS = 1.0
_KEPT = timedelta(hours=1)
UNKNOWN_TYPES = Metric(
    "zhangfang_account_type_unknown",
    "Requests whose account type is in no table; a payout is parked, a pay-in refused",
    ["operation", "account_type"],
)
_SHOWN_TYPES = 64  # named types per process: metric and table must not grow with what merchants send


class Tally:
    """Counts outcomes and unknown account types, and writes them in the background."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        """Begin with nothing counted."""
        self._pool = pool
        self._clock = clock
        self._good: Counter[Way] = Counter()
        self._bad: Counter[Way] = Counter()
        self._unknown: Counter[tuple[Operation, str]] = Counter()
        self._shown: set[str] = set()
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def report(self, channel: str, operation: Operation, verdict: Verdict) -> None:
        """Count an outcome. Returns at once."""
        (self._bad if is_bad(verdict) else self._good)[channel, operation] += 1
        self._soon()

    def unknown(self, operation: Operation, type_: str) -> None:
        """Count a request whose account type is in no table, and raise the alarm. Returns at once."""
        if len(self._shown) < _SHOWN_TYPES:
            self._shown.add(type_)
        named = type_ if type_ in self._shown else "other"
        self._unknown[operation, named] += 1
        UNKNOWN_TYPES.labels(operation.value, named).inc()
        self._soon()

    async def close(self) -> None:
        """Write what is counted, and stop."""
        self._closing.set()
        if self._writing is not None:
            await self._writing
        await self.flush()

    async def flush(self) -> None:
        """Write the counts. If the database does not answer, they are kept and written the next time."""
        good, self._good = self._good, Counter()
        bad, self._bad = self._bad, Counter()
        unknown, self._unknown = self._unknown, Counter()
        try:
            await self._write(good, bad, unknown)
        except AWAY as error:
            self._good += good
            self._bad += bad
            self._unknown += unknown
            log.warning("outcomes of channels could not be counted; kept for later", error=repr(error))

    def _soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._later())

    async def _later(self) -> None:
        while self._good or self._bad or self._unknown:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._closing.wait()
            await self.flush()
            if self._closing.is_set():
                return

    async def _write(
        self, good: Counter[Way], bad: Counter[Way], unknown: Mapping[tuple[Operation, str], int]
    ) -> None:
        ways = sorted(good.keys() | bad.keys())
        async with self._pool.acquire() as connection, connection.transaction():
            if ways:
                await self._count(connection, ways, {way: Count(good[way], bad[way]) for way in ways})
            for (operation, type_), asked in sorted(unknown.items()):
                now = self._clock.now()
                await connection.execute(queries.count_unknown, operation.value, type_, asked, now)
        for (operation, type_), asked in unknown.items():
            log.error(
                "account type in no table", operation=operation.value, account_type=type_, requests=asked
            )

    async def _count(
        self, connection: asyncpg.Connection, ways: Sequence[Way], fresh: Mapping[Way, Count]
    ) -> None:
        """Add to the current minute, then judge each breaker. Its row is locked first, so that no process judges on
        half the counts."""
        names = [channel for channel, _ in ways], [operation.value for _, operation in ways]
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        await connection.execute(queries.know_breakers, *names)
        held = await connection.fetch(queries.lock_breakers, *names)
        good, bad = [fresh[way].good for way in ways], [fresh[way].bad for way in ways]
        await connection.execute(queries.count, *names, good, bad, minute)
        rows = await connection.fetch(queries.rates, minute - WINDOW)
        window = {_way(row): Count(row["good"], row["bad"]) for row in rows}
        for row in held:
            way = _way(row)
            opened_at = judge(row["opened_at"], fresh[way], window[way], now)
            if opened_at != row["opened_at"]:
                await connection.execute(queries.set_breaker, row["channel"], row["operation"], opened_at)
                if opened_at is None:
                    await connection.execute(queries.forget_counts, row["channel"], row["operation"])
                _say(way, opened=opened_at is not None)
        await connection.execute(queries.forget_old, *names, now - _KEPT)


def _way(row: asyncpg.Record) -> Way:
    return row["channel"], Operation(row["operation"])


def _say(way: Way, *, opened: bool) -> None:
    what = "breaker opens" if opened else "breaker closes"
    log.warning(what, channel=way[0], operation=way[1].value)
