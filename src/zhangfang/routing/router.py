"""The router of a process. It keeps the tables and the channels' health in memory, at most one second old."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import replace

import asyncpg
import msgspec

from zhangfang.channels.port import Operation, Verdict
from zhangfang.kernel.clock import Clock
from zhangfang.routing import shape
from zhangfang.routing.breaker import LATELY, PROBES, REST, Count, Standing, clearly_worse, standing
from zhangfang.routing.decide import decide, in_no_row, spread
from zhangfang.routing.model import Ask, Choice, Fate, Health, Kind, Tables, Way
from zhangfang.routing.tally import Tally, queries

_FRESH_SECONDS = 1.0  # how long a release or a breaker may take to reach a process
_HUNDRED = 100


class Router:
    """Chooses channels by the live tables, and counts the outcomes."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, channels: Collection[str]) -> None:
        """`channels` are the ones that are set up."""
        self._pool = pool
        self._clock = clock
        self._tally = Tally(pool, clock)
        self._health = Health(frozenset(channels))
        self._half_open: frozenset[Way] = frozenset()
        self._sets: dict[int, Tables] = {}
        self._live = self._canary = 0
        self._share = 0
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def choose(self, ask: Ask, tried: Collection[str] = ()) -> Choice:
        """Return what happens to a request, and by which channel. `tried` are channels where it has failed already."""
        await self._look()
        tables = self._tables(ask)
        choice = decide(tables, self._health, ask, tried)
        while choice.fate is Fate.GO and not await self._may_probe((choice.channel, ask.operation)):
            choice = decide(tables, self._health, ask, tried)
        if choice.fate in (Fate.PARK, Fate.REFUSE) and in_no_row(tables, ask):
            self._tally.unknown(ask.operation, str(ask.type or ""))
        return choice

    def report(self, channel: str, operation: Operation, verdict: Verdict) -> None:
        """Count an outcome. Returns at once; all processes see it within two seconds."""
        self._tally.report(channel, operation, verdict)

    async def flush(self) -> None:
        """Write the counted outcomes now."""
        await self._tally.flush()

    async def close(self) -> None:
        """Write the counted outcomes, and stop."""
        await self._tally.close()

    async def refresh(self) -> None:
        """Read the live tables and the channels' health now."""
        now = self._clock.now()
        async with self._pool.acquire() as connection:
            at = await connection.fetchrow(queries.standing)
            breakers = await connection.fetch(queries.breakers)
            rates = await connection.fetch(queries.rates, now - LATELY)
        await self._learn(at["live"])
        await self._learn(at["canary"] or 0)
        self._live, self._canary, self._share = at["live"], at["canary"] or 0, at["share"]
        found = {_way(row): standing(row["opened_at"], now) for row in breakers}
        self._half_open = frozenset(way for way, one in found.items() if one is Standing.HALF_OPEN)
        self._health = replace(
            self._health,
            open=frozenset(way for way, one in found.items() if one is Standing.OPEN),
            worse=frozenset(_way(row) for row in rates if clearly_worse(Count(row["good"], row["bad"]))),
        )
        self._read_at = time.monotonic()

    async def _look(self) -> None:
        """Refresh if the state is too old. Concurrent callers share one read."""
        if self._is_old():
            async with self._reading:
                if self._is_old():
                    await self.refresh()

    def _is_old(self) -> bool:
        return time.monotonic() - self._read_at > _FRESH_SECONDS

    def _tables(self, ask: Ask) -> Tables:
        """Return the table set that decides: the canary for its share of the keys (always the same keys), else the
        live one."""
        canary = spread(ask.key, _HUNDRED, "canary") < self._share
        return self._sets[self._canary if canary else self._live]

    async def _learn(self, version: int) -> None:
        if version not in self._sets:
            self._sets[version] = await table_set(self._pool, version)

    async def _may_probe(self, way: Way) -> bool:
        """Whether a request may go: yes, unless the breaker is half open and all its probes are used."""
        if way not in self._half_open:
            return True
        now = self._clock.now()
        channel, operation = way
        got = await self._pool.fetchval(
            queries.claim_probe, channel, operation.value, now - REST, now, PROBES
        )
        if got is None:
            self._half_open -= {way}
            self._health = replace(self._health, open=self._health.open | {way})
        return got is not None


async def table_set(pool: asyncpg.Pool, version: int) -> Tables:
    """Return the tables of a set. Release 0 of a kind is the table that ships."""
    row = await pool.fetchrow(queries.table_set, version)
    routes = _rows(Kind.ROUTES, row["route_rows"])
    return shape.tables(version, routes, _rows(Kind.ACCOUNT_TYPES, row["type_rows"]))


def _rows(kind: Kind, held: str | None) -> list[shape.Row]:
    return msgspec.json.decode(held) if held else shape.read(kind, shape.shipped_text(kind))


def _way(row: asyncpg.Record) -> Way:
    return row["channel"], Operation(row["operation"])
