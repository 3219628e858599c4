"""The report of `bench reconcile`: seconds by step, beside the floor and the peer, memory, and the aims."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

FLOORS = 3.0  # the aim: the time, as a multiple of a bare join of the same two files
TIMES = 5.0  # the aim: how much faster than pandas
MEMORY_MB = 1_536  # the aim: what a process may hold at its most
LINEAR = 1.25  # what a line may cost at the largest size, as a multiple of its cost at the smallest

Figures = Mapping[str, Any]


def of_floor(one: Figures) -> float:
    """Return the time of a size as a multiple of the floor's."""
    return round(float(one["seconds"]) / float(one["duckdb"]["seconds"]), 1)


def of_peer(one: Figures) -> float:
    """Return how many times faster than pandas it is; below 1 it is slower."""
    return round(float(one["pandas"]["seconds"]) / float(one["seconds"]), 2)


def growth(sizes: Sequence[Figures]) -> float | None:
    """Return what a line costs at the largest size, as a multiple of its cost at the smallest; None for one size."""
    by_size = sorted(sizes, key=lambda one: one["lines"])
    small, large = (one["seconds"] / one["lines"] for one in (by_size[0], by_size[-1]))
    return round(large / small, 2) if len(by_size) > 1 else None


def aims(made: Figures) -> dict[str, bool]:
    """Return whether each aim is met."""
    sizes = list(made["sizes"].values())
    grown = growth(sizes)
    return {
        "exactly what was planted is found": not any(one["wrong"] for one in sizes),
        f"at most {FLOORS:.0f} x the bare join": all(of_floor(one) <= FLOORS for one in sizes),
        f"{TIMES:.0f} x faster than pandas": all(of_peer(one) >= TIMES for one in sizes),
        f"no process above {MEMORY_MB} MB": all(max(one["memory_mb"].values()) <= MEMORY_MB for one in sizes),
    } | ({f"cost of a line grows at most {LINEAR} x": grown <= LINEAR} if grown else {})


def print_report(made: Figures) -> None:
    """Print a line for each size, where its time goes, and the aims."""
    table = Table(
        "lines", "seconds", "of it", "bare join", "pandas", "memory, MB", title="From the file to its breaks"
    )
    for one in made["sizes"].values():
        steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in one["steps"].items())
        memory = ", ".join(f"{name} {mb}" for name, mb in one["memory_mb"].items())
        floor, peer = one["duckdb"], one["pandas"]
        table.add_row(
            f"{one['lines']:,}", f"{one['seconds']:.2f}", steps, f"{floor['seconds']:.2f} ({of_floor(one)} x)",
            f"{peer['seconds']:.2f} ({of_peer(one)} x), {peer['memory_mb']} MB", memory,
        )  # fmt: skip
    console = Console(width=150, soft_wrap=True)
    console.print(table)
    for one in made["sizes"].values():
        for wrong in one["wrong"]:
            console.print(f"WRONG at {one['lines']:,} lines: {wrong}")
    for aim, met in aims(made).items():
        console.print(f"{'met   ' if met else 'MISSED'} {aim}")
