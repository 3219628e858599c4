"""The report of `bench soak`: what the others felt, what the API held, how the hostile were answered, what health said."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

SLOWER = 3.0  # the aim: p99 of the others, as a multiple of the one without hostile clients
GROWTH_MIB = 64.0  # the aim: what the API may hold more at its most (32 MiB of bodies are kept at most)
SECONDS = 2.0  # the aim: until `/health` says that nothing can be written


def aims(made: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether each aim is met."""
    phases, health = made["phases"], made["health"]
    down = [said for name, said in health.items() if name != "all well again"]
    base = phases["quiet"]["api_mib"]
    return {
        "served": not any(one["wrong"] for one in phases.values()),
        "even": all(one.get("p99_of_quiet", 0) <= SLOWER for one in phases.values()),
        "flat": max(one["api_mib"] for one in phases.values()) - base <= GROWTH_MIB,
        "told": health["all well again"]["status"] == 200 and all(said["status"] == 503 for said in down),
        "soon": all(said["seconds"] <= SECONDS for said in down),
    }


_AIMS = {
    "served": "every call of the others was answered as it should be",
    "even": f"their p99 stays within {SLOWER:.0f} x of quiet",
    "flat": f"the API holds at most {GROWTH_MIB:.0f} MiB more",
    "told": "/health says 503 when nothing can be written, and 200 afterwards",
    "soon": f"within {SECONDS:.0f} s",
}


def print_report(made: Mapping[str, Any]) -> None:
    """Print the phases, the answers of health, and the aims."""
    console = Console()
    machine = made["machine"]
    table = Table(title=f"Others' calls beside hostile clients, {machine['cores']} cores ({machine['cpu']})")
    for heading in (
        "",
        "calls",
        "wrong",
        "p50 ms",
        "p99 ms",
        "of quiet",
        "API, MiB",
        "the hostile were answered",
    ):
        table.add_column(heading, justify="left" if heading in ("", "the hostile were answered") else "right")
    for name, one in made["phases"].items():
        answers = ", ".join(f"{answer} {count:,}" for answer, count in sorted(one.get("hostile", {}).items()))
        wrong = ", ".join(f"{what} {count}" for what, count in one["wrong"].items()) or "0"
        figures = (one["p50_ms"], one["p99_ms"], one.get("p99_of_quiet", ""), one["api_mib"])
        table.add_row(name, f"{one['calls']:,}", wrong, *map(str, figures), answers)
    console.print(table)
    for name, said in made["health"].items():
        console.print(
            f"/health, {name}: {said['status']} {said['code']} after {said['seconds']} s", highlight=False
        )
    for name, met in made["aims"].items():
        console.print(f"{_AIMS[name]}: {'met' if met else 'missed'}", highlight=False)
    if machine["load_average_before"] > 0.5:
        console.print(f"The machine was busy before the start (load {machine['load_average_before']}).")
