"""The simulator holds the platform to the law, and finds each of six platforms that lack one of its rules.

`ZHANGFANG_DRILL_SEEDS` asks for runs on all channels at once, of so many seeds (`make drill`).
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from tests.conftest import _execute, _with_database
from tests.drill.law_mutants import MUTANTS, Mutant
from zhangfang.inspection import verify
from zhangfang_drill.simulated import closing
from zhangfang_drill.simulated.day import Intensity
from zhangfang_drill.simulated.founding import FIRST
from zhangfang_drill.simulated.orders import Drawer, Merchant, account
from zhangfang_drill.simulated.simulate import Result, missing, run
from zhangfang_drill.world.adapters import ADAPTERS
from zhangfang_drill.world.mortal import Mortal, MortalLoop

pytestmark = pytest.mark.drill

CALM = Intensity(orders=(10, 12), bursts=1, crash=0.0, bank_kill=0.0)
CHANNELS = ("cmb", "unionpay")
SEEDS = int(os.environ.get("ZHANGFANG_DRILL_SEEDS", "0"))
# What makes a platform without the rule go wrong: many callers ask again, and many answers are of this kind.
PROVOKED: dict[int, dict[str, float]] = {
    1: {},
    2: {"lost_answer": 0.5},
    3: {"not_found_first": 0.6, "notify_lost": 1},
    4: {"not_found_first": 0.6, "notify_lost": 1},
    5: {"notify_repeated": 0.6},
    6: {},
}

# A bank's order that no attempt of ours knows was sent before it was stored, or again under another number; a failure
# that nobody has proven may come from silence or from a query that found nothing.
SHOWS_AS = {1: {1}, 2: {2}, 3: {2, 3}, 4: {1, 6}, 5: {5}, 6: {6}}


@pytest.fixture
def base(postgres_url: str, template: str) -> str:
    """Give the URL of a database with every migration applied and nothing in it."""
    name = f"sim_{uuid4().hex}"
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    return _with_database(postgres_url, name)


def played(
    url: str,
    days: int,
    seed: int,
    much: Intensity,
    rates: dict[str, float] | None = None,
    channels: tuple[str, ...] = CHANNELS,
    package: Path | None = None,
) -> Result:
    with asyncio.Runner(loop_factory=MortalLoop) as runner:
        return runner.run(run(days, seed, channels, much, url, rates=rates, quiet=True, package=package))


def test_a_day_with_faults_and_crashes_holds_the_law_and_closes(base: str, tmp_path: Path) -> None:
    much = Intensity(orders=(6, 9), bursts=3, crash=0.8, bank_kill=0.5)
    result = played(base, 1, 7, much, package=tmp_path)
    assert result.violations == [], "\n".join(result.stories)
    held = json.loads(json.dumps(result.as_json()))
    assert held["days"] == 1
    assert held["payments"] > 20
    assert sum(held["faults"]["unionpay"].values()) > 5
    assert sum(held["crashes"].values()) > 0
    assert held["unknowns"] == sum(held["ended"].values()) > 0
    assert (held["closed"]["through"], held["closed"]["faults"]) == ("2026-09-01", [])
    assert verify.check(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("days", "last"),
    [(1, "2026-09-01"), (29, "2026-09-29"), (30, "2026-09-30"), (31, "2026-09-30"), (61, "2026-10-31")],
)
def test_the_last_whole_month_is_closed_or_else_what_was_played(days: int, last: str) -> None:
    assert str(closing.last_to_close(FIRST, days)) == last


@pytest.mark.timeout(900)
@pytest.mark.skipif(not SEEDS, reason="takes minutes: ask for it by ZHANGFANG_DRILL_SEEDS")
@pytest.mark.parametrize("seed", range(1, 1 + SEEDS))
def test_days_on_all_channels_at_once_hold_the_law(seed: int, base: str) -> None:
    result = played(base, 6, seed, Intensity(), channels=tuple(ADAPTERS))
    assert result.violations == [], "\n".join(result.stories)
    assert set(result.faults) == set(ADAPTERS)


@pytest.mark.parametrize("rule", MUTANTS)
def test_a_platform_without_one_rule_of_the_law_is_found(rule: int, base: str) -> None:
    mutant: Mutant = MUTANTS[rule]
    with mutant():
        result = played(base, 1, 3, CALM, PROVOKED[rule])
    assert result.violations, "the law does not hold, and nobody noticed"
    assert {one.rule for one in result.violations} & SHOWS_AS[rule], result.stories
    assert "faults of its number" in result.stories[0]


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ("unionpay,cnb", "--channels: got cnb; allowed: cmb, unionpay"),
        ("lakala,unionpay", "--channels: got lakala, unionpay; needed: cmb, genericbank too"),
    ],
)
def test_channels_that_there_are_not_or_whose_money_arrives_nowhere_are_named(
    channels: str, said: str
) -> None:
    words = [sys.executable, "-m", "zhangfang_drill", "simulate", "--days", "1", "--seed", "1"]
    done = subprocess.run([*words, "--channels", channels], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_same_seed_draws_the_same_orders() -> None:
    drawn = []
    for _ in range(2):
        rng = Random("7/2026-09-01")
        merchant = Merchant("m", "k", [account(rng)])
        draw = Drawer(rng, "S")
        drawn.append([draw.pay_in(merchant).body for _ in range(20)])
    assert drawn[0] == drawn[1]


def test_a_fault_that_nobody_met_in_a_long_run_is_a_failure() -> None:
    result = Result(1)
    result.tally.days = 100
    result.faults = {"unionpay": {"lost_answer": 3}}
    assert "unionpay: lost_answer" not in missing(result)
    assert "unionpay: late_answer" in missing(result)
    assert "no UNKNOWN was ended by absence" in missing(result)
    never_compared = "unionpay: a day on which what it owes could be compared"
    assert never_compared in missing(result)
    result.compared = {"unionpay": 1}
    assert never_compared not in missing(result)
    result.tally.days = 99
    assert missing(result) == []


def test_a_process_that_dies_does_nothing_more_and_its_sockets_are_cut() -> None:
    async def play() -> tuple[int, bytes]:
        steps = 0

        async def stubborn() -> None:
            nonlocal steps
            while True:
                try:
                    steps += 1
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    continue

        async def serve() -> None:
            server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
            ports.put_nowait(server.sockets[0].getsockname()[1])
            await server.serve_forever()

        ports: asyncio.Queue[int] = asyncio.Queue()
        process = Mortal("p")
        process.start(serve())
        reader, writer = await asyncio.open_connection("127.0.0.1", await ports.get())
        process.fuse = 20
        process.start(stubborn())
        got = await reader.read()
        writer.close()
        await asyncio.sleep(0.01)
        return steps, got

    with asyncio.Runner(loop_factory=MortalLoop) as runner:
        steps, got = runner.run(play())
    assert got == b""
    assert steps < 300
