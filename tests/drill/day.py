"""A small business day for drills: its orders, the house it is played in, and kills at moments of it."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as clock_time
from io import StringIO
from random import Random
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import Progress

from tests.drill.outcome import Outcome, read_outcome
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.start import start
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.settings import Settings
from zhangfang_demo.business_day import BusinessDay, Plan
from zhangfang_demo.day_faults import FAULTS
from zhangfang_demo.orders import DemoOrder, read_merchants
from zhangfang_drill.world.scratch import scratch

DAY, MORROW = date(2026, 5, 26), date(2026, 5, 27)
MERCHANTS = [one for one in read_merchants() if one.external_ref in {"M001", "M002", "M003", "M005", "M008"}]
BY_HAND = ("M002", "M005")  # they ask for their payouts themselves
PROCESSES = ("serve", "work", "ledger", "postgres", "unionpay", "cmb")
PHASES = (
    "orders",
    "file",
    "arrival",
    "settlement",
    "close",
    "statements",
    "payouts",
)  # of the first two dates
BANKS = ("cmb", "unionpay")
OFTEN = {  # every fault is met, in a day of sixty orders
    "unionpay": dict.fromkeys(FAULTS["unionpay"], 0.07),
    "cmb": dict.fromkeys(FAULTS["cmb"], 0.25),
}


def orders() -> list[DemoOrder]:
    """Return the orders of the day: the same at each call."""
    rng = Random(20260526)
    paid = [_pay_in(rng, n) for n in range(44)]
    paid += [
        _order(number, "M003", Operation.PURCHASE, DAY, 15, 123_45)
        for number in (PAYER_LEAVES, PAYER_REFUSES)
    ]
    refunds = [_refund(n, paid[at], paid[at].amount * share // 100, 21) for n, (at, share) in enumerate(BACK)]
    late = [
        _order(f"P-{merchant}-{n}", merchant, Operation.PAYOUT, MORROW, 13 + n, 100_00 + n)
        for merchant in BY_HAND
        for n in range(3)
    ]
    late += [
        _refund(90 + n, paid[at], paid[at].amount, 16, MORROW) for n, at in enumerate((1, 11))
    ]  # of M002 and M005
    return sorted([*paid, *refunds, *late], key=lambda order: order.time)


BACK = ((0, 100), (3, 33), (3, 33), (6, 33), (9, 100), (14, 50), (17, 100), (22, 10), (25, 100), (28, 66))
PAYER_LEAVES, PAYER_REFUSES = "D-610", "D-262"  # what a payer does follows from the number
CODES = [merchant.external_ref or "" for merchant in MERCHANTS]


def _pay_in(rng: Random, n: int) -> DemoOrder:
    merchant = CODES[n % 5] if n != 11 else "M005"
    hour = 23 if n >= 41 else (9, 15, 20)[n % 3]
    account = PartyAccount(f"99{n:017d}", "王子涵")
    kind = Operation.PURCHASE if n % 5 in (0, 2) and n % 2 else Operation.COLLECTION
    return _order(
        f"H-{n:03d}", merchant, kind, DAY, hour, rng.randrange(200_00, 900_00), None,
        account if kind is Operation.COLLECTION else None,
    )  # fmt: skip


def _refund(n: int, of: DemoOrder, amount: int, hour: int, day: date = DAY) -> DemoOrder:
    return _order(f"RF-{n:03d}", of.merchant, Operation.REFUND, day, hour, amount, of.order_no)


def _order(
    number: str, merchant: str, kind: Operation, day: date, hour: int, amount: int, original: str | None = None,
    account: PartyAccount | None = None,
) -> DemoOrder:  # fmt: skip
    moment = datetime.combine(day, clock_time(hour, 10), CHINA)
    return DemoOrder(number, merchant, kind, moment, amount, original, account)


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill `process` so many seconds after `phase` has begun, or as soon as an order has met `fault` in it."""

    phase: str
    seconds: float
    process: str
    fault: str = ""


@dataclass(slots=True)
class Played:
    """What became of a day: its outcome, what the auditor and the banks say, and how often each process was started."""

    outcome: Outcome
    audit: dict[str, Any]
    faults: Mapping[str, int]
    starts: Mapping[str, int]
    killed: list[Kill] = field(default_factory=list)


def kills(seed: int, several: int) -> list[Kill]:
    """Draw moments of a day and whom they meet: the first six kill each process once."""
    rng = Random(seed)
    whom = [*rng.sample(PROCESSES, len(PROCESSES)), *rng.choices(PROCESSES, k=max(several - 6, 0))][:several]
    phases = sorted(
        rng.choices(PHASES, [often for often, _ in MOMENTS.values()], k=several), key=PHASES.index
    )
    return [
        Kill(phase, rng.uniform(0, MOMENTS[phase][1]), who) for phase, who in zip(phases, whom, strict=True)
    ]


MOMENTS = {  # phase → how often it is chosen, and within how many seconds of its beginning
    "orders": (6, 5.0),
    "file": (2, 0.3),
    "arrival": (1, 0.3),
    "settlement": (3, 0.8),
    "close": (1, 0.3),
    "statements": (1, 0.3),
    "payouts": (3, 2.0),
}


@contextmanager
def opened(commands: Mapping[str, list[str]] | None = None) -> Iterator[House]:
    """Open a house in a fresh folder; when it is left, nothing of it is."""
    home = scratch("zf-day-")
    house = House(home, 0, commands, BANKS)
    try:
        yield house
    finally:
        house.stop()
        shutil.rmtree(home, ignore_errors=True)


async def _one_way_for_payouts(house: House) -> None:
    """Stop payouts by UnionPay: while CMB is away they wait, so that a day with kills comes to the same accounts."""
    connection = await asyncpg.connect(Settings(home=house.home).database)
    try:
        stop = "INSERT INTO channel_stop VALUES ('unionpay', 'payout', 'one way only', 'drill', now())"
        await connection.execute(stop)
    finally:
        await connection.close()


def play(
    schedule: Sequence[Kill] = (),
    commands: Mapping[str, list[str]] | None = None,
    faults: Any = OFTEN,
    asked: Sequence[DemoOrder] = (),
) -> Played:
    """Play the day, or that of the orders `asked`, in a house of its own, with kills; return what became of it."""
    with opened(commands) as house:
        day = BusinessDay(
            house,
            Plan(asked or orders(), MERCHANTS, faults),
            Progress(console=Console(file=StringIO()), disable=True),
        )
        house.start_database()
        day.set_first_moment()
        start(house)
        asyncio.run(_one_way_for_payouts(house))
        killed: list[Kill] = []
        over = threading.Event()
        killer = threading.Thread(target=_kill_all, args=(day, schedule, killed, over), daemon=True)
        killer.start()
        try:
            audit = asyncio.run(day.play())
        finally:
            over.set()
            killer.join()
        met: dict[str, int] = {}
        for bank in ("unionpay", "cmb"):
            for fault, count in ask("GET", house.control(bank) + "/faults")["met"].items():
                met[fault] = met.get(fault, 0) + count
        starts = {name: process.starts for name, process in house.processes.items()}
        return Played(asyncio.run(read_outcome(house)), audit, met, starts, killed)


def _kill_all(day: BusinessDay, schedule: Sequence[Kill], killed: list[Kill], over: threading.Event) -> None:
    reached = -1
    for kill in schedule:
        while not over.is_set() and (reached < PHASES.index(kill.phase) or not _met(day, kill.fault)):
            reached = max(reached, PHASES.index(day.phase) if day.phase in PHASES else -1)
            time.sleep(0.01)
        if over.wait(kill.seconds):
            return
        day.house.kill(kill.process)
        killed.append(kill)


def _met(day: BusinessDay, fault: str) -> bool:
    return not fault or fault in ask("GET", day.house.control("unionpay") + "/faults")["met"]
