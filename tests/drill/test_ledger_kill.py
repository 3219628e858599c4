"""kill -9 of the writer, of PostgreSQL and of both, under load: nothing that was acknowledged is missing or different."""

import asyncio
import os
import random

import pytest

from tests.drill.ledger_site import Site, site

__all__ = ["site"]
pytestmark = [pytest.mark.drill, pytest.mark.timeout(7200)]

KILLS = int(os.environ.get("ZHANGFANG_DRILL_KILLS", "5"))
VICTIMS = ("writer", "postgres", "both")


async def test_nothing_acknowledged_is_missing_after_kills_at_random_moments_under_load(site: Site) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}, {KILLS} kills")
    rng = random.Random(seed)
    site.ledger()
    site.ledger()
    log = site.load(seed)
    await site.wait_for_answers(log)
    for n in range(KILLS):
        victim = VICTIMS[n % len(VICTIMS)]
        await asyncio.sleep(rng.uniform(0, 0.7))
        if victim != "postgres":
            (await site.serving()).kill()
        if victim != "writer":
            site.kill_postgres()
        await site.wait_for_answers(log)
    await site.stop_loads()
    assert await site.fetchval("SELECT epoch FROM head") > KILLS
    assert await site.check() > KILLS


async def test_a_writer_that_is_killed_alone_is_followed_at_once_although_its_lease_has_not_run_out(
    site: Site,
) -> None:
    log = site.load(1)
    site.ledger()
    await site.wait_for_answers(log)
    first = await site.serving()
    await site.fetch("UPDATE head SET lease_until = now() + interval '1 day'")
    first.kill()
    first.wait()
    # Nobody commits now, so this is the lease that the next one finds.
    await site.fetch("UPDATE head SET lease_until = now() + interval '1 day'")
    await site.wait_for_answers(log)
    await site.stop_loads()
    assert await site.fetchval("SELECT epoch FROM head") == 2
    await site.check()
