"""The one writer of a shard: takes what has come, decides it in memory, commits it, and only then answers.

While a batch commits, the next collects. There is one batch in flight and one loop, so the order of decisions is the
order of commits. When a commit fails, or its answer is lost, memory proves nothing: the writer raises its own epoch
(after which the lost commit has happened or never will), reads memory back and decides the same requests again; what
had been committed is then found under its id.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import asyncpg
import numpy as np
import structlog

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import AWAY
from zhangfang.ledger import history, wire
from zhangfang.ledger.journal import Checkpoint, Fenced, Journal, UnsafeDatabase, connect, with_raw_ids
from zhangfang.ledger.model import Account, Result
from zhangfang.ledger.state import Answer, State
from zhangfang.ledger.wire import MAX_COUNT, Ask, Op, Records

TICK_S = 0.05  # how often an idle writer looks for timeouts
CHECKPOINT_TICKS = 20
RECONNECT_S = 0.2
READERS = 4

_log = structlog.get_logger()


@dataclass(slots=True)
class Request:
    """A frame that waits for its answer. `fail` closes its connection; exactly one of both is called, once."""

    op: Op
    count: int
    reply: Callable[[Records], None]
    fail: Callable[[], None]
    asks: Sequence[Ask] = ()
    accounts: Sequence[Account] = ()
    ids: Sequence[bytes] = ()


class Writer:
    """The writer of one shard. `start`, then `run` until `stop`; `submit` may be called any time."""

    def __init__(self, database_url: str, clock: Clock, shard: int) -> None:
        """Write the books of `shard` in the database at `database_url`, at the time of `clock`."""
        self._url = database_url
        self._clock = clock
        self._shard = shard
        self._queue: deque[Request] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._checkpoint: asyncio.Task[None] | None = None
        self._checkpoint_due = False
        self._months_until = 0
        self._journal: Journal
        self._state: State
        self._readers = asyncpg.create_pool(
            database_url, min_size=0, max_size=READERS, init=with_raw_ids, command_timeout=60
        )
        self._connection: asyncpg.Connection | None = None

    async def start(self) -> None:
        """Take over the shard and read memory back. Raises `UnsafeDatabase`, or what the connection raises."""
        await self._readers
        await self._take_over(None)
        _log.info("ledger ready", shard=self._shard, epoch=self._journal.epoch, seq=self._state.seq)

    def submit(self, request: Request) -> None:
        """Queue a request; it is answered after the commit of its batch."""
        self._queue.append(request)
        self._wake.set()

    async def read(self, op: Op, asked: Records) -> Records:
        """Answer a question about committed history, beside the loop."""
        async with self._readers.acquire() as connection:
            return await history.read(connection, self._shard, op, asked)

    def stop(self) -> None:
        """Make `run` return after the batch in flight."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Decide and commit until `stop`. Raises `Fenced` when another writer has taken over."""
        ticker = asyncio.create_task(self._tick())
        try:
            while not self._stopping:
                await self._wake.wait()
                self._wake.clear()
                while (self._queue or self._state.due(self._clock.now())) and not self._stopping:
                    await self._settle(self._drain())
                self._note_checkpoint()
            await self._last_checkpoint()
        finally:
            ticker.cancel()

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            if ticks % CHECKPOINT_TICKS == 0:
                self._checkpoint_due = True
            self._wake.set()

    def _drain(self) -> list[Request]:
        """Take requests of up to 8,192 records together; never wait for more."""
        batch: list[Request] = []
        count = 0
        while self._queue and (not batch or count + self._queue[0].count <= MAX_COUNT):
            batch.append(self._queue.popleft())
            count += batch[-1].count
        return batch

    async def _settle(self, batch: list[Request]) -> None:
        """Commit a batch and answer it. One that fails twice is halved until the culprit stands alone."""
        for _ in range(2):
            try:
                answers = await self._commit(batch)
            except Fenced:
                raise
            except Exception as error:  # whatever it was, memory is not to be trusted after it
                _log.warning("batch failed", shard=self._shard, requests=len(batch), error=_kind(error))
                await self._recover()
            else:
                for request, answer in zip(batch, answers, strict=True):
                    request.reply(answer)
                self._note_checkpoint()
                return
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._settle(batch[:middle])
            await self._settle(batch[middle:])
        elif batch:
            _log.error("request cannot be stored", shard=self._shard, op=batch[0].op.name)
            batch[0].fail()

    async def _commit(self, batch: list[Request]) -> list[Records]:
        """Decide a batch and commit it; return the answers, which nobody may see before."""
        state, journal = self._state, self._journal
        now = self._clock.now()
        if wire.micros(now) >= self._months_until:
            await self._open_months(now)
        asks = [request.asks for request in batch]
        ids, pendings = state.unknown(asks)
        if ids or pendings:
            state.recall(*await journal.lookup(ids, pendings))
        opened = [self._open(request.accounts) for request in batch]
        decision = state.decide(asks, now)
        accounts = list(chain.from_iterable(new for _, new in opened))
        if accounts or decision.rows or decision.refusals:
            await journal.append(accounts, decision, state.at, state.seq)
        return [
            self._answer(request, results, answers)
            for request, (results, _), answers in zip(batch, opened, decision.answers, strict=True)
        ]

    def _open(self, accounts: Sequence[Account]) -> tuple[list[Answer], list[Account]]:
        results = [self._state.open(account, account.id.bytes) for account in accounts]
        new = [one for one, result in zip(accounts, results, strict=True) if result is Result.CREATED]
        return [(result, 0) for result in results], new

    def _answer(self, request: Request, opened: list[Answer], answers: list[Answer]) -> Records:
        state = self._state
        held = [state.accounts[id_] for id_ in request.ids if id_ in state.accounts]
        match request.op:
            case Op.CREATE_ACCOUNTS:
                return np.array(opened, wire.RESULT)
            case Op.CREATE_TRANSFERS:
                return np.array(answers, wire.RESULT)
            case Op.LOOKUP_ACCOUNTS:
                fields = [
                    (one.book, one.code, one.subject.encode(), one.flags, one.limit, self._shard)
                    for one in held
                ]
                return np.array(fields, wire.ACCOUNT)
            case Op.ACCOUNT_BALANCES:
                return np.array([(one.id, *one.figures()[1:], state.seq) for one in held], wire.BALANCE)
            case _:
                at = wire.micros(state.at)
                sizes = (len(state.accounts), len(state.pendings))
                return np.array([(self._shard, self._journal.epoch, state.seq, at, *sizes)], wire.STATUS)

    # --- memory, the fence and the checkpoint ------------------------------------------------------------------

    async def _take_over(self, own: int | None) -> None:
        """Connect, raise the epoch (only from `own`, if given) and read memory back."""
        if self._connection:
            self._connection.terminate()
        self._connection = await connect(self._url)
        self._journal = await Journal.take_over(self._connection, self._shard, own)
        self._state = await self._journal.load()
        await self._open_months(self._clock.now())

    async def _open_months(self, now: datetime) -> None:
        self._state.months = await self._journal.open_months(max(now, self._state.at))
        self._months_until = wire.micros(now) + 86_400_000_000  # looked at once a day

    async def _recover(self) -> None:
        """Connect again, settle what a lost commit came to, and read memory back; as long as it takes."""
        while True:
            try:
                await self._take_over(self._journal.epoch)
            except (Fenced, UnsafeDatabase):
                raise
            except AWAY as error:
                _log.warning("ledger waits for its database", shard=self._shard, error=_kind(error))
                await asyncio.sleep(RECONNECT_S)
                if self._stopping:
                    raise
            else:
                return

    def _note_checkpoint(self) -> None:
        """Once a second, between two batches: note the balances, and have them written beside the loop."""
        busy = self._checkpoint is not None and not self._checkpoint.done()
        if self._checkpoint_due and not busy and self._state.touched:
            self._checkpoint_due = False
            noted = Checkpoint.take(self._state)
            self._checkpoint = asyncio.create_task(self._write_checkpoint(noted, self._state))

    async def _write_checkpoint(self, noted: Checkpoint, state: State) -> None:
        try:
            async with self._readers.acquire() as connection:
                await noted.write(connection)
        except AWAY as error:
            state.touched.update(id_ for id_, *_ in noted.accounts)
            _log.warning("checkpoint put off", shard=self._shard, error=_kind(error))

    async def _last_checkpoint(self) -> None:
        if self._checkpoint:
            await self._checkpoint
        await self._write_checkpoint(Checkpoint.take(self._state), self._state)

    async def close(self) -> None:
        """Drop every connection; what was not answered is decided again by whoever comes next."""
        if self._connection:
            self._connection.terminate()
        if self._checkpoint and not self._checkpoint.done():
            self._checkpoint.cancel()
            await asyncio.wait([self._checkpoint])
        self._readers.terminate()


def _kind(error: Exception) -> str:
    """Name an error without its words: a database's detail quotes what was stored."""
    return type(error).__name__
