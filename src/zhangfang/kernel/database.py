"""Connections to PostgreSQL, and a way to gather concurrent rows into one statement. Every wait here has an end."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import asyncpg
import structlog

from zhangfang.kernel.errors import Busy

log = structlog.get_logger()

COMMAND_S = 60.0  # for a statement; then it is cancelled, and raises TimeoutError
CONNECTION_S = 10.0  # for a free connection
WAITING = 4_096  # rows that may wait in one gatherer
REPEATS = 5  # of a transaction that PostgreSQL ended
Row = TypeVar("Row")
Done = TypeVar("Done")
Made = TypeVar("Made")


AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The errors of a database that is away. A time-out is an OSError; asyncpg's internal error comes if it dies during a
statement."""


async def connect(url: str, size: int = 16) -> asyncpg.Pool:
    """Open a pool of at most `size` connections, which keep their prepared statements.

    The pool does not reset a released connection: that costs a round trip, and no code here changes session state. A plan
    is kept with its connection: without `enable_seqscan` off, one made on an almost empty table would read all of it while
    it grows. A statement takes at most `COMMAND_S`. Who finds no free connection within `CONNECTION_S` gets `Busy`.
    """
    return await _Pool(
        url, min_size=1, max_size=size, reset=_keep, command_timeout=COMMAND_S,
        server_settings={"enable_seqscan": "off"},
        max_queries=50_000, max_inactive_connection_lifetime=300.0, loop=None,
        connection_class=asyncpg.Connection, record_class=asyncpg.Record,
    )  # fmt: skip


async def _keep(connection: Any) -> None:
    """Leave a released connection as it is."""


class _Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg has no types
    """A pool in which nobody waits for ever. A timer costs a task, so there is one only if no connection is free."""

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's own
        if timeout is None and self.get_idle_size() == 0:
            timeout = CONNECTION_S
        try:
            return await super()._acquire(timeout)
        except TimeoutError:
            raise Busy(f"database: no connection was free within {timeout} s; try again later") from None


async def repeated(work: Callable[[], Awaitable[Made]]) -> Made:
    """Do `work`, which is one transaction, again if PostgreSQL ended it to dissolve a deadlock or to keep an order.

    Nothing of it was stored then. Rows are locked in one order, so this is rare; after `REPEATS` the error is raised.
    """
    for repeat in range(REPEATS):
        try:
            return await work()
        except asyncpg.TransactionRollbackError as error:
            log.warning("a transaction is repeated", error=type(error).__name__, repeat=repeat + 1)
            await asyncio.sleep(0.01 * 2**repeat * random.uniform(0.5, 1.5))
    return await work()


class Gatherer(Generic[Row, Done]):
    """Gathers the rows of concurrent callers into one statement: one commit for many.

    There is no timer. A single row is flushed at once; rows that come during a flush wait for the next one. If the
    database refuses one row, all rows of the flush are flushed again one by one, so that only that row fails. At most
    `WAITING` rows wait.
    """

    def __init__(self, flush: Callable[[Sequence[Row]], Awaitable[Sequence[Done]]], most: int = 512) -> None:
        """Take `flush`, which stores up to `most` rows and returns their results in order after its commit."""
        self._flush = flush
        self._most = most
        self._waiting: list[tuple[Row, asyncio.Future[Done]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, row: Row) -> Done:
        """Flush `row` and return its result, or raise the database's error about it, or `Busy` without taking it."""
        if len(self._waiting) >= WAITING:
            raise Busy(f"database: {WAITING} rows wait to be stored or read; try again later")
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
            results = await repeated(lambda: self._flush([row for row, _ in batch]))
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
