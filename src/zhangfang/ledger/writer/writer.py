"""The one writer of a shard: takes what has come, decides it in memory, commits it, and only then answers.

While one batch is being stored the next ones are decided and begin to be stored on connections of their own; `head`
passes from one to the next, so that the order of decisions is the order of commits. When a commit fails, or its answer
is lost, memory cannot be trusted. The writer then raises its own epoch: after that the lost commit has happened, or it
never will. It reads memory back and decides the same requests again; what was committed is found by its id.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import asyncpg
import numpy as np
import structlog

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import AWAY
from zhangfang.ledger import wire
from zhangfang.ledger.engine.checks import DecisionBroken
from zhangfang.ledger.engine.rules import CLOSE_PERIOD
from zhangfang.ledger.engine.state import State
from zhangfang.ledger.model import Account, Result
from zhangfang.ledger.wire import MAX_COUNT, Op, Records
from zhangfang.ledger.writer import history, loading, sealing
from zhangfang.ledger.writer.checkpoint import Checkpoint, CheckpointMoved
from zhangfang.ledger.writer.flight import Flight, Request
from zhangfang.ledger.writer.journal import Batch, Fenced, Journal, UnsafeDatabase, connect, with_raw_ids
from zhangfang.ledger.writer.lease import Lease, session_name
from zhangfang.ledger.writer.telling import told

TICK_S = 0.05  # how often an idle writer looks for timeouts
CHECKPOINT_S = 10
CHECKPOINT_ENTRIES = 1_000_000
PIPELINE_FROM = 1_024  # waiting records that make another batch; fewer wait until the batch before is stored
RECONNECT_S = 0.2
READERS = 4
LANES = 4  # batches in flight, each on a connection of its own
A_DAY = 86_400_000_000

_log = structlog.get_logger()


class Writer:
    """The writer of one shard. `start`, then `run` until `stop`; `submit` may be called any time."""

    def __init__(self, database_url: str, clock: Clock, shard: int, owner_url: str = "") -> None:
        """Write the books of `shard` in the database at `database_url`, at the time of `clock`.

        Sealed months get their indexes by `owner_url`: only an owner may make one.
        """
        self._url, self._owner_url = database_url, owner_url or database_url
        self._clock = clock
        self._shard = shard
        self._queue: deque[Request] = deque()
        self._waiting = 0  # records in the queue
        self._wake = asyncio.Event()
        self._stopping = False
        self._flights: deque[Flight] = deque()
        self._checkpoint: asyncio.Task[None] | None = None
        self._checkpoint_due = 0.0
        self._moved: CheckpointMoved | None = None  # another checkpoint is stored than memory knows
        self._sealing: asyncio.Task[None] | None = None
        self._months_until = 0
        self._journal: Journal
        self._state: State
        self._lease = Lease(database_url, shard)
        self._readers = asyncpg.create_pool(
            database_url, min_size=0, max_size=READERS, init=with_raw_ids, command_timeout=60,
            server_settings={"application_name": session_name(shard)},
        )  # fmt: skip
        self._lanes: list[asyncpg.Connection] = []

    async def start(self) -> None:
        """Stand by until nobody else writes the shard, take it over and read memory back.

        Raises `UnsafeDatabase`, `HistoryDiffers`, or what the connection raises.
        """
        await self._readers
        await (await connect(self._url)).close()  # an unsafe database is refused before anybody waits for it
        await self._lease.stand_by()
        await self._take_over(None)
        _log.info("ledger ready", shard=self._shard, epoch=self._journal.epoch, seq=self._state.seq)

    def submit(self, request: Request) -> None:
        """Queue a request; it is answered after the commit of its batch."""
        self._queue.append(request)
        self._waiting += request.count
        self._wake.set()

    async def read(self, op: Op, asked: Records) -> Records:
        """Answer a question about committed history, beside the loop."""
        async with self._readers.acquire() as connection:
            return await history.read(connection, self._shard, op, asked)

    def stop(self) -> None:
        """Make `run` return after the batches in flight."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Decide and commit until `stop`. Raises `Fenced` when another writer has taken over."""
        ticker = asyncio.create_task(self._tick())
        try:
            while not self._stopping:
                await self._wake.wait()
                self._wake.clear()
                await self._work()
                if not self._flights:
                    await self._when_idle()
            while self._flights:
                await self._land()
            await self._last_checkpoint()
        finally:
            ticker.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._wake.set()

    async def _when_idle(self) -> None:
        try:
            await self._lease.keep(self._journal.epoch)
        except AWAY as error:
            _log.warning("ledger waits for its database", shard=self._shard, error=_kind(error))
        self._note_checkpoint()

    # --- batches -----------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Decide what has come and send it on its way, as long as there is room for another batch."""
        while not self._stopping:
            if self._moved:
                moved, self._moved = self._moved, None
                await self._fail(moved)
            elif self._flights and self._flights[0].task.done():
                await self._land()
            elif not self._queue and not self._state.due(wire.micros(self._clock.now())):
                return
            elif len(self._flights) == LANES or (self._flights and self._waiting < PIPELINE_FROM):
                await self._land()
            else:
                batch = self._drain()
                try:
                    self._flights.append(await self._launch(batch))
                except Exception as error:
                    await self._fail(error, batch)
                self._note_checkpoint()

    def _drain(self) -> list[Request]:
        """Take requests of up to 8,192 records together; never wait for more."""
        batch: list[Request] = []
        count = 0
        while self._queue and (not batch or count + self._queue[0].count <= MAX_COUNT):
            batch.append(self._queue.popleft())
            count += batch[-1].count
        self._waiting -= count
        return batch

    async def _land(self) -> None:
        """Wait for the first batch in flight."""
        flight = self._flights[0]
        await asyncio.wait([flight.task])
        error = flight.task.exception()
        if error:
            await self._fail(error)
        else:
            self._flights.popleft()

    async def _fail(self, error: BaseException, *more: Sequence[Request]) -> None:
        """Nothing in memory is to be trusted now: read it back, and decide again all that was not stored."""
        flights, self._flights = self._flights, deque()
        if flights:
            await asyncio.wait([flight.task for flight in flights])
        errors = [error, *(flight.task.exception() for flight in flights)]
        if final := next((one for one in errors if isinstance(one, (Fenced, DecisionBroken))), None):
            raise final
        _log.warning("batch failed", shard=self._shard, error=_kind(error))
        await self._recover()
        for batch in (*(flight.requests for flight in flights if not flight.stored), *more):
            await self._settle(batch)

    async def _settle(self, batch: Sequence[Request]) -> None:
        """Store a batch on its own. If that fails again, halve it until the request that fails is alone."""
        try:
            flight = await self._launch(batch)
            await flight.task
        except (Fenced, DecisionBroken):
            raise
        except Exception as error:
            _log.warning("batch failed", shard=self._shard, requests=len(batch), error=_kind(error))
            await self._recover()
            if len(batch) > 1:
                await self._settle(batch[: len(batch) // 2])
                await self._settle(batch[len(batch) // 2 :])
            elif batch:
                _log.error("request cannot be stored", shard=self._shard, op=batch[0].op.name)
                batch[0].fail()

    async def _launch(self, batch: Sequence[Request]) -> Flight:
        """Decide a batch and begin to store it; nobody sees an answer before it is stored."""
        state, now = self._state, self._clock.now()
        if wire.micros(now) >= self._months_until:
            await self._open_months(now)
        asks = np.concatenate([request.asks for request in batch]) if batch else np.zeros(0, wire.TRANSFER)
        ids, pendings = state.unknown(asks)
        if ids or pendings:
            async with self._readers.acquire() as connection:
                state.recall(*await loading.lookup(connection, state, ids, pendings))
        opened = [self._open(request.accounts) for request in batch]
        decision = state.decide(asks, [len(request.asks) for request in batch], wire.micros(now))
        closes = bool((decision.rows["flags"] & CLOSE_PERIOD).any())
        closed = wire.to_date(state.closed_through) if closes else None
        accounts = list(chain.from_iterable(new for _, new in opened))
        stored = Batch(accounts, decision, state.at, state.seq, closed)
        answers = self._answers(batch, [results for results, _ in opened], decision.answers)
        flight = Flight(batch, answers, stored, self._flights[-1] if self._flights else None)
        self._lanes.append(self._lanes.pop(0))
        flight.launch(self._journal, self._lease, self._lanes[0], self._wake.set)
        return flight

    def _open(self, accounts: Sequence[Account]) -> tuple[Records, list[Account]]:
        results = self._state.open(accounts)
        new = [one for one, result in zip(accounts, results, strict=True) if result is Result.CREATED]
        return np.array([(result, 0) for result in results], wire.RESULT), new

    def _answers(
        self, batch: Sequence[Request], opened: Sequence[Records], answers: Records
    ) -> list[Records]:
        made, first = [], 0
        for request, results in zip(batch, opened, strict=True):
            match request.op:
                case Op.CREATE_ACCOUNTS:
                    made.append(results)
                case Op.CREATE_TRANSFERS:
                    made.append(answers[first : first + len(request.asks)])
                    first += len(request.asks)
                case _:
                    made.append(told(self._state, self._journal.epoch, request))
        return made

    # --- memory, the fence and the checkpoint ------------------------------------------------------------------

    async def _take_over(self, own: int | None) -> None:
        """Connect, raise the epoch (only from `own`, if given) and read memory back."""
        for lane in self._lanes:
            lane.terminate()
        self._lanes = [await connect(self._url, session_name(self._shard)) for _ in range(LANES)]
        self._journal = await Journal.take_over(self._lanes[0], self._shard, self._lease.holder, own)
        self._state = await loading.load(self._lanes[0], self._shard)
        await self._open_months(self._clock.now())
        await self._lease.assure(self._journal.epoch)

    async def _open_months(self, now: datetime) -> None:
        """Open the months ahead and seal those behind; looked at once a day."""
        moment = max(now, wire.to_moment(self._state.at))
        async with self._readers.acquire() as connection:
            unfinished = await sealing.mark(connection, moment)
            self._state.months = await self._journal.open_months(connection, moment)
        if unfinished and (self._sealing is None or self._sealing.done()):
            self._sealing = asyncio.create_task(sealing.finish(self._owner_url, unfinished))
        self._months_until = wire.micros(now) + A_DAY

    async def _recover(self) -> None:
        """Connect again, settle what a lost commit came to, and read memory back; as long as it takes."""
        if self._checkpoint and not self._checkpoint.done():
            self._checkpoint.cancel()
            await asyncio.wait([self._checkpoint])
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
        """Every ten seconds, or a million entries: note what changed, and have it written beside the loop."""
        busy = self._checkpoint is not None and not self._checkpoint.done()
        entries, now = len(self._state.tail), self._lease.now()
        if not busy and (entries >= CHECKPOINT_ENTRIES or (entries and now >= self._checkpoint_due)):
            self._checkpoint_due = now + CHECKPOINT_S
            noted = Checkpoint.take(self._state)
            self._checkpoint = asyncio.create_task(
                self._write_checkpoint(noted, self._state, list(self._flights))
            )

    async def _write_checkpoint(self, noted: Checkpoint, state: State, flights: Sequence[Flight]) -> None:
        if flights:
            await asyncio.wait([flight.task for flight in flights])
        if not all(flight.stored for flight in flights):
            return  # memory is thrown away, and read back as of what is stored
        try:
            async with self._readers.acquire() as connection:
                await noted.write(connection)
            state.paged = noted.seq
        except CheckpointMoved as error:
            self._moved = error
            self._wake.set()
        except AWAY as error:
            noted.put_back(state)
            _log.warning("checkpoint put off", shard=self._shard, error=_kind(error))

    async def _last_checkpoint(self) -> None:
        if self._checkpoint:
            await asyncio.wait([self._checkpoint])  # it may have been cancelled by a recovery
        await self._write_checkpoint(Checkpoint.take(self._state), self._state, ())

    async def close(self) -> None:
        """Drop every connection. What was not answered is decided again by the next writer."""
        for lane in self._lanes:
            lane.terminate()
        self._readers.terminate()
        tasks = [flight.task for flight in self._flights]
        tasks += [task for task in (self._checkpoint, self._sealing) if task and not task.done()]
        if tasks:  # most end by themselves now, without asking the database to stop for them
            await asyncio.wait(tasks, timeout=1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lease.close()


def _kind(error: BaseException) -> str:
    """Name an error without its words: a database's detail quotes what was stored."""
    return type(error).__name__
