"""Watching a day from outside: its clock is moved on, and what has come about is read from the database.

The platform is asked nothing: whatever it does, it does because its clock says so. While any process is away (a drill
kills them), the spectator waits; what it does to the banks can be repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import CLIENT_MONEY, ask
from zhangfang.assembly.sandbox.counter import set_time
from zhangfang.channels import BANKS
from zhangfang.kernel.database import AWAY
from zhangfang.kernel.settings import Settings
from zhangfang.kernel.sql import load

queries = load(__package__, "spectator.sql")

RATE = 10.0  # business seconds a second, between the jumps
SOON = timedelta(seconds=3)  # of business: what is due before it is not worth a jump
FARTHEST = timedelta(minutes=40)  # the jumps of a wait go no farther, so that it does not cross the cut-off
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 120.0


class Stuck(AssertionError):
    """Something that had to come about did not; the text says what, and what is still open."""


class Spectator:
    """The clock of a day and the eyes on it."""

    def __init__(self, house: House) -> None:
        """Take a house whose clock is virtual."""
        self._house = house
        self._settings = Settings(home=house.home, port=house.port)
        self._began: datetime | None = None
        self._connection: Any = None

    async def set_time(self, moment: datetime) -> None:
        """Set the clock of the banks and of the platform."""
        self._began = moment
        await asyncio.to_thread(set_time, self._house, moment, RATE)

    async def ask(self, method: str, bank: str, path: str, body: Any = None) -> Any:
        """Speak to a bank's control plane."""
        return await asyncio.to_thread(ask, method, self._house.control(bank) + path, body)

    async def quiet(self, latest: datetime | None = None) -> None:
        """Wait until every intent that has left has its outcome; those whose payer never came wait for the file."""
        await self.until("quiet", self._settled_down, latest)

    async def until(
        self, title: str, ready: Callable[[], Awaitable[bool]], latest: datetime | None = None
    ) -> None:
        """Wait for something, and jump to the platform's own next look where it waits for nothing else.

        It jumps to `latest` at most, or so far as is allowed to every wait.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while not await ready():
            if loop.time() > until:
                still = await self.query(queries.open_work)
                raise Stuck(f"{title}: not reached within {PATIENCE_SECONDS:.0f} s\n{still}")
            await self._jump(latest)
            await asyncio.sleep(LOOK_SECONDS)

    async def done(self, kind: str, key: str) -> bool:
        """Whether a task of the timetable is done."""
        return bool(await self.query(queries.task_done, kind, key))

    async def planned(self, day: date) -> bool:
        """Whether the driver has planned the tasks of a day."""
        return bool(await self.query(queries.day_planned, str(day)))

    @property
    def banks(self) -> Sequence[str]:
        """Return the sandbox banks of the house."""
        return self._house.banks

    async def files_read(self, business: date) -> bool:
        """Whether every channel's file of a settlement date is matched."""
        acquirers = [bank for bank in self._house.banks if bank not in BANKS]
        return all([await self.done("file", f"{name}/{business}") for name in acquirers])

    async def arrived(self, business: date) -> bool:
        """Whether a settlement date's money is on our account."""
        acquirers = [bank for bank in self._house.banks if bank not in BANKS]
        return bool(await self.query(queries.money_arrived, business, acquirers))

    async def statement_read(self) -> bool:
        """Whether every line of the bank's statement is booked."""
        for bank, account in CLIENT_MONEY.items():
            if bank not in self._house.banks:
                continue
            book = await self.ask("GET", bank, f"/book?account={account}")
            if await self.query(queries.lines_booked, bank) != len(book["lines"]):
                return False
        return True

    async def query(self, sql: str, *values: Any) -> Any:
        """Return one value from the database; None while it is away."""
        try:
            if self._connection is None:
                self._connection = await asyncpg.connect(self._settings.database, timeout=3)
            return await self._connection.fetchval(sql, *values, timeout=5)
        except AWAY:
            self.close()
            return None

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _settled_down(self) -> bool:
        return bool(await self.query(queries.open_intents) == 0)

    async def _jump(self, latest: datetime | None) -> None:
        now = self._settings.clock().now()
        due = await self.query(queries.next_look, now)
        if due is None or due < now + SOON or self._began is None:
            return
        if due <= self._began + FARTHEST:
            await asyncio.to_thread(set_time, self._house, due, RATE)
        elif latest is not None and due <= latest:
            await self.set_time(due)
