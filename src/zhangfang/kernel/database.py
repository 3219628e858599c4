"""Connections to PostgreSQL, and a way to gather concurrent rows into one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import asyncpg

Row = TypeVar("Row")
Done = TypeVar("Done")


AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The errors of a database that is away. A time-out is an OSError; asyncpg's internal error comes if it dies during a
statement."""


async def connect(url: str, size: int = 16) -> asyncpg.Pool:
    """Open a pool of at most `size` connections, which keep their prepared statements.

    The pool does not reset a released connection: that costs a round trip, and no code here changes session state. A plan
    is kept with its connection: without `enable_seqscan` off, one made on an almost empty table would read all of it while
    it grows.
    """
    return await asyncpg.create_pool(
        url, min_size=1, max_size=size, reset=_keep, server_settings={"enable_seqscan": "off"}
    )


async def _keep(connection: Any) -> None:
    """Leave a released connection as it is."""


class Gatherer(Generic[Row, Done]):
    """Gathers the rows of concurrent callers into one statement: one commit for many.

    There is no timer. A single row is flushed at once; rows that come during a flush wait for the next one. If the
    database refuses one row, all rows of the flush are flushed again one by one, so that only that row fails.
    """

    def __init__(self, flush: Callable[[Sequence[Row]], Awaitable[Sequence[Done]]], most: int = 512) -> None:
        """Take `flush`, which stores up to `most` rows and returns their results in order after its commit."""
        self._flush = flush
        self._most = most
        self._waiting: list[tuple[Row, asyncio.Future[Done]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, row: Row) -> Done:
        """Flush `row` and return its result, or raise the database's error about it."""
        done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await done

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._write(batch)

    async def _write(self, batch: list[tuple[Row, asyncio.Future[Done]]]) -> None:
        try:
            results = await self._flush([row for row, _ in batch])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for one in batch:
                await self._write([one])
        except Exception as error:
            _fail(batch, error)
        else:
            for (_, done), result in zip(batch, results, strict=True):
                if not done.done():
                    done.set_result(result)


def _fail(batch: Sequence[tuple[Any, asyncio.Future[Any]]], error: Exception) -> None:
    for _, done in batch:
        if not done.done():
            done.set_exception(error)
