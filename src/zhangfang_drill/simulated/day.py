"""One simulated day: the morning's files and money, bursts of orders, crashes. One `Random` makes all choices."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random

from zhangfang.channels.port import Operation
from zhangfang_drill.simulated import callers
from zhangfang_drill.simulated.orders import Asked, Drawer, Merchant
from zhangfang_drill.world.adapters import ADAPTERS
from zhangfang_drill.world.pace import MORNING, at, reach, settle
from zhangfang_drill.world.platform import API, LEDGER, WORK
from zhangfang_drill.world.world import LATE_SECONDS, World

WINDOWS = ((11, 50, 14, 0), (14, 0, 18, 0), (18, 0, 22, 30), (22, 46, 22, 58))
CUT = (time(22, 59, 59), time(23, 0, 1))
QUIET_NIGHTS = 0.5  # share of nights without work after the cut-off: people and files end UNKNOWN orders
LATE = (0, 30, 120, 300)  # seconds that the driver may be late
FUSES = {API: 400, WORK: 120, LEDGER: 150}  # a planned crash happens within so many waits


@dataclass(slots=True)
class Tally:
    """Counts of what has been done. `made_twice`: orders for which a repeated request was given another id."""

    days: int = 0
    payments: int = 0
    bank_kills: int = 0
    database_kills: int = 0
    api_silences: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    made_twice: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Intensity:
    """How much happens: orders per burst, bursts before the cut-off, and the chance of each kind of kill per burst.

    `silences`: for how many days people leave breaks open; none means as soon as no file can explain them any more.
    """

    orders: tuple[int, int] = (2, 5)
    bursts: int = len(WINDOWS)
    crash: float = 0.25
    bank_kill: float = 0.1
    database_kill: float = 0.03
    silences: tuple[int, ...] = ()


class SimDay:
    """Plays one day of a world."""

    def __init__(
        self,
        world: World,
        merchants: Sequence[Merchant],
        day: date,
        rng: Random,
        tally: Tally,
        much: Intensity,
    ) -> None:
        """Continue with the world as the day before left it."""
        self._world, self._merchants, self._day = world, merchants, day
        self._rng, self._tally, self._much = rng, tally, much
        wallets = {"chinaums", "lakala"} & set(world.banks.names)
        cashier = {"unionpay"} & set(world.banks.names)
        products = ["cashier"] * bool(cashier) + ["alipay_app"] * len(wallets)
        self._draw = Drawer(rng, f"S{day:%y%m%d}", products)
        self._later: list[Asked] = []  # purchases whose payers come in a later burst
        self._available: Mapping[str, int] = {}

    async def faults(self, rates: Mapping[str, float] | None = None) -> None:
        """Set today's faults at every bank: `rates` if given, otherwise the bank's own."""
        for name in self._world.banks.names:
            chosen = dict(ADAPTERS[name].rates if rates is None else rates)
            plan = {"seed": self._rng.randrange(2**31), "rates": chosen, "keyed": {}}
            await self._world.banks.ask("PUT", name, "/faults", plan | {"late_seconds": LATE_SECONDS})

    async def morning(self) -> None:
        """Let the platform do its morning: files, money, settlement, closing, statements."""
        for hour in MORNING:
            await reach(self._world, self._day, hour)
            self._plan_crash()
            await self._settle(8)

    async def bursts(self, available: Mapping[str, int]) -> None:
        """Play all orders of the day. `available`: each merchant's available balance in the morning, in fen."""
        self._available = available
        for first_h, first_m, last_h, last_m in WINDOWS[: self._much.bursts]:
            begin, end = time(first_h, first_m), time(last_h, last_m)
            span = (at(self._day, end) - at(self._day, begin)).seconds
            moment = at(self._day, begin) + timedelta(seconds=self._rng.randrange(span))
            await self._burst(max(moment, self._world.clock.now()))
        quiet = self._rng.random() < QUIET_NIGHTS
        for hour in CUT:
            await self._burst(at(self._day, hour), 2, work_on=not quiet)

    async def _burst(self, moment: datetime, most: int = 0, *, work_on: bool = True) -> None:
        """Send several orders at once; with `work_on` the platform then works for six simulated minutes."""
        rng, world = self._rng, self._world
        await world.set_time(moment)
        orders = self._orders(most or rng.randint(*self._much.orders))
        self._plan_crash()
        late, self._later = self._later, []
        acts = [self._one(asked) for asked in orders] + [callers.pay(world, asked) for asked in late]
        killing = asyncio.gather(self._bank_dies(), self._database_dies())
        asking = asyncio.gather(*acts)
        while not asking.done():
            await world.platform.revive()
            await world.platform.work()
            await asyncio.wait([asking], timeout=0.05)
        await asking
        await killing
        if rng.random() < 0.6:
            await asyncio.sleep(0.07)  # so that notifications arrive before the first query
        if work_on:
            await self._settle(6)
        else:
            world.platform.spare()
            await world.platform.revive()
            await world.platform.idle()

    async def _settle(self, minutes: int) -> None:
        until = self._world.clock.now() + timedelta(minutes=minutes)
        await settle(self._world, until, late=timedelta(seconds=self._rng.choice(LATE)))

    def _orders(self, count: int) -> list[Asked]:
        rng, drawn = self._rng, []
        for _ in range(count):
            merchant = rng.choice(self._merchants)
            which = rng.random()
            asked: Asked | None = None
            if which < 0.2 and merchant.paid:
                asked = self._draw.undo(rng.choice(merchant.paid))
            elif which < 0.4 and self._available.get(merchant.id, 0) > 0:
                asked = self._draw.payout(merchant, self._available[merchant.id] // 2)
            drawn.append(asked or self._draw.pay_in(merchant))
        return drawn

    async def _one(self, asked: Asked) -> None:
        """Send an order; its payer acts now or in a later burst."""
        self._tally.payments += 1
        self._tally.by_kind[asked.kind.value] = self._tally.by_kind.get(asked.kind.value, 0) + 1
        late = self._rng.random() < 0.2
        await callers.ask(self._world, asked)
        self._tally.api_silences += asked.statuses.count(0)
        if len(asked.ids) > 1:
            self._tally.made_twice.append(asked.order_no)
        if not asked.ids:
            return
        if asked.original is not None:
            asked.original.refunded += asked.amount
        elif asked.kind in (Operation.PURCHASE, Operation.COLLECTION):
            asked.merchant.paid.append(asked)
            del asked.merchant.paid[:-12]
        if asked.payer and late:
            self._later.append(asked)
        elif asked.payer:
            await callers.pay(self._world, asked)

    def _plan_crash(self) -> None:
        if self._rng.random() < self._much.crash:
            name = self._rng.choice(tuple(FUSES))
            self._world.platform.alive[name].fuse = self._rng.randrange(1, FUSES[name])

    async def _bank_dies(self) -> None:
        dies, name = self._rng.random() < self._much.bank_kill, self._rng.choice(self._world.banks.names)
        after, away = self._rng.random() * 0.05, self._rng.random() * 0.05
        if dies:
            await asyncio.sleep(after)
            self._world.banks.kill(name)
            await asyncio.sleep(away)
            await self._world.banks.revive(name)
            self._tally.bank_kills += 1

    async def _database_dies(self) -> None:
        dies, after = self._rng.random() < self._much.database_kill, self._rng.random() * 0.05
        if dies:
            await asyncio.sleep(after)
            self._tally.database_kills += await self._world.kill_database()
