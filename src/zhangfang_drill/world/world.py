"""The world of a simulation: a home folder with a database, the sandbox banks, the platform and a standing clock."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from zhangfang.approvals import Person
from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.house import BANKS, House
from zhangfang.assembly.sandbox.counter import provision
from zhangfang.assembly.sandbox.staff import staff
from zhangfang.kernel.postgres import EmbeddedPostgres, as_platform
from zhangfang.kernel.settings import write_private
from zhangfang.ledger import LedgerClient
from zhangfang.payments import Desk
from zhangfang.schema import migrate
from zhangfang_drill.world.banks import Banks
from zhangfang_drill.world.clock import StandingClock
from zhangfang_drill.world.platform import CLOCKS, Platform, Settled, desk_of
from zhangfang_drill.world.scratch import scratch

TIMEOUT_SECONDS = 0.35  # of the connectors: short, so that a late answer costs little real time
LATE_SECONDS = 0.5


@dataclass(slots=True)
class World:
    """The parts of one simulation. `pool`, `desk` and `session` are the simulator's own, for reading and acting."""

    house: House
    clock: StandingClock
    banks: Banks
    platform: Platform
    desk: Desk
    session: aiohttp.ClientSession
    postgres: EmbeddedPostgres | None
    people: Sequence[Person]

    async def kill_database(self) -> bool:
        """Kill PostgreSQL with SIGKILL and start it again; return False if the server is not ours.

        Statements that run at that moment get no answer. The simulator's own old connections are replaced.
        """
        if self.postgres is None or self.postgres.process is None:
            return False
        self.postgres.process.kill()
        self.postgres.process.wait()
        self.postgres.start()  # in this thread: the server ends with the thread that started it
        await self.pool.expire_connections()
        return True

    @property
    def pool(self) -> asyncpg.Pool:
        """Return the simulator's own connections to the database."""
        return self.desk.pool

    async def as_owner(self, sql: str) -> None:
        """Run statements as the tables' owner: what the platform's own role may not do."""
        connection = await asyncpg.connect(self.house.owner_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def set_time(self, moment: datetime) -> None:
        """Jump to a moment. The banks jump first, so that no bank is asked about a day that it has not begun."""
        await self.banks.set_time(max(moment, self.clock.now()))
        self.clock.set(moment)

    async def api(
        self, method: str, path: str, key: str, body: Any = None, again: str = ""
    ) -> tuple[int, Any]:
        """Call the platform's API with a key; return status and body, status 0 if there was no answer."""
        headers = {"Authorization": f"Bearer {key}"} | ({"Idempotency-Key": again} if again else {})
        url = self.house.url + path
        try:
            async with self.session.request(method, url, json=body, headers=headers) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0, None

    @property
    def admin(self) -> str:
        """Return the administrator's key."""
        return (self.house.home / "admin-key").read_text().strip()


@asynccontextmanager
async def opened(
    moment: datetime, channels: tuple[str, ...] = BANKS, url: str = "", patience: float = TIMEOUT_SECONDS
) -> AsyncIterator[World]:
    """Set up a world at `moment`, and remove it at the end. `patience` is the connectors' time-out in seconds.

    `url` names an empty database; if it is empty, the world starts its own PostgreSQL.
    """
    home = scratch("zf-sim-")
    postgres = EmbeddedPostgres(home / "postgres") if not url else None
    house, banks = _house(home, url or (postgres.start() if postgres else ""), channels)
    try:
        await migrate(house.owner_url)
        clock = StandingClock(moment)
        CLOCKS[str(house.home)] = clock
        banks.start_all()
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=_TIMEOUT
        ) as session:
            banks.session = session
            for name in banks.names:
                await banks.ready(name)
            await banks.set_time(moment)
            await asyncio.to_thread(provision, house)
            _hurry(house, patience)
            async with _living(house, clock, banks, session, postgres) as world:
                yield world
    finally:
        banks.stop()
        if postgres is not None:
            postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


_TIMEOUT = aiohttp.ClientTimeout(total=180)  # seconds: one answer may hold a bank's 12,000 orders


def _house(home: Path, url: str, channels: tuple[str, ...]) -> tuple[House, Banks]:
    house = House(home, banks=channels)
    house.database_url, house.owner_url = as_platform(url), url
    write_private(house.home / "database-url", house.database_url)
    return house, Banks(house.home, house.ports)


@asynccontextmanager
async def _living(
    house: House,
    clock: StandingClock,
    banks: Banks,
    session: aiohttp.ClientSession,
    postgres: EmbeddedPostgres | None,
) -> AsyncIterator[World]:
    settings = Settled(home=house.home, database_url=house.database_url, port=house.port)
    people = await staff(house.owner_url, clock, "王会计", "李主管")
    platform = Platform(settings)
    try:
        await platform.start()
        async with LedgerClient(settings.ledger_socket) as ledger:
            await open_platform_accounts(ledger)
        async with desk_of(settings) as desk:
            yield World(house, clock, banks, platform, desk, session, postgres, people)
    finally:
        await platform.stop()


def _hurry(house: House, patience: float) -> None:
    """Set the connectors' time-out to `patience` seconds."""
    for path in sorted((house.home / "channels").glob("*.json")):
        held: Mapping[str, Any] = json.loads(path.read_text())
        write_private(path, json.dumps({**held, "timeout_seconds": patience}))
