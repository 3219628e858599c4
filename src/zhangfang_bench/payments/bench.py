"""`zhangfang bench payments`: collections through the whole platform, compared with floors of the same run.

A payment's time ends when the journal, queried every 20 ms, shows its success as committed. So it includes up to 20 ms
of waiting for the query, and the 50 ms that the sandbox bank waits before it notifies. Commits are PostgreSQL's own
count of committed transactions from the start of the platform to its end, reads and the driver's polls included, those
of the measuring excluded. They are divided by all payments, warm-up included.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.house import READY_SECONDS, House, Process, answers
from zhangfang.assembly.ports import free_ports
from zhangfang.assembly.sandbox.caller import Caller
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.sandbox.counter import provision
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate
from zhangfang_bench.machine import cpu_seconds, machine
from zhangfang_bench.payments.load import PAYERS, payer_account
from zhangfang_bench.payments.report import print_report, ratio

PLATFORM = ("serve", "ledger", "work")
_HERE = "zhangfang_bench.payments.processes"
BANKS = ("cmb", "unionpay")  # those that its payments go by
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
_COUNTS = """
SELECT
    (SELECT count(*) FROM intent) AS payments,
    (SELECT count(*) FROM intent WHERE state = 'SUCCESS') AS succeeded,
    (SELECT count(DISTINCT t.voucher) FROM transfer t JOIN intent i ON i.voucher = t.voucher) AS booked,
    (SELECT count(*) FROM step WHERE kind = 'notification' AND state = 'SUCCESS') AS by_notification
"""
_ORDERS = "SELECT channel_order_no, amount FROM intent WHERE state = 'SUCCESS'"


class BenchFailed(ZhangfangError):
    """The bench could not measure, or the results were wrong."""


def run(out: Path | None, payments: int, payers: int, floor_seconds: float) -> None:
    """Measure with and without RSA, print a table, and write the figures to `out` as JSON."""
    if payments < 2 or payers < 1:
        raise InvalidInput("--payments, --payers", f"{payments} and {payers}", "at least 2 and at least 1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left running
    made: dict[str, Any] = {"machine": machine(), "payers": payers, "runs": {}}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for name, house in (("signed", House), ("null_signatures", null_house)):
            folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
            run = Run(house(folder), payments, payers, floor_seconds, progress, name.replace("_", " "))
            try:
                made["runs"][name] = run.measure()
            finally:
                run.house.stop()
                shutil.rmtree(folder, ignore_errors=True)
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print_report(made)


async def _sign(merchant: Caller) -> None:
    """Make a mandate on paper for every payer, with limits above what the run needs."""
    today = datetime.now(CHINA).date()
    wide = dict.fromkeys(("limit_each", "limit_day", "limit_month"), 10**11)
    for number in range(PAYERS):
        account = {"number": payer_account(number), "name": "付款人"}
        body = {"mandate_no": f"m{number}", "account": account, "evidence": "benchmark", **wide}
        days = {"valid_from": str(today), "valid_until": str(today + timedelta(days=2))}
        status, said = await merchant.post("/v1/mandates", body | days, f"m{number}")
        if status != 201:
            raise BenchFailed(f"a mandate was answered with {status} {said}")


def null_house(folder: Path) -> House:
    """Return the platform without RSA on either side of UnionPay's wire."""
    port, control = House(folder, banks=BANKS).ports["unionpay"]  # written down, and found by the next one
    bank = [sys.executable, "-m", "zhangfang_sandbox.unionpay", "--data", str(folder / "banks" / "unionpay")]
    ours = {name: [sys.executable, "-m", _HERE, name] for name in ("serve", "work")}
    bank += ["--port", str(port), "--control-port", str(control), "--null-signatures"]
    return House(folder, commands=ours | {"unionpay": bank}, banks=BANKS)


class Run:
    """One run on a platform of its own: floors, payments, floors again."""

    def __init__(
        self, house: House, payments: int, payers: int, seconds: float, progress: Progress, name: str
    ) -> None:
        """`seconds` is how long each floor is measured."""
        self.house, self.payments, self.payers, self.seconds = house, payments, payers, seconds
        self.house.database_url = ""  # never on a database that somebody uses
        self.warm_up = max(payers, payments // 10, 2)
        self.progress, self.name = progress, name

    def measure(self) -> dict[str, Any]:
        """Return the figures, checked against journal, ledger and the bank's book."""
        url = self.house.start_database()
        asyncio.run(migrate(url))
        self.house.start_banks()
        provision(self.house)
        before = self._floors(url)
        commits = -_row(url, _COMMITS)[0]
        self.house.start_platform()
        plan = asyncio.run(self._merchant()) | {"database": url}
        warm = self._payments(plan, self.warm_up, "w")
        cpu = self._cpu()
        timed = self._payments(plan, self.payments, "p")
        cpu = {name: used - cpu[name] for name, used in self._cpu().items()}
        for name in PLATFORM:
            self.house.processes[
                name
            ].stop()  # closing the connections reports their last counts to PostgreSQL
        commits += _row(url, _COMMITS)[0] - warm["polls"] - timed["polls"]
        checked = self._check(url)
        floors = {"before": before, "after": self._floors(url)}
        cpu |= {"postgres": cpu["postgres"] - timed["poll_cpu_seconds"], "load": timed["cpu_seconds"]}
        return (
            self._figures(timed, commits, cpu)
            | {"floors": floors, "checked": checked}
            | ratio(self.payments / timed["seconds"], floors)
        )

    def _figures(self, timed: Mapping[str, Any], commits: int, cpu: Mapping[str, float]) -> dict[str, Any]:
        times = {name: timed[name] for name in ("p50_ms", "p99_ms", "answer_p50_ms", "answer_p99_ms")}
        return times | {
            "payments": self.payments,
            "payments_per_s": round(self.payments / timed["seconds"], 1),
            "commits_per_payment": round(commits / (self.payments + self.warm_up), 3),
            "cpu_us_per_payment": {name: round(used * 1e6 / self.payments) for name, used in cpu.items()},
        }

    async def _merchant(self) -> dict[str, Any]:
        """Open the platform's accounts and a merchant; return what payers need."""
        async with LedgerClient(self.house.home / "ledger.sock") as ledger:
            await open_platform_accounts(ledger)
        body = {"name": "压测商户", "fee_rules": [{"kind": "collection", "rate_ppm": 6000}]}
        async with aiohttp.ClientSession() as session:
            admin = Caller(session, self.house.url, (self.house.home / "admin-key").read_text())
            _, made = await admin.call("POST", "/v1/merchants", body)
            _, key = await admin.call("POST", f"/v1/merchants/{made['id']}/keys")
            await _sign(Caller(session, self.house.url, key["secret"]))
        return {"merchant": made["id"], "key": key["secret"], "port": self.house.port}

    def _payments(self, plan: Mapping[str, Any], count: int, prefix: str) -> dict[str, Any]:
        title = f"{self.name}: {'warming up' if prefix == 'w' else 'payments'}"
        return self._load(title, dict(plan) | {"what": "payments", "count": count, "prefix": prefix}, count)

    def _floors(self, url: str) -> dict[str, float]:
        with self._empty_server() as (port, pid):
            used = cpu_seconds(pid)
            empty = self._load(f"{self.name}: floor, empty requests", {"what": "empty", "port": port})
            used = cpu_seconds(pid) - used
        commits = self._load(f"{self.name}: floor, commits", {"what": "commits", "database": url})
        return {
            "empty_requests_per_s": round(empty["per_second"]),
            "empty_request_cpu_us": round(used * 1e6 / empty["calls"], 1),
            "single_row_commits_per_s": round(commits["per_second"]),
        }

    @contextmanager
    def _empty_server(self) -> Iterator[tuple[int, int]]:
        (port,) = free_ports(1)
        command = [sys.executable, "-m", _HERE, "empty", str(port)]
        server = Process("empty", command, self.house.home / "logs" / "empty.log")
        server.start()
        try:
            until = time.monotonic() + READY_SECONDS
            while not answers(port):
                if not server.running() or time.monotonic() > until:
                    raise BenchFailed(f"the empty server did not start:\n{server.log.read_text()[-600:]}")
                time.sleep(0.02)
            assert server.child is not None
            yield port, server.child.pid
        finally:
            server.stop()

    def _load(self, title: str, plan: Mapping[str, Any], total: int | None = None) -> dict[str, Any]:
        """Run the load generator on a plan, show its progress, and return its result."""
        whole = dict(plan) | {"callers": self.payers, "seconds": self.seconds}
        task = self.progress.add_task(title, total=total)
        command = [sys.executable, "-m", "zhangfang_bench.payments.load"]
        said: dict[str, Any] = {}
        log = self.house.home / "logs" / "load.log"
        with (
            log.open("wb") as errors,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as load,
        ):
            assert load.stdin is not None
            assert load.stdout is not None
            load.stdin.write(json.dumps(whole).encode())
            load.stdin.close()
            for line in load.stdout:
                said = json.loads(line)
                self.progress.update(task, completed=said.get("done", total or 1), total=total or 1)
        if load.returncode:
            tails = (self.house.log_tail(name, 8) for name in ("load", *self.house.processes))
            raise BenchFailed(f"{title}: " + "\n".join(filter(None, tails)))
        return said

    def _cpu(self) -> dict[str, float]:
        """Return the CPU seconds that each process has used so far."""
        children = {name: self.house.processes[name].child for name in (*PLATFORM, "unionpay")}
        children["postgres"] = self.house.postgres.process
        return {name: cpu_seconds(child.pid) for name, child in children.items() if child is not None}

    def _check(self, url: str) -> dict[str, Any]:
        """Compare journal, ledger and the bank's own book. Any difference makes the figures invalid."""
        counts = dict(_row(url, _COUNTS))
        ours = {row["channel_order_no"]: row["amount"] for row in _rows(url, _ORDERS)}
        book = ask("GET", self.house.control("unionpay") + "/book?state=SUCCESS")
        theirs = {row["orderId"]: row["amount"] for row in book}
        expected = self.payments + self.warm_up
        if {expected} != {counts["payments"], counts["succeeded"], counts["booked"], len(book)}:
            raise BenchFailed(
                f"{expected} payments were made; found: {counts}, {len(book)} in the bank's book"
            )
        if ours != theirs:
            raise BenchFailed("the journal and the bank's book do not agree order by order")
        return counts | {"in_banks_book": len(book), "gap_fen": sum(theirs.values()) - sum(ours.values())}


def _row(url: str, sql: str) -> Any:
    return _rows(url, sql)[0]


def _rows(url: str, sql: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())
