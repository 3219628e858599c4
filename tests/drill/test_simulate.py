"""The simulator holds the platform to the law, and finds each of six platforms that lack one of its rules."""

import asyncio
import json
from random import Random
from uuid import uuid4

import pytest

from tests.conftest import _execute, _with_database
from tests.drill.law_mutants import MUTANTS, Mutant
from zhangfang_drill.day import Intensity
from zhangfang_drill.mortal import Mortal, MortalLoop
from zhangfang_drill.orders import Drawer, Merchant, account
from zhangfang_drill.simulate import Result, missing, run

pytestmark = pytest.mark.drill

CALM = Intensity(orders=(4, 7), crash=0.0, bank_kill=0.0)
CHANNELS = ("cmb", "unionpay")
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
def base(postgres_url: str) -> str:
    """Give the URL of a database without any table."""
    name = f"sim_{uuid4().hex}"
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name}"))
    return _with_database(postgres_url, name)


def played(url: str, days: int, seed: int, much: Intensity, rates: dict[str, float] | None = None) -> Result:
    with asyncio.Runner(loop_factory=MortalLoop) as runner:
        return runner.run(run(days, seed, CHANNELS, much, url, rates=rates, quiet=True))


def test_two_days_with_faults_and_crashes_hold_the_law(base: str) -> None:
    result = played(base, 2, 7, Intensity())
    assert result.violations == [], "\n".join(result.stories)
    held = json.loads(json.dumps(result.as_json()))
    assert held["days"] == 2
    assert held["payments"] > 30
    assert sum(held["faults"]["unionpay"].values()) > 5
    assert sum(held["crashes"].values()) > 0
    assert held["unknowns"] == sum(held["ended"].values()) > 0


@pytest.mark.parametrize("rule", MUTANTS)
def test_a_platform_without_one_rule_of_the_law_is_found(rule: int, base: str) -> None:
    mutant: Mutant = MUTANTS[rule]
    with mutant():
        result = played(base, 1, 3, CALM, PROVOKED[rule])
    assert result.violations, "the law does not hold, and nobody noticed"
    assert {one.rule for one in result.violations} & SHOWS_AS[rule], result.stories
    assert "faults of its number" in result.stories[0]


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
    assert steps < 30
