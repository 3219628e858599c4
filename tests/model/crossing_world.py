"""Two shards in memory, and a world in which every request may be lost, come late or be the last of its process."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from enum import Enum
from typing import Any, cast

from tests.clock import SetClock
from tests.engine.oracle_engine import OracleEngine
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    DURABLE,
    Account,
    AccountFlag,
    Book,
    Entry,
    LedgerClient,
    LedgerUnavailable,
    Result,
    Transfer,
    TransferFlag,
)
from zhangfang.ledger.crossing import Crossing, Outcome, transit
from zhangfang.ledger.crossings import Crossed

DAY = date(2026, 9, 1)
TODAY = DAY + timedelta(days=1)
FUNDS = 50
CLOCK = SetClock()
Process = Callable[[], Awaitable[list[tuple[Crossing, Crossed]]]]
CASH = {shard: Account(Book.CUSTOMERS, 1003, "bank", shard=shard) for shard in (0, 1)}
MERCHANT = {
    shard: Account(Book.CUSTOMERS, 2322, "merchant", AccountFlag.CREDIT_FLOOR, shard=shard)
    for shard in (0, 1)
}
TRANSIT = {shard: transit(Book.CUSTOMERS, shard, 1 - shard) for shard in (0, 1)}


class Fate(Enum):
    """What becomes of a message."""

    ARRIVES = 0
    LOST = 1
    LATE = 2  # whoever sent it hears nothing; it is done some time later


class World:
    """The messages that are under way and the processes that wait for them. `step` lets one of them go on."""

    def __init__(self) -> None:
        """Start with two empty shards."""
        self.engines = {shard: OracleEngine() for shard in (0, 1)}
        self.clients = {
            shard: cast(LedgerClient, Line(self, engine)) for shard, engine in self.engines.items()
        }
        self.waiting: list[tuple[asyncio.Future[Fate], Callable[[], Awaitable[Any]] | None]] = []
        self.late: list[Callable[[], Awaitable[Any]]] = []
        self.processes: list[asyncio.Task[None]] = []
        self.crossings: list[Crossing] = []
        self.told: list[tuple[Crossing, Crossed]] = []
        self.faultless = False

    async def open(self) -> None:
        """Open the accounts and give each merchant `FUNDS`."""
        for shard, engine in self.engines.items():
            bank, merchant = CASH[shard], MERCHANT[shard]
            assert set(await engine.create_accounts([bank, merchant, TRANSIT[shard]])) == {Result.CREATED}
            id_ = new_id(CLOCK)
            funds = Transfer(numbered(id_, 1), bank.id, merchant.id, FUNDS, Book.CUSTOMERS, 1, id_, DAY)
            assert (await engine.create_transfers([funds]))[0].result is Result.CREATED

    def crossing(self, here: int, amount: int) -> Crossing:
        """Return a new crossing from shard `here` to the other."""
        one = Crossing.between(new_id(CLOCK), MERCHANT[here], MERCHANT[1 - here], amount, DAY)
        self.crossings.append(one)
        return one

    def run(self, process: Process) -> None:
        """Start a process; what it says of crossings is noted."""
        self.processes.append(asyncio.create_task(self._noted(process)))

    async def _noted(self, process: Process) -> None:
        with contextlib.suppress(LedgerUnavailable):
            self.told += await process()

    async def message(self, effect: Callable[[], Awaitable[Any]]) -> Any:
        """Carry a request to a shard and its answer back."""
        fate = await self._wait(effect)
        if fate is Fate.LATE:
            self.late.append(effect)
        if fate is not Fate.ARRIVES:
            raise LedgerUnavailable("no answer")
        answer = await effect()
        if await self._wait(None) is not Fate.ARRIVES:
            raise LedgerUnavailable("the answer was lost")
        return answer

    async def _wait(self, effect: Callable[[], Awaitable[Any]] | None) -> Fate:
        if self.faultless:
            return Fate.ARRIVES
        future: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        self.waiting.append((future, effect))
        return await future

    async def step(self, which: int, fate: Fate) -> None:
        """Let one of the messages under way meet its fate."""
        future, _ = self.waiting.pop(which % len(self.waiting))
        future.set_result(fate)
        await self.settle()

    async def kill(self, which: int) -> None:
        """End a process where it stands."""
        self.processes.pop(which % len(self.processes)).cancel()
        await self.settle()

    async def settle(self) -> None:
        """Let everybody go on who can."""
        for _ in range(8):
            await asyncio.sleep(0)
        self.waiting = [one for one in self.waiting if not one[0].done()]
        for process in [one for one in self.processes if one.done()]:
            self.processes.remove(process)
            process.result()  # an error of the code under test is the test's

    async def entries(self, shard: int) -> dict[int, Entry]:
        """Return all entries of a shard by sequence number."""
        engine, accounts = self.engines[shard], (CASH[shard], MERCHANT[shard], TRANSIT[shard])
        pages = [await engine.account_transfers(account.id, 0, 10_000) for account in accounts]
        return {entry.seq: entry for page in pages for entry in page}

    async def set_flags(self, shard: int, flags: AccountFlag) -> None:
        """Freeze or close the merchant of a shard, or undo it (on a day that nobody closes)."""
        engine, far = self.engines[shard], DAY + timedelta(days=300)
        answer = await engine.set_flags(MERCHANT[shard], flags, id_=new_id(CLOCK), business_date=far)
        assert answer.result is Result.CREATED

    async def close(self, shard: int, through: date) -> None:
        """Close the dates of a shard up to `through`, or re-open those after it."""
        id_ = new_id(CLOCK)
        for reopen in (False, True):
            await self.engines[shard].close_period(
                through, id_=numbered(id_, 1 + reopen), voucher=id_, reopen=reopen
            )


class Line:
    """A client of one shard, over the world's messages."""

    def __init__(self, world: World, engine: OracleEngine) -> None:
        """Ask `engine`."""
        self._world = world
        self._engine = engine

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Return a call of the engine that travels."""
        call = getattr(self._engine, name)
        return lambda *asked: self._world.message(lambda: call(*asked))


async def check(world: World) -> None:
    """Assert what must hold at every moment."""
    books = {shard: list((await world.entries(shard)).values()) for shard in (0, 1)}
    available = 0
    for shard in (0, 1):
        [merchant] = (await world.engines[shard].account_balances([MERCHANT[shard].id])).values()
        left = merchant.credits - merchant.debits - merchant.debits_pending
        assert left >= 0, "a hold that a crossing made counts against the floor"
        available += left
    unarrived = sum(check_crossing(one, books) for one in world.crossings)
    assert available + unarrived == 2 * FUNDS, "no money was invented, lost or doubled"
    for one, crossed in world.told:
        check_told(one, crossed, books)


def check_crossing(one: Crossing, books: Mapping[int, list[Entry]]) -> int:
    """Assert that a crossing's entries fit together; return what is held for it here and has not arrived there."""
    holds, ends, arrivals = parts(one, books)
    assert len(holds) <= 1
    assert len(ends) <= len(holds), "a hold is resolved once"
    assert len(arrivals) <= len(holds), "what arrives was held before, and arrives once"
    assert all(entry.transfer.amount == one.amount for entry in (*holds, *ends, *arrivals))
    posted = [entry for entry in ends if entry.transfer.flags & TransferFlag.POST]
    assert len(posted) <= len(arrivals), "posted only when it has arrived"
    assert not (arrivals and len(ends) > len(posted)), "what has arrived is not given back"
    return one.amount * (len(holds) - len(ends) - (len(arrivals) - len(posted)))


def parts(one: Crossing, books: Mapping[int, list[Entry]]) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """Return a crossing's holds, what resolved them, and its arrivals."""
    here = [entry for entry in books[one.here] if entry.transfer.voucher == one.id]
    there = [entry for entry in books[one.there] if entry.transfer.voucher == one.id]
    holds = [entry for entry in here if entry.transfer.flags & TransferFlag.PENDING]
    return holds, [entry for entry in here if entry not in holds], there


def check_told(one: Crossing, crossed: Crossed, books: Mapping[int, list[Entry]]) -> None:
    """Assert that what a process was told for good is true and stays so."""
    holds, ends, arrivals = parts(one, books)
    assert crossed.outcome is not Outcome.BROKEN
    if crossed.outcome is Outcome.ARRIVED:
        assert len(arrivals) == len(ends) == 1
    if crossed.outcome is Outcome.REFUSED and crossed.because in DURABLE | {Result.EXISTS_DIFFERENT}:
        assert not arrivals
        assert len(ends) == len(holds)
