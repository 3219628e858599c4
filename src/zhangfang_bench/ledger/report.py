"""The report of the ledger's bench: the same tables for a terminal and as Markdown, and each aim with its result.

`python -m zhangfang_bench.ledger.report FIGURES.json PAGE.md…` puts the Markdown of a run between the markers
`<!-- bench:ledger -->` and `<!-- /bench -->` of pages.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from zhangfang.kernel.errors import InvalidInput
from zhangfang_bench.ledger.aims import verdicts

Figures = Mapping[str, Any]
Column = Callable[[Figures], str]
WIDTH = 150  # for a log or a pipe, which has no width
BUSY = 0.5  # a load average above it comes from other work
_TITLES = {
    **{
        name: f"`{name}`"
        for name in ("hot", "uniform", "uniform_200k", "mixed", "single", "replay", "behind")
    },
    "copy_limit": "floor `copy_limit`",
    "row_locks": "floor `row_locks`",
    "pgbench": "`pgbench` with its statement",
}
_BLOCK = re.compile(r"<!-- bench:ledger -->\n.*?<!-- /bench -->", re.DOTALL)


class Shown(NamedTuple):
    """A table: the first column names the row, the others are figures."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def print_report(made: Figures) -> None:
    """Print the tables on stderr, so that stdout has only the Markdown."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH)
    console.print(heading(made), highlight=False)
    for shown in tables(made):
        table = Table(title=shown.title)
        for n, head in enumerate(shown.heads):
            table.add_column(head.replace("`", ""), justify="right" if n else "left")
        for row in shown.rows:
            table.add_row(*(cell.replace("`", "") for cell in row))
        console.print(table)


def markdown(made: Figures) -> str:
    """Return the whole block of a page, its markers included."""
    parts = ["<!-- bench:ledger -->", heading(made)]
    for shown in tables(made):
        lines = (shown.heads, ("---", *("---:" for _ in shown.heads[1:])), *shown.rows)
        parts.append(f"{shown.title}:")
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts) + "\n<!-- /bench -->"


def heading(made: Figures) -> str:
    """Return where and how it was measured."""
    machine, settings = made["machine"], made["settings"]
    load = machine["load_average_before"]
    durable = (f"{name} {settings[name]}" for name in ("fsync", "synchronous_commit", "full_page_writes"))
    return (
        f"{machine['cores']} cores ({machine['cpu']}), PostgreSQL {settings['server_version']}, {', '.join(durable)}; "
        f"{made['transfers']:,} transfers a workload. Load before the start: {load}"
        + (" (the machine was busy: compare ratios only)." if load > BUSY else ".")
    )


def tables(made: Figures) -> Iterator[Shown]:
    """Give a table for everything that was measured."""
    if measured := {name: made[name] for name in _TITLES if "transfers_per_s" in made.get(name, {})}:
        rows = [(_TITLES[name], *(show(one) for show in COLUMNS.values())) for name, one in measured.items()]
        yield Shown("Workloads and floors; costs are per transfer", ("", *COLUMNS), rows)
    if aims := list(verdicts(made)):
        yield Shown("Aims", ("", "aim", "measured", "so"), aims)
    if "latency" in made:
        sizes = ("transfers in it", "p50 ms", "p99 ms", "transfers/s")
        yield Shown("One frame at a time", sizes, list(_latencies(made["latency"]["sizes"])))
    if "behind" in made:
        heads = ("after transfers", "transfers/s of the last part", "writer MB")
        yield Shown("With a history behind", heads, list(_ages(made["behind"]["parts"])))


def _cpu(process: str) -> Column:
    return lambda one: str(one["cpu_us_per_transfer"].get(process, ""))


def _cores(one: Figures) -> str:
    """Return how many cores were busy on average."""
    return f"{sum(one['cpu_us_per_transfer'].values()) * one['transfers_per_s'] / 1e6:.1f}"


def _stop(one: Figures) -> str:
    """Return the CPU time of a normal stop, which writes the remaining pages and the checkpoint."""
    return f"{sum(one['stop']['cpu_us_per_transfer'].values()):.1f}" if "stop" in one else ""


def _memory(one: Figures) -> str:
    return f"{one['writer_mb']['start']:.0f} → {one['writer_mb']['end']:.0f}" if "writer_mb" in one else ""


COLUMNS: dict[str, Column] = {
    "transfers/s": lambda one: f"{one['transfers_per_s']:,}",
    "refused": lambda one: f"{one['refused'] / one['transfers']:.1%}",
    "batch": lambda one: f"{one['batch']:,}",
    "client µs": _cpu("client"),
    "writer µs": _cpu("writer"),
    "PostgreSQL µs": _cpu("postgres"),
    "cores busy": _cores,
    "stop µs": _stop,
    "WAL B": lambda one: str(one.get("wal_bytes_per_transfer", "")),
    "disk B": lambda one: str(one.get("disk_bytes_per_transfer", "")),
    "writer MB": _memory,
}


def _latencies(sizes: Mapping[str, Figures]) -> Iterator[tuple[str, ...]]:
    for size, one in sizes.items():
        yield (f"{int(size):,}", *(f"{one[name]:,}" for name in ("p50_ms", "p99_ms", "transfers_per_s")))


def _ages(parts: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    """Give the first part, the last, and three between."""
    last = len(parts) - 1
    for number in sorted({round(last * quarter / 4) for quarter in range(5)}):
        yield tuple(f"{parts[number][name]:,}" for name in ("transfers", "transfers_per_s", "writer_mb"))


def fill(page: str, block: str) -> str:
    """Return a page with its block replaced; a page without the markers is `InvalidInput`."""
    if not _BLOCK.search(page):
        raise InvalidInput("page", "no markers", "<!-- bench:ledger --> and, after it, <!-- /bench -->")
    return _BLOCK.sub(lambda _: block, page, count=1)


def main(figures: str, *pages: str) -> None:
    """Fill pages with the Markdown of a run's figures."""
    block = markdown(json.loads(Path(figures).read_text("utf-8")))
    for page in map(Path, pages):
        page.write_text(fill(page.read_text("utf-8"), block), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
