"""The aims of the ledger's bench, as ratios within one run, and what makes a run invalid."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple

Figures = Mapping[str, Any]
HONEST = 0.5  # of pgbench's rate with the same statement; else the floor is invalid


class Aim(NamedTuple):
    """A ratio to reach, of the rate `of` to the rate `to`: names of workloads or floors of the run."""

    of: str
    to: str
    least: float
    text: str


AIMS = (
    Aim("hot", "copy_limit", 0.60, "of `copy_limit`"),
    Aim("hot", "row_locks", 80, "× `row_locks`"),
    Aim("mixed", "hot", 0.50, "of `hot`"),
    Aim("single", "row_locks", 15, "× `row_locks`"),
    Aim("replay", "hot", 0.85, "of `hot`"),
    Aim("row_locks", "pgbench", HONEST, "of `pgbench`"),
)
BEHIND_LEAST, MEMORY_MOST, START_MOST = 0.90, 1.10, 10.0
Verdict = tuple[str, ...]  # the names, the aim, the measured ratio, and the verdict


def verdicts(made: Figures) -> Iterator[Verdict]:
    """Return a verdict for each aim whose two sides were measured, with by how much it is missed."""
    for aim in AIMS:
        if "skipped" in made.get(aim.to, {}):
            yield (f"`{aim.of}`", f"≥ {aim.least:g} {aim.text}", "", made[aim.to]["skipped"])
        elif aim.of in made and aim.to in made:
            yield _least(f"`{aim.of}`", ratio(made, aim.of, aim.to), aim.least, aim.text)
    if "behind" in made:
        first, last = made["behind"]["parts"][0], made["behind"]["parts"][-1]
        kept, grown = (last[name] / first[name] for name in ("transfers_per_s", "writer_mb"))
        yield _least("the last part of `behind`", kept, BEHIND_LEAST, "of the first")
        yield _most("the writer's memory after it", grown, MEMORY_MOST, "of the first part's")
        for after, seconds in made["behind"]["start_seconds"].items():
            yield _most(f"a start {after.replace('_', ' a ')}", seconds, START_MOST, "s")


def ratio(made: Figures, of: str, to: str) -> float:
    """Return the median of the rounds' ratios."""
    return float(median(a / b for a, b in zip(made[of]["rounds"], made[to]["rounds"], strict=True)))


def _least(name: str, found: float, least: float, text: str) -> Verdict:
    so = "met" if found >= least else f"missed by {1 - found / least:.0%}"
    return name, f"≥ {least:g} {text}", f"{found:.3g}", so


def _most(name: str, found: float, most: float, text: str) -> Verdict:
    so = "met" if found <= most else f"missed by {found / most - 1:.0%}"
    return name, f"≤ {most:g} {text}", f"{found:.3g}", so


def failures(made: Figures) -> list[str]:
    """Return what makes the figures invalid: answers that differ from the oracle's, a bad history, an invalid floor."""
    found = []
    measured = {name: one for name, one in made.items() if isinstance(one, dict)}
    for name, one in measured.items():
        if not one.get("matches_oracle", True):
            found.append(f"{name}: not what the oracle says: {'; '.join(one.get('differences', []))}")
        if not one.get("verify", {}).get("clean", True):
            found.append(f"{name}: verify is not clean: {one['verify']['said']}")
    if "row_locks" in measured and "rounds" in measured.get("pgbench", {}):
        share = ratio(made, "row_locks", "pgbench")
        if share <= HONEST:
            found.append(
                f"row_locks does {share:.2f} of what pgbench does; above {HONEST} is an honest floor"
            )
    return found
