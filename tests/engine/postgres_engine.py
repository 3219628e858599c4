"""The project's own engine for the suite: client, socket, writer and PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from tests.clock import SetClock
from tests.engine.engine import Capability, Engine
from tests.ledger import Running, running
from zhangfang.ledger import LedgerClient


class PostgresEngine(LedgerClient):
    """A client that can also stop and start the writer it talks to, and move its clock."""

    lacks: frozenset[Capability] = frozenset()

    def __init__(self, database_url: str, socket: Path) -> None:
        """Talk over `socket` to a writer on the migrated database at `database_url`."""
        super().__init__(socket)
        self._database_url = database_url
        self._socket = socket
        self._clock = SetClock()
        self._writer: Running | None = None

    def now(self) -> datetime:
        """Return the writer's time."""
        return self._clock.now()

    async def advance(self, seconds: float) -> None:
        """Move the writer's clock."""
        self._clock.advance(seconds=seconds)

    async def restart(self, *, clean: bool = True) -> None:
        """Stop the writer, if there is one, and start the next."""
        await self.stop(clean=clean)
        self._writer = running(self._database_url, self._socket, self._clock)

    async def stop(self, *, clean: bool = True) -> None:
        """Stop the writer."""
        if self._writer:
            await self._writer.stop(clean=clean)
            self._writer = None


@asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Engine]:
    """Give an empty engine on a migrated database, with its socket in `folder`."""
    engine = PostgresEngine(database_url, folder / "l.sock")
    async with engine:
        await engine.restart()
        try:
            yield engine
        finally:
            await engine.stop()
