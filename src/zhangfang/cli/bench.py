"""`zhangfang bench payments`: collections through the whole platform, beside floors taken in the same run.

A payment's time ends when the journal, asked by SQL every 20 ms, shows its success as committed: so it includes up
to 20 ms of looking, and the 50 ms that the sandbox bank waits before it notifies. Commits are PostgreSQL's own count
of committed transactions, reading ones too, from before the platform starts to after it has stopped, without those
of the measuring; they are divided by all payments, those of the warm-up too.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

import aiohttp
import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.cli.bench_machine import cpu_seconds, machine
from zhangfang.cli.bench_report import print_report, ratio
from zhangfang.cli.caller import Caller
from zhangfang.cli.house import House, HouseError, Process, answers, free_port
from zhangfang.cli.parts import open_platform_accounts
from zhangfang.cli.sandbox import MER_ID, ask, provision
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate

MEASURED = ("serve", "ledger", "work", "unionpay")
_COUNTS = """
SELECT
    (SELECT count(*) FROM intent WHERE state = 'SUCCESS') AS succeeded,
    (SELECT count(*) FROM intent) AS intents,
    (SELECT count(DISTINCT t.voucher) FROM transfer t JOIN intent i ON i.voucher = t.voucher) AS booked,
    (SELECT count(*) FROM step WHERE kind = 'notification' AND state = 'SUCCESS') AS notified,
    (SELECT coalesce(sum(amount), 0)::bigint FROM intent) AS amount_fen
"""
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


class BenchFailed(ZhangfangError):
    """The bench could not measure, or what it measured was wrong."""


def bench_payments(out: Path | None, payments: int, payers: int, floor_seconds: float) -> None:
    """Measure with and without RSA, print a table, and write the figures to `out` as JSON."""
    console = Console(stderr=True)
    made: dict[str, Any] = {"machine": machine(), "payers": payers, "runs": {}}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for name in ("signed", "null_signatures"):
            run = Run(name, payments, payers, floor_seconds, progress)
            made["runs"][name] = run.measure()
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print_report(made)


class Run:
    """One run on a house of its own."""

    def __init__(self, name: str, payments: int, payers: int, seconds: float, progress: Progress) -> None:
        """`seconds` is how long each floor is measured."""
        self.name, self.payments, self.payers, self.seconds = name, payments, payers, seconds
        self.warm_up = max(payers, payments // 10)
        self.progress = progress
        self.folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
        self.house = null_house(self.folder) if name == "null_signatures" else House(self.folder)

    def measure(self) -> dict[str, Any]:
        """Start everything, measure, check what was measured, stop everything."""
        try:
            return self._measure()
        finally:
            self.house.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _measure(self) -> dict[str, Any]:
        url = self._start_below()
        commits = asyncio.run(_one(url, _COMMITS))[0]
        self._start_platform()
        payer = asyncio.run(self._merchant()) | {"what": "payments", "port": self.house.port}
        warm = self._load(payer | {"count": self.warm_up, "prefix": "w"}, "warming up")
        before = self._floors(url)
        cpu = self._cpu()
        result = self._load(payer | {"count": self.payments, "prefix": "p"}, "payments")
        spent = {name: used - cpu[name] for name, used in self._cpu().items()}
        between = self._floor("empty", {})
        counts = asyncio.run(_one(url, _COUNTS))
        self._check(dict(counts))
        ...
