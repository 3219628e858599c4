"""Two years of random commands, calls and tasks, with things of every kind held open for up to 400 days."""

import os
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.clock import SetClock
from tests.model.long_world import BEGIN, END, LONGEST, LongWorld
from tests.treasury import treasury

SEEDS = range(1, 1 + int(os.environ.get("ZHANGFANG_LONG_SEEDS", "1")))

OFTEN: tuple[int, ...] = (1, 1, 2, 5, 12, 31, 45)  # days between two visits
SELDOM: tuple[int, ...] = (2, 12, 31, 45)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_becomes_unbookable_and_nothing_is_forgotten_in_two_years(
    seed: int, database_url: str, clock: SetClock, tmp_path: Path
) -> None:
    chance = Random(seed)
    async with treasury(database_url, clock) as house:
        world = LongWorld(house, seed, tmp_path)
        await world.start()
        day, steps = BEGIN, OFTEN
        while day < END:
            await world.visit(day)
            for _ in range(chance.randint(0, 4)):
                await world.act()
            await world.run()
            if steps is OFTEN and (day - BEGIN).days > 300:
                steps = SELDOM
                for success in (True, False):
                    await world.collect(world.merchants[0], LONGEST, success)
            if day.day < 8:
                await world.close_month()
            day += timedelta(days=chance.choice(steps))
        await world.every_end()
        last = 20  # days after the last thing that people do
        while world.later or last:
            last -= not world.later
            await world.visit(day)
            day += timedelta(days=1 if last < 20 else 3)
        assert {
            "stop of cmb",
            "stop of cmb unionpay",
            "returned",
            "cured by B2",
            "cured by B8",
        } <= world.met.keys()
        await world.check()
