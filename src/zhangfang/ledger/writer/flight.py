"""A batch on its way into the database, behind the one before it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
import numpy as np

from zhangfang.ledger import wire
from zhangfang.ledger.model import Account
from zhangfang.ledger.wire import Op, Records
from zhangfang.ledger.writer.journal import Batch, Journal
from zhangfang.ledger.writer.lease import Lease


@dataclass(slots=True)
class Request:
    """A frame that waits for its answer. `fail` closes its connection; exactly one of both is called, once."""

    op: Op
    count: int
    reply: Callable[[Records], None]
    fail: Callable[[], None]
    asks: Records = field(default_factory=lambda: np.zeros(0, wire.TRANSFER))
    accounts: Sequence[Account] = ()
    ids: Sequence[bytes] = ()


class Overtaken(Exception):
    """A batch is not stored, because the one before it was not; both are decided again."""


class Flight:
    """One batch: decided, being stored, and then answered."""

    def __init__(
        self, requests: Sequence[Request], answers: Sequence[Records], batch: Batch, before: "Flight | None"
    ) -> None:
        """Answer `requests` with `answers` when `batch` is stored, which may not be before `before` is."""
        self.requests = requests
        self._answers = answers
        self._batch = batch
        self._before = before
        self._advanced = asyncio.Event()  # set when our transaction has updated `head`, or has ended
        self.stored = False
        self.task: asyncio.Task[None]

    def launch(
        self, journal: Journal, lease: Lease, lane: asyncpg.Connection, landed: Callable[[], None]
    ) -> None:
        """Begin to store the batch on a connection; `landed` is called at the end, good or bad."""
        self.task = asyncio.create_task(self._fly(journal, lease, lane, landed))

    async def _fly(
        self, journal: Journal, lease: Lease, lane: asyncpg.Connection, landed: Callable[[], None]
    ) -> None:
        try:
            if len(self._batch):
                began = lease.now()
                await journal.append(lane, self._batch, self._turn, self._advanced.set)
                lease.renewed(began)
            else:
                await self._all_before()
                await lease.assure(journal.epoch)
            self.stored = True
            self._before = None
            for request, answer in zip(self.requests, self._answers, strict=True):
                request.reply(answer)
        finally:
            self._advanced.set()
            landed()

    async def _turn(self) -> None:
        """Return when the batch before has updated `head`: our own update then waits in PostgreSQL for its commit."""
        if self._before:
            await self._before._advanced.wait()
            if self._before.task.done() and not self._before.stored:
                raise Overtaken("the batch before it was not stored")

    async def _all_before(self) -> None:
        """Return when the batch before is stored: an answer must not tell what may still be lost."""
        if self._before:
            await asyncio.wait([self._before.task])
            if not self._before.stored:
                raise Overtaken("the batch before it was not stored")
