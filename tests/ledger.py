"""A ledger for a test: the real writer on its socket, in the test's own loop, started and stopped at will."""

import asyncio
import contextlib
from pathlib import Path

from zhangfang.kernel.clock import Clock
from zhangfang.ledger.writer import server
from zhangfang.ledger.writer.writer import Writer


class Running:
    """A writer that serves its socket until it is stopped."""

    def __init__(self, writer: Writer, task: asyncio.Task[None]) -> None:
        """Hold what `running` started."""
        self.writer = writer
        self.task = task

    async def stop(self, *, clean: bool = True) -> None:
        """End it as SIGTERM does, or (not `clean`) with nothing written down any more."""
        if clean:
            self.writer.stop()
            await self.task
        else:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        await _statements_are_cancelled()


async def _statements_are_cancelled() -> None:
    """Return when the driver has told the database of statements that were under way, so that no loop ends before."""
    while telling := [one for one in asyncio.all_tasks() if "Connection._cancel" in repr(one.get_coro())]:
        await asyncio.wait(telling)


def running(database_url: str, socket: Path, clock: Clock, shard: int = 0) -> Running:
    """Start a ledger. A client waits by itself until it listens."""
    writer = Writer(database_url, clock, shard)
    return Running(writer, asyncio.create_task(server.serve(writer, socket, shard)))
