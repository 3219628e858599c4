"""Which channel takes an order now: by the routing tables in force, without what people have stopped."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import asyncpg

from zhangfang.channels.port import Operation
from zhangfang.payments.model import OperationStopped
from zhangfang.payments.store import queries
from zhangfang.routing import Ask, Choice, Fate, Router

_STOPS_SECONDS = 1.0  # how long a stop switch may take to reach a process


@dataclass(slots=True)
class Gate:
    """Chooses channels, and refuses what is stopped. It reads the stop switches at most once a second."""

    pool: asyncpg.Pool
    router: Router
    _stops: frozenset[tuple[str, str]] = frozenset()
    _stops_read: float = 0.0
    _reading: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def check_open(self, channel: str, operation: Operation) -> None:
        """Raise `OperationStopped` if a person has stopped the operation."""
        await self.read_stops()
        self.check_stops(channel, operation)

    async def read_stops(self) -> None:
        """Read the stop switches again if they are older than a second. Concurrent callers share one read."""
        if not self._stops_are_old():
            return
        async with self._reading:
            if self._stops_are_old():
                rows = await self.pool.fetch(queries.stops)
                self._stops = frozenset((row["channel"], row["operation"]) for row in rows)
                self._stops_read = time.monotonic()

    def _stops_are_old(self) -> bool:
        return time.monotonic() - self._stops_read > _STOPS_SECONDS

    def check_stops(self, channel: str, operation: Operation) -> None:
        """Raise `OperationStopped` if the operation was stopped when `read_stops` last looked."""
        if (channel, operation.value) in self._stops:
            raise OperationStopped(f"{operation} on {channel} is stopped by an operator; try again later")

    async def choose(self, ask: Ask, tried: Collection[str] = ()) -> Choice:
        """Return the channel for an order, by the tables in force and the stop switches.

        Raises `OperationStopped` if a channel would take it, but is stopped or in trouble now.
        """
        await self.read_stops()
        stopped = {channel for channel, operation in self._stops if operation == ask.operation.value}
        choice = await self.router.choose(ask, {*tried, *stopped})
        if choice.fate in (Fate.REFUSE, Fate.PARK) and stopped:
            without = await self.router.choose(ask, tried)
            choice = without if without.fate is not Fate.GO else replace(without, fate=Fate.WAIT)
        if choice.fate is Fate.WAIT:
            reason = choice.reason or "stopped by an operator"
            raise OperationStopped(f"{ask.operation}: no channel takes it now ({reason}); try again later")
        return choice
