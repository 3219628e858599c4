"""`zhangfang bench ledger`: streams of transfers through the real writer, compared with floors of the same run.

Each workload runs on a fresh database of one embedded PostgreSQL with its shipped, durable settings. The writer is a
separate process, the client runs in the bench. Both sides of a ratio run in each round, one after the other, so that a
slow phase of the machine affects both. A ratio is the median of its rounds, a figure comes from the median round.
Every answer and every balance is compared with an oracle, and the auditor verifies each history.
"""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.kernel.errors import InvalidInput
from zhangfang_bench.ledger.aims import failures
from zhangfang_bench.ledger.behind import behind
from zhangfang_bench.ledger.copy import Stored, copy_limit
from zhangfang_bench.ledger.floors import pgbench, row_locks
from zhangfang_bench.ledger.mixed import mixed
from zhangfang_bench.ledger.report import markdown, print_report
from zhangfang_bench.ledger.running import Figures, Ran, measure, running
from zhangfang_bench.ledger.sending import CALLERS, Tick, as_transfers, send_singles, sender
from zhangfang_bench.ledger.server import LedgerServer
from zhangfang_bench.ledger.workloads import Shape, Workload, cut, now_ms, retried
from zhangfang_bench.machine import machine
from zhangfang_bench.payments.bench import BenchFailed

IN_FLIGHT = 4
MILLION = 1_000_000
FLOOR_SHARE = 40  # a floor of single transactions makes a fortieth of a workload's transfers
LATENCY_FRAMES = {1: 2_000, 64: 2_000, 1_024: 400, 8_192: 100}  # for a million transfers

HOT = Shape(from_hot=0.465, to_hot=1.0, mean_limit=5_000)
UNIFORM = Shape(from_hot=0.0, to_hot=0.0, mean_limit=10_000)
SHAPES = {
    "hot": HOT,
    "uniform": UNIFORM,
    "uniform_200k": UNIFORM,
    "mixed": Shape(from_hot=0.2325, to_hot=0.3485, mean_limit=11_000, fill=mixed),
    "replay": replace(HOT, fill=retried, retries=True),
}
NAMES = ("hot", "copy_limit", "row_locks", "pgbench", "mixed", "single", "replay", "uniform")
ONCE = ("uniform_200k", "latency", "behind")  # in the first round only


def run(out: Path | None, transfers: int, only: str | None, behind_: int | None, rounds: int) -> None:
    """Measure, write the figures to `out` as JSON, and show them: a table on stderr, the same as Markdown on stdout."""
    history = behind_ if behind_ is not None else 20 * MILLION if transfers >= MILLION else 0
    check(out, transfers, history, rounds)
    names = chosen(only, history)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left running
    folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    server = LedgerServer(folder)
    made: dict[str, Any] = {"machine": machine(), "transfers": transfers, "behind_asked": history}
    try:
        with Progress(*columns, console=Console(stderr=True), refresh_per_second=2) as progress:
            made["settings"] = server.start()
            made |= Bench(server, transfers, history, progress).run(names, rounds)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print_report(made)
    print(markdown(made))
    if wrong := failures(made):
        raise BenchFailed("; ".join(wrong))


def check(out: Path | None, transfers: int, history: int, rounds: int) -> None:
    """Raise `InvalidInput` for numbers with which nothing can be measured, and for a file that cannot be written."""
    for option, given, least in (
        ("transfers", transfers, 1_000),
        ("behind", history, 0),
        ("rounds", rounds, 1),
    ):
        if given < least:
            raise InvalidInput(f"--{option}", str(given), f"{least} or more")
    if out is not None and not out.absolute().parent.is_dir():
        raise InvalidInput("--json", f"{out}, whose folder is not there", "a file in a folder that is")


def chosen(only: str | None, history: int) -> list[str]:
    """Return the names to run, in the order they run; `copy_limit` needs `hot` and adds it. `InvalidInput` for unknown
    names."""
    known = [name for name in (*NAMES, *ONCE) if history or name != "behind"]
    asked = set(only.split(",")) if only is not None else set(known)
    if unknown := asked - set(known):
        without = "" if history else "; behind with --behind above 0"
        raise InvalidInput("--only", ",".join(sorted(unknown)), ",".join(known) + without)
    return [name for name in known if name in asked or (name == "hot" and "copy_limit" in asked)]


class Bench:
    """One run on one server: the measurements by name."""

    def __init__(self, server: LedgerServer, transfers: int, history: int, progress: Progress) -> None:
        """`transfers` for each workload; `history` is how many precede the last ones in `behind`."""
        self.server, self.transfers, self.history, self.progress = server, transfers, history, progress
        self.stored: Stored | None = None
        self._special: dict[str, Callable[[], Figures]] = {
            "copy_limit": self._copy_limit,
            "row_locks": lambda: row_locks(
                self.server, self._floor(), self._bar("row_locks", self._floor().transfers)
            ),
            "pgbench": lambda: pgbench(self.server, self._floor()),
            "single": self._single,
            "latency": self._latency,
            "behind": self._behind,
        }

    def run(self, names: Sequence[str], rounds: int) -> dict[str, Figures]:
        """Run the named ones in rounds; return the median round of each, with the rates of all rounds."""
        found: dict[str, list[Figures]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names:
                if number == 0 or name not in ONCE:
                    found[name].append(self._special.get(name, lambda name=name: self._stream(name))())
        return {name: median_round(figures) for name, figures in found.items()}

    def _stream(self, name: str) -> Figures:
        limited = 200_000 if name == "uniform_200k" else 10_000
        workload = Workload(SHAPES[name], cut(self.transfers), limited, now_ms())
        with running(self.server, name) as writer:
            found, ran = measure(writer, name, workload, sender(IN_FLIGHT), self._bar)
            if name == "hot":
                self.stored = Stored.read(writer.url, workload, ran.sent.in_order())
        return found | {"in_flight": IN_FLIGHT}

    def _copy_limit(self) -> Figures:
        assert self.stored is not None, "hot runs before it"
        return copy_limit(self.server, self.stored, self._bar("copy_limit", self.transfers))

    def _floor(self) -> Workload:
        return Workload(HOT, cut(max(1_000, self.transfers // FLOOR_SHARE)), now_ms=now_ms())

    def _single(self) -> Figures:
        workload = Workload(HOT, [self.transfers], now_ms=now_ms())
        with running(self.server, "single") as writer:
            found, _ = measure(writer, "single", workload, send_singles, self._bar, as_transfers)
        return found | {"batch": 1, "callers": CALLERS}

    def _latency(self) -> Figures:
        counts = {size: max(20, count * self.transfers // MILLION) for size, count in LATENCY_FRAMES.items()}
        sizes = [size for size, count in counts.items() for _ in range(count)]
        with running(self.server, "latency") as writer:
            workload = Workload(HOT, sizes, now_ms=now_ms())
            found, ran = measure(writer, "latency", workload, sender(1), self._bar)
        return found | {"in_flight": 1, "sizes": {str(size): latency(ran, size) for size in counts}}

    def _behind(self) -> Figures:
        workload = Workload(HOT, cut(self.history + self.transfers), now_ms=now_ms())
        return behind(self.server, workload, self.transfers, IN_FLIGHT, self._bar)

    def _bar(self, title: str, total: int) -> Tick:
        task = self.progress.add_task(title, total=total)
        return lambda done: self.progress.update(task, advance=done)


def latency(ran: Ran, size: int) -> dict[str, float]:
    """Return how long frames of each size took, sent one at a time; the stream has the sizes one after another."""
    took = np.array(
        [one for one, frame in zip(ran.sent.took, ran.workload.sizes, strict=True) if frame == size]
    )
    p50, p99 = np.percentile(took * 1000, (50, 99))
    return {
        "frames": len(took),
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "transfers_per_s": round(size * len(took) / float(took.sum())),
    }


def median_round(rounds: Sequence[Figures]) -> Figures:
    """Return the figures of the median round, or of a failed one, with the rates of all rounds."""
    if "skipped" in rounds[0]:
        return rounds[0]
    ranked = sorted(rounds, key=lambda one: one["transfers_per_s"])
    wrong = [one for one in rounds if failures({"one": one})]
    rates = [one["transfers_per_s"] for one in rounds]
    return (wrong[0] if wrong else ranked[len(ranked) // 2]) | {"rounds": rates}
