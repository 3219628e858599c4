"""The bank's pace: the gap between two enquiries, and how long a caller may wait for its turn.

The bank wants at least 2 s between two enquiries of an enterprise [V] and, by one public client, 10 s between statements
of one account [V]. The gap is counted from the end of the call before, whether it was answered or not, so network
delays never bring two enquiries closer together at the bank. Time is the machine's, not the business clock's. Payments
do not wait for a turn. The pace is kept within one process, so only one process may ask the bank. It begins with a
gap, because an earlier process may have asked just before it died.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from zhangfang.channels.port import ChannelError


class NotAsked(ChannelError):
    """The queue is longer than the caller may wait: nothing was sent."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("not asked: queue")


class Pace:
    """Turns at least `gap` seconds apart, first come first served. With a gap of 0 nobody waits."""

    def __init__(
        self,
        gap: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`now` and `sleep` are in seconds of the machine's clock. The first turn comes after a gap."""
        self._gap = gap
        self._now = now
        self._sleep = sleep
        self._free_at = now() + gap
        self._ahead = 0
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, patience: float) -> AsyncIterator[None]:
        """Hold the next turn. Raises `NotAsked` if it does not come in `patience` seconds; at once if that is certain."""
        if not self._gap:
            yield
            return
        if max(self._free_at - self._now(), self._ahead * self._gap) > patience:
            raise NotAsked
        self._ahead += 1
        try:
            await self._reach(patience)
            try:
                yield
            finally:
                self._free_at = self._now() + self._gap
                self._turn.release()
        finally:
            self._ahead -= 1

    async def _reach(self, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                await self._turn.acquire()
                try:
                    if (wait := self._free_at - self._now()) > 0:
                        await self._sleep(wait)
                except BaseException:
                    self._turn.release()
                    raise
        except TimeoutError:
            raise NotAsked from None
