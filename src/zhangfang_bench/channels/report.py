"""The report of `bench channels`: figures, ratios, and whether the aims are met."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from zhangfang_bench.channels import healing, wire

BUSY = 0.5
_WHAT = {
    "build_sign": "build and sign a request",
    "build_sign_query": "build and sign a query",
    "verify_parse": "verify and parse an answer",
    "query_and_answer": "a query and its answer",
}
Row = tuple[str, str, str, str]


def print_report(made: Mapping[str, Any]) -> None:
    """Print one table of messages, and a line for everything that has an aim or a rate."""
    console = Console()
    machine = made["machine"]
    table = Table(title=f"Messages, us of CPU, {machine['cores']} cores ({machine['cpu']})")
    for heading in ("channel", "what", "us", "bare us", "ratio", f"aim ≤ {wire.AIM}"):
        table.add_column(heading, justify="left" if heading in ("channel", "what") else "right")
    for name, channel in made["messages"].items():
        for what, one in channel.items():
            bare = f"{one['bare_us']} ({one['bare']})" if one["bare"] else "not signed"
            ratio = "" if one["ratio"] is None else str(one["ratio"])
            table.add_row(name, _WHAT[what], str(one["us"]), bare, ratio, message_verdict(one))
    console.print(table)
    for line in lines(made):
        console.print(line, highlight=False)
    if machine["load_average_before"] > BUSY:
        console.print(
            f"The machine was busy before the start (load {machine['load_average_before']}): compare ratios only."
        )


def message_verdict(one: Mapping[str, Any]) -> str:
    """Return `met` or `missed`; "" without an asymmetric operation to compare with."""
    if one["bare"] in ("", "hmac"):
        return ""
    return "met" if one["ratio"] <= wire.AIM else "missed"


def lines(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentences about resolving, the pace and the file."""
    heal, pace, file = made["healing"], made["paced"], made["batch_file"]
    met = "met" if heal["ratio"] >= healing.AIM else "missed"
    bank = heal["bank_per_s"]
    yield (
        f"Healing: {heal['orders']:,} unknown collections, {heal['per_s']:,} a second; the bank answers "
        f"{bank['before']:,} and {bank['after']:,} (before, after): {heal['ratio']:.0%}, "
        f"the aim of {healing.AIM:.0%} is {met}."
    )
    kept = "met" if pace["throttled"] == 0 else "missed"
    yield (
        f"CMB with its throttle on: {pace['resolved']} of {pace['payouts']} unknown payouts resolved and "
        f"{pace['statements']} statements read in {pace['seconds']} s, {pace['throttled']} throttle codes: "
        f"the aim of 0 is {kept}."
    )
    parts = ", ".join(f"{name.replace('_', ' ')} {us}" for name, us in file["us_per_item"].items())
    yield f"A batch file of {file['items']:,} items: {file['per_s']:,} a second (us an item: {parts})."
