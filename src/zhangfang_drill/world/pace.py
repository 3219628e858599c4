"""Time in a simulated world: the platform works until nothing is due; then the clock jumps to the next due time.

A lease ends by real time, not by the simulated clock. When no process works, open leases are removed here, so that the
simulation need not wait the ten real seconds after which they would end.
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
ARRIVALS = MORNING[:2]  # when the banks make their files and pay each other
ARRIVAL_SECONDS = 0.12  # real time that this takes them


async def settle(
    world: World,
    until: datetime,
    jumps: int = JUMPS,
    rounds: int = ROUNDS,
    late: timedelta = timedelta(seconds=45),
) -> None:
    """Let the platform work until nothing is due; jump up to `jumps` times to the next due time, at most to `until`.

    Each jump goes `late` beyond the due time, as a driver that is behind would.
    """
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
    """Remove the leases of killed processes. A statement of theirs may still run and deadlock with this: then repeat."""
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
    """Jump to an hour of the morning; at the first two, give the banks real time for their files and transfers."""
    await world.set_time(at(day, hour))
    if hour in ARRIVALS:
        await asyncio.sleep(ARRIVAL_SECONDS)


def at(day: date, hour: time) -> datetime:
    """Return the moment of a day and hour in China's time zone."""
    return datetime.combine(day, hour, CHINA)
