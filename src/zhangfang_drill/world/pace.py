"""Time in a simulated world: the platform works until nothing is due, and the clock jumps from look to look.

A lease is a matter of the machines' time, so it is ended where nobody works: that is what ten seconds of the machine
would do.
"""

import asyncio
from contextlib import suppress
from datetime import date, datetime, time, timedelta

from asyncpg.exceptions import DeadlockDetectedError

from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.sql import load
from zhangfang_drill.world.world import World

queries = load(__package__, "pace.sql")

JUMPS = 12
ROUNDS = 40
MORNING = (time(9, 6), time(9, 45), time(10, 36), time(11, 45))
ARRIVALS = MORNING[:2]  # when the banks make their files and pay each other, and for how long, in real time
ARRIVAL_SECONDS = 0.12


async def settle(
    world: World,
    until: datetime,
    jumps: int = JUMPS,
    rounds: int = ROUNDS,
    late: timedelta = timedelta(seconds=45),
) -> None:
    """Let the platform work until nothing is due, jumping from look to look up to `until`; it looks so much too late."""
    for _ in range(rounds):
        await world.platform.revive()
        await world.platform.work()
        await world.platform.idle()
        await world.platform.revive()
        for table in world.platform.tables:
            await _end_leases(world, table)
        next_at = await world.pool.fetchval(queries.next_look, world.clock.now())
        if next_at is not None and next_at <= world.clock.now():
            continue
        if next_at is None or next_at > until or not jumps:
            break
        jumps -= 1
        await world.set_time(min(next_at + late, until))
    world.platform.spare()
    await world.platform.revive()


async def _end_leases(world: World, table: str) -> None:
    """Nobody works: what is leased was leased by the dead. A statement of theirs may still run, and stand in the way."""
    while True:
        with suppress(DeadlockDetectedError):
            await world.pool.execute(f"UPDATE {table} SET lease_until = NULL WHERE lease_until IS NOT NULL")  # noqa: S608
            return


async def morning(world: World, day: date) -> None:
    """Play the morning of a day without any fault: files, money, settlement, closing, statements."""
    for hour in MORNING:
        await reach(world, day, hour)
        await settle(world, world.clock.now() + timedelta(minutes=8))


async def reach(world: World, day: date, hour: time) -> None:
    """Jump to an hour of the morning, and give the banks the time that their files and transfers need."""
    await world.set_time(at(day, hour))
    if hour in ARRIVALS:
        await asyncio.sleep(ARRIVAL_SECONDS)


def at(day: date, hour: time) -> datetime:
    """Return a moment in China."""
    return datetime.combine(day, hour, CHINA)
