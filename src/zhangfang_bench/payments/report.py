"""The report: a payment's time relative to the floors, and one table of both runs."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

COMMITS_ALLOWED = 3  # the aim: so many empty requests, and three commits
AIM, PROUD = 10, 6
COMMITS_AIM = 0.3
WAITS = "Of request to success the sandbox bank waits 50 ms before it notifies, and the measuring looks every 20 ms."


def ratio(per_second: float, floors: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return a of T = a·e + 3·c: T is a payment's time, e an empty request's, c a commit's, each the mean of its
    floors."""
    e = fmean(1e6 / floor["empty_requests_per_s"] for floor in floors.values())
    c = fmean(1e6 / floor["single_row_commits_per_s"] for floor in floors.values())
    t = 1e6 / per_second
    a = (t - COMMITS_ALLOWED * c) / e
    text = f"T = {a:.1f} e + {COMMITS_ALLOWED} c   (T {t:.0f} us, e {e:.0f} us, c {c:.0f} us)"
    return {
        "ratio": text,
        "ratio_numbers": {
            "t_us": round(t, 1),
            "e_us": round(e, 1),
            "c_us": round(c, 1),
            "empty_requests_beside_3_commits": round(a, 2),
        },
    }


def print_report(made: Mapping[str, Any]) -> None:
    """Print the figures of both runs side by side."""
    console = Console()
    machine, runs = made["machine"], made["runs"]
    table = Table(title=f"Collections, {made['payers']} payers, {machine['cores']} cores ({machine['cpu']})")
    table.add_column("")
    for name in runs:
        table.add_column(_TITLES[name], justify="right")
    rows: list[tuple[str, ...]] = [
        (title, *(f"{run[name]:,}" for run in runs.values())) for name, title in _ROWS.items()
    ]
    for process in next(iter(runs.values()))["cpu_us_per_payment"]:
        spent = (f"{run['cpu_us_per_payment'][process]:,}" for run in runs.values())
        rows.append((f"CPU of {_PROCESSES[process]}, us a payment", *spent))
    for name, title in _FLOORS.items():
        rows += [
            (f"floor {when}: {title}", *(f"{run['floors'][when][name]:,}" for run in runs.values()))
            for when in ("before", "after")
        ]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(WAITS, highlight=False)
    for name, run in runs.items():
        console.print(f"{_TITLES[name]}: {run['ratio']}", highlight=False)
    console.print(_verdict(runs["null_signatures"]), highlight=False)
    if machine["load_average_before"] > 0.5:
        console.print(
            f"The machine was busy before the start (load {machine['load_average_before']}): compare ratios only."
        )


def _verdict(run: Mapping[str, Any]) -> str:
    a, commits = run["ratio_numbers"]["empty_requests_beside_3_commits"], run["commits_per_payment"]
    met = "met" if a <= AIM and commits <= COMMITS_AIM else "missed"
    aim = f"{AIM} e + 3 c (proud of {PROUD} e + 3 c) and {COMMITS_AIM} commits"
    return f"RSA apart, the aim of {aim} is {met}: {a:.1f} e + 3 c and {commits} commits."


_TITLES = {"signed": "RSA-2048", "null_signatures": "RSA apart"}
_ROWS = {
    "payments": "payments",
    "payments_per_s": "payments a second",
    "p50_ms": "request to success, p50 ms",
    "p99_ms": "request to success, p99 ms",
    "answer_p50_ms": "request to answer, p50 ms",
    "answer_p99_ms": "request to answer, p99 ms",
    "commits_per_payment": "commits a payment",
}
_PROCESSES = {
    "serve": "API",
    "ledger": "ledger",
    "work": "driver",
    "postgres": "PostgreSQL",
    "unionpay": "the sandbox bank",
    "load": "the load generator",
}
_FLOORS = {
    "empty_requests_per_s": "empty requests a second",
    "empty_request_cpu_us": "CPU of an empty request's server, us",
    "single_row_commits_per_s": "single-row commits a second",
}
