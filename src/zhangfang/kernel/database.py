"""Connections to PostgreSQL, and the gathering of concurrent statements into one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import asyncpg

Row = TypeVar("Row")
Done = TypeVar("Done")


AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a database that is away looks like: a time-out is an OSError, and asyncpg has a third name for one that dies in
the middle of a statement."""


async def connect(url: str, size: int = 16) -> asyncpg.Pool:
    """Open a pool of at most `size` connections with prepared statements kept.

    The pool's reset of a connection costs a round trip on each release; nothing here leaves session state behind, so
    it is left out.
    """
    return await asyncpg.create_pool(url, min_size=1, max_size=size, reset=_keep)


async def _keep(connection: Any) -> None:
    """Leave a returned connection as it is."""


class Gatherer(Generic[Row, Done]):
    """Gathers the rows of concurrent callers into one statement: one commit for many.

    There is no timer. While one flush runs, the next collects; alone, a row goes at once. A row that the database
    refuses fails alone: its companions are flushed again one by one.
    """

    def __init__(self, flush: Callable[[Sequence[Row]], Awaitable[Sequence[Done]]], most: int = 512) -> None:
        """`flush` takes rows and returns as many results, in order, after its commit."""
        self._flush = flush
        self._most = most
        self._waiting: list[tuple[Row, asyncio.Future[Done]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, row: Row) -> Done:
        """Have `row` flushed and return its result, or raise what the database said of it."""
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
