"""`zhangfang simulate`: play many random days, and check the rules after each day."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.kernel.clock import CHINA
from zhangfang_drill.law import movements, oracle
from zhangfang_drill.law.evidence import sealed, verified
from zhangfang_drill.law.judging import Found, Violation, named
from zhangfang_drill.law.oracle import Oracle
from zhangfang_drill.simulated import closing, founding
from zhangfang_drill.simulated.day import Intensity, SimDay, Tally
from zhangfang_drill.simulated.founding import FIRST
from zhangfang_drill.simulated.orders import Merchant
from zhangfang_drill.simulated.people import cure_breaks, ring_the_bank
from zhangfang_drill.simulated.story import tell
from zhangfang_drill.world.adapters import ADAPTERS
from zhangfang_drill.world.mortal import MortalLoop
from zhangfang_drill.world.world import World, opened

LONG = 100  # a run of so many days has to meet every fault
DEMANDED = ("query", "notification", "file", "absence", "person")
WAYS = ("query", "notification", "file", "absence", "person", "bank", "answer")
console = Console(stderr=True)


@dataclass(slots=True)
class Result:
    """The counts and violations of a run."""

    seed: int
    tally: Tally = field(default_factory=Tally)
    faults: dict[str, dict[str, int]] = field(default_factory=dict)
    crashes: dict[str, int] = field(default_factory=dict)
    unknowns: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    contradictions: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    cured: dict[str, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    closed: closing.Closed | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "seed": self.seed,
            "days": self.tally.days,
            "payments": self.tally.payments,
            "by_kind": self.tally.by_kind,
            "faults": self.faults,
            "crashes": self.crashes,
            "unknowns": self.unknowns,
            "ended": self.ended,
            "contradictions": self.contradictions,
            "owed_compared": self.compared,
            "breaks_cured": self.cured,
            "violations": named(self.violations),
            "stories": self.stories,
            "closed": self.closed and self.closed.as_json(),
        }


def simulate(
    days: int,
    seed: int,
    channels: tuple[str, ...],
    silences: tuple[int, ...],
    out: Path | None,
    package: Path | None = None,
) -> int:
    """Run the simulation; `silences` as in `Intensity`, `package` as in `run`.

    Return exit code 0 if no rule was broken and a long run met everything, otherwise 1.
    """
    with asyncio.Runner(loop_factory=MortalLoop) as runner:
        result = runner.run(run(days, seed, channels, Intensity(silences=silences), package=package))
    if out is not None:
        out.write_text(json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    for story in result.stories:
        console.print(story, markup=False, highlight=False)
    if result.closed:
        console.print(str(result.closed), markup=False, highlight=False)
    absent = missing(result)
    for what in absent:
        console.print(f"never met in {days} days: {what}", style="red", markup=False)
    return 1 if result.violations or absent else 0


async def run(
    days: int,
    seed: int,
    channels: tuple[str, ...],
    much: Intensity,
    url: str = "",
    *,
    rates: Mapping[str, float] | None = None,
    quiet: bool = False,
    package: Path | None = None,
) -> Result:
    """Play `days` days of one seed in a new world; stop after the first day on which a rule was broken.

    `rates` replaces every bank's own rates of faults. With `package` the month is closed at the end, and the package for
    an inspector written to that folder.
    """
    result = Result(seed)
    async with opened(datetime.combine(FIRST, time(8), CHINA), channels, url) as world:
        await founding.every_channel_gets_some(world)
        merchants = await founding.merchants(world, Random(f"{seed}/merchants"))
        watch = Oracle(world)
        with _progress(quiet) as progress:
            task = progress.add_task(f"seed {seed}", total=days + 1)
            for n in range(days + 1):  # the last morning closes the last day
                day = FIRST + timedelta(days=n)
                await _one_day(world, merchants, day, result, watch, much, rates, last=n == days)
                if package is not None:
                    await sealed(world)
                progress.advance(task)
                if result.violations:
                    break
        if package is not None and not result.violations:

            async def morning(n: int) -> None:
                day = FIRST + timedelta(days=n)
                await _one_day(world, merchants, day, result, watch, much, {}, last=True)

            result.closed = await closing.close(world, FIRST, days, morning, package)
            result.violations += [Violation(0, fault) for fault in result.closed.faults]
            result.stories += result.closed.faults
        if not result.violations:
            await _audited(world, result)
        await _counts(world, result)
    return result


async def _audited(world: World, result: Result) -> None:
    """At the end, let the auditor, which shares no code with the platform, derive every balance from the history.

    Its check of the books is not run: it also reports errors of the banks, and the faults have made some.
    """
    verify = await verified(world)
    if not verify["ok"]:
        result.violations.append(Violation(0, "the ledger does not verify"))
        result.stories.append("\n  ".join(["rule 0: ledger_verify", *verify["said"]]))


async def _one_day(
    world: World,
    merchants: list[Merchant],
    day: date,
    result: Result,
    watch: Oracle,
    much: Intensity,
    rates: Mapping[str, float] | None,
    *,
    last: bool,
) -> None:
    played = SimDay(world, merchants, day, Random(f"{result.seed}/{day}"), result.tally, much)
    await ring_the_bank(world, Random(f"{result.seed}/{day}/people"))
    await played.faults(rates)
    await played.morning()
    await cure_breaks(world, merchants, Random(f"{result.seed}/{day}/breaks"), day, much.silences)
    await _check(world, result, watch, day - timedelta(days=1))
    if not last:
        available = {merchant: -fen for merchant, fen in watch.books.of(oracle.AVAILABLE).items()}
        await played.bursts(available)
        result.tally.days += 1


async def _check(world: World, result: Result, watch: Oracle, closed: date) -> None:
    truth = await movements.read(world.banks, tuple(world.banks.names))
    before = datetime.combine(closed, time(22, 45), CHINA)
    found: Found = await watch.check(truth, before, closed)
    result.contradictions = len(found.contradictions)
    for order_no in result.tally.made_twice:
        found.wrong(6, "got another id when the request was repeated", order_no=order_no)
    result.violations += found.violations
    result.compared = dict(watch.compared)
    for violation in found.violations[:3]:
        result.stories.append(await tell(world, truth, violation, closed))


def missing(result: Result) -> list[str]:
    """Return what a run of LONG days should have met and did not: a fault of a channel, a way out of UNKNOWN."""
    if result.tally.days < LONG:
        return []
    never = [
        f"{bank}: {fault}"
        for bank, met in result.faults.items()
        for fault in ADAPTERS[bank].rates
        if not met.get(fault)
    ]
    never += [f"no UNKNOWN was ended by {way}" for way in DEMANDED if not result.ended.get(way)]
    return never + [
        f"{bank}: a day on which what it owes could be compared"
        for bank in result.faults
        if ADAPTERS[bank].acquirer and not result.compared.get(bank)
    ]


async def _counts(world: World, result: Result) -> None:
    for name in world.banks.names:
        met = (await world.banks.ask("GET", name, "/faults"))["met"]
        result.faults[name] = dict(sorted(met.items()))
    result.crashes = dict(world.platform.deaths) | {
        "bank": result.tally.bank_kills,
        "postgres": result.tally.database_kills,
    }
    result.unknowns = await world.pool.fetchval(oracle.queries.unknowns)
    result.cured = {row["cure"]: row["breaks"] for row in await world.pool.fetch(oracle.queries.cured)}
    ways: Counter[str] = Counter(dict.fromkeys(WAYS, 0))
    for row in await world.pool.fetch(oracle.queries.ended):
        ways["absence" if row["kind"] == "query" and row["verdict"] == "not_found" else row["kind"]] += 1
    result.ended = dict(ways)


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=quiet)
