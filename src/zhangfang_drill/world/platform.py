"""The platform in this process: API, drivers and ledger writer as mortal processes on a real database and real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import cache

import aiohttp
import asyncpg
import uvicorn
from cryptography.hazmat.primitives import serialization

from zhangfang.api import build_app
from zhangfang.assembly.house import answers, unix_answers
from zhangfang.assembly.parts import day_of, open_desk
from zhangfang.assembly.processes import jobs
from zhangfang.closing import timetable
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job, run_due
from zhangfang.kernel.settings import Settings
from zhangfang.ledger.writer import server
from zhangfang.ledger.writer.writer import Writer
from zhangfang.payments import Desk
from zhangfang.payments.course import steps
from zhangfang_drill.world.clock import StandingClock
from zhangfang_drill.world.mortal import Mortal

API, WORK, LEDGER = "serve", "work", "ledger"
PROCESSES = (API, WORK, LEDGER)
START_SECONDS = 20.0
POOL = 6


# Reading a key checks its primes, which takes most of a process's start: each key is read once for all restarts.
serialization.load_pem_private_key = cache(serialization.load_pem_private_key)  # type: ignore[assignment]


class Settled(Settings):
    """Settings with the simulation's clock."""

    def clock(self) -> Clock:
        """Return the standing clock of this home folder."""
        return CLOCKS[str(self.home)]


CLOCKS: dict[str, StandingClock] = {}


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the simulator."""
        yield


class Platform:
    """Holds the three processes; `revive` starts again those that were killed."""

    def __init__(self, settings: Settled) -> None:
        """Take the settings of a home folder that has been set up."""
        self.settings = settings
        self.alive: dict[str, Mortal] = {}
        self.deaths: dict[str, int] = dict.fromkeys(PROCESSES, 0)
        self.tables: list[str] = []  # the tables whose rows are jobs
        self._round: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def start(self) -> None:
        """Start the three processes, the ledger first."""
        for name in PROCESSES[::-1]:
            await self._begin(name)

    async def revive(self) -> None:
        """Start again each process that was killed or has ended."""
        for name in PROCESSES[::-1]:
            process = self.alive[name]
            if process.dead or not process.tasks:
                process.kill()
                await process.gone()
                self.deaths[name] += 1
                await self._begin(name)

    def spare(self) -> None:
        """Cancel the planned crashes that have not happened yet."""
        for process in self.alive.values():
            process.fuse = None

    async def stop(self) -> None:
        """Kill the three processes."""
        for process in self.alive.values():
            process.kill()
            await process.gone()

    async def work(self) -> None:
        """Let the driver do one round of all due jobs; return when it is done or the driver was killed."""
        process = self.alive[WORK]
        if process.dead:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._round.put(done)
        while not done.done() and not process.dead and process.tasks:
            await self.revive()  # the process that the driver waits for may have been killed
            await asyncio.wait([done], timeout=0.05)

    async def idle(self) -> None:
        """Return when no first step of an accepted request still runs in the background."""
        while running := {task for task in steps._running if not task.done()}:
            await asyncio.wait(running)

    async def _begin(self, name: str) -> None:
        process = Mortal(name)
        self.alive[name] = process
        ready = asyncio.Event()
        course = {API: self._serve, WORK: self._drive, LEDGER: self._write}[name]
        main = process.start(course(ready))
        waiting = asyncio.create_task(ready.wait())
        async with asyncio.timeout(START_SECONDS):
            await asyncio.wait([main, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if main.done():
            main.result()

    async def _write(self, ready: asyncio.Event) -> None:
        writer = Writer(self.settings.database, self.settings.clock(), 0)
        serving = asyncio.create_task(server.serve(writer, self.settings.ledger_socket, 0))
        while not serving.done() and not unix_answers(self.settings.ledger_socket):  # noqa: ASYNC110 - as a supervisor looks
            await asyncio.sleep(0.005)
        ready.set()
        await serving

    async def _serve(self, ready: asyncio.Event) -> None:
        app = build_app(self.settings, lambda: open_desk(self.settings, POOL), lambda _: ())
        config = uvicorn.Config(
            app, self.settings.host, self.settings.port, loop="none", http="httptools", log_config=None,
            access_log=False, proxy_headers=False,
        )  # fmt: skip
        serving = asyncio.create_task(_Uvicorn(config).serve())
        while not serving.done() and not answers(self.settings.port):  # noqa: ASYNC110 - as a supervisor looks
            await asyncio.sleep(0.005)
        ready.set()
        await serving

    async def _drive(self, ready: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            desk = await stack.enter_async_context(open_desk(self.settings, POOL))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            day = day_of(desk)
            await timetable.begin(day)
            todo = jobs(desk, session, day)
            self.tables = [job.table for job in todo]
            ready.set()
            while True:
                done = await self._round.get()
                await _one_round(desk.pool, desk.clock, todo)
                if not done.done():
                    done.set_result(None)


async def _one_round(pool: asyncpg.Pool, clock: Clock, todo: Sequence[Job]) -> None:
    await asyncio.gather(*(_all_due(pool, clock, job) for job in todo), return_exceptions=True)


async def _all_due(pool: asyncpg.Pool, clock: Clock, job: Job) -> None:
    """Run a job once; a job that takes one row at a time is repeated until no row is due."""
    while await run_due(pool, clock.now(), job) and job.most == 1:
        pass


@contextlib.asynccontextmanager
async def desk_of(settings: Settings) -> AsyncIterator[Desk]:
    """Open the simulator's own desk: for the acts of its people, and for reading the database."""
    async with open_desk(settings, 2) as desk:
        yield desk
