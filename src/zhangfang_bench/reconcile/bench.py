"""Runs the measurement for each number of lines: plant, reconcile step by step, compare with what was planted, peers."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
from rich.console import Console

from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.database import connect
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, account, open_accounts, subjects_of
from zhangfang.payments import Desk
from zhangfang.reconciliation import files
from zhangfang.reconciliation.receiving import receive_csv
from zhangfang_bench.ledger.running import running
from zhangfang_bench.ledger.server import LedgerServer, LedgerWriter
from zhangfang_bench.machine import machine
from zhangfang_bench.reconcile.peers import run_peer
from zhangfang_bench.reconcile.report import print_report

SQL, FILL = load(__package__, "plant.sql"), load("zhangfang_bench.settlement", "fill.sql")
DAY, MOMENT = date(2026, 9, 1), datetime(2026, 9, 1, 2, tzinfo=UTC)
PIECE = 500_000  # payments that one statement plants
CHANNEL = "unionpay"
LEAST = 1_000  # lines: one of each planted class
PATIENCE_S = 7200.0
Show = Callable[[str], None]
Figures = dict[str, Any]


def run(out: Path | None, sizes: str) -> int:
    """Measure each size, print the figures, write them to `out` as JSON; return 1 if a result is not what was planted."""
    counts = check(out, sizes)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=True)
    made: Figures = {"machine": machine(), "sizes": {}}
    for count in counts:
        with console.status(f"{count:,} lines") as status:
            made["sizes"][str(count)] = measured(count, status.update)
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print_report(made)
    return int(any(one["wrong"] for one in made["sizes"].values()))


def check(out: Path | None, sizes: str) -> list[int]:
    """Return the numbers of lines. Raises `InvalidInput` for what cannot be measured, and for a file without a folder."""
    if not all(one.strip().isdigit() and int(one) >= LEAST for one in sizes.split(",")):
        raise InvalidInput("--lines", sizes, f"numbers from {LEAST}, with commas between")
    if out is not None and not out.absolute().parent.is_dir():
        raise InvalidInput("--json", f"{out}, whose folder is not there", "a file in a folder that is")
    return [int(one) for one in sizes.split(",")]


def measured(count: int, show: Show) -> Figures:
    """Measure one size on a server of its own; everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
    server = LedgerServer(folder)
    try:
        server.start()
        with running(server, "reconcile") as writer:
            ours, theirs = folder / "ours.csv", folder / "theirs.csv"
            asyncio.run(plant(writer.url, count, ours, theirs, show))
            made = asyncio.run(reconciled(writer, count, theirs, show))
        for name in ("duckdb", "pandas"):
            show(name)
            made[name] = run_peer(name, ours, theirs)
        return made
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def plant(url: str, count: int, ours: Path, theirs: Path, show: Show) -> None:
    """Store the payments, and write both files. The indexes are built when all are there: one by one they cost ten times."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(SQL.for_many)
        indexes = await connection.fetch(FILL.indexes)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        for first in range(0, count, PIECE):
            show(f"{count:,} lines: planted {first:,}")
            await connection.execute(
                SQL.intents, first + 1, min(first + PIECE, count), DAY, MOMENT, timeout=PATIENCE_S
            )
        for n, index in enumerate(indexes, 1):
            show(f"{count:,} lines: index {n} of {len(indexes)}")
            await connection.execute(index["made"], timeout=PATIENCE_S)
        await connection.execute("VACUUM ANALYZE", timeout=PATIENCE_S)
        show(f"{count:,} lines: writing both files")
        options: Any = {"format": "csv", "header": True, "timeout": PATIENCE_S}
        await connection.copy_from_query(SQL.ours, output=ours, **options)
        await connection.copy_from_query(SQL.theirs, count, output=theirs, **options)
        await connection.execute("CHECKPOINT", timeout=PATIENCE_S)
    finally:
        await connection.close()


async def reconciled(writer: LedgerWriter, count: int, path: Path, show: Show) -> Figures:
    """Take the file step by step, and compare what is in the database and in the books with what was planted."""
    pool = await connect(writer.url, 4)
    async with LedgerClient(writer.socket) as ledger:
        await open_accounts(ledger, subjects_of("channel", CHANNEL))
        nobody: Any = None  # no line is evidence of an open payment here, so no vault is asked
        desk = Desk(pool, ledger, {}, nobody, SystemClock(), "cmb")
        _count_memory_anew()
        steps = await _steps(desk, path, show)
        memory = await _memory(pool, writer)
        show("comparing")
        wrong = [*await _wrong_rows(pool, count), *await _wrong_books(ledger, count)]
    pool.terminate()
    total = sum(seconds for step, seconds in steps.items() if step != "booking")
    return {"lines": count, "seconds": round(total, 3), "steps": steps, "memory_mb": memory, "wrong": wrong}


async def _steps(desk: Desk, path: Path, show: Show) -> dict[str, float]:
    """Do what `take_file` does; return the seconds of each step."""
    took: dict[str, float] = {}
    with _timed(took, "receiving", show):
        await receive_csv(desk.pool, desk.clock, CHANNEL, DAY, path, path.name, "")
    with _timed(took, "weighing", show):
        await files.weigh_lines(desk, CHANNEL, DAY)
    with _timed(took, "placing", show):
        await files.place(desk.pool, desk.clock, CHANNEL, DAY)
    with _timed(took, "booking", show):
        await files.book(desk, CHANNEL, DAY)
    return took


@contextmanager
def _timed(took: dict[str, float], name: str, show: Show) -> Iterator[None]:
    show(name)
    began = perf_counter()
    yield
    took[name] = round(perf_counter() - began, 3)


async def _memory(pool: asyncpg.Pool, writer: LedgerWriter) -> dict[str, int]:
    """Return the most memory of this process, of the ledger, and of the largest backend (shared buffers included), in MB."""
    backends = [_peak_mb(row["pid"]) for row in await pool.fetch(SQL.backends)]
    return {
        "platform": _peak_mb("self"),
        "ledger": round(writer.memory_mb("VmHWM")),
        "backend": max(backends),
    }


def _count_memory_anew() -> None:
    """Let the kernel forget the most memory that this process has held."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb(pid: int | str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)


_PLANTED = {  # in the payments of each thousand: what tells such a break from the others
    1: "missing_there 01990000000070008000{n:010x}00",
    2: "amount_differs Q{n}",
    3: "duplicate Q{n}",
    4: "missing_here N{n}",
    5: "unread row {n}",
}


def planted(count: int) -> Counter[str]:
    """Return what has to be found."""
    return Counter(
        text.format(n=n) for first, text in _PLANTED.items() for n in range(first, count + 1, 1000)
    )


async def _wrong_rows(pool: asyncpg.Pool, count: int) -> list[str]:
    found = Counter(row["found"] for row in await pool.fetch(SQL.breaks))
    expected = planted(count)
    wrong = [f"not found: {one}" for one in (expected - found)] + [
        f"not planted: {one}" for one in (found - expected)
    ]
    lost = len(range(1, count + 1, 1000))
    matched = await pool.fetchval(SQL.matched)
    return wrong[:5] + ([f"{matched} matched"] if matched != count - lost else [])


async def _wrong_books(ledger: LedgerClient, count: int) -> list[str]:
    def fen(first: int) -> int:
        return sum(1000 + n % 977 for n in range(first, count + 1, 1000))

    long = len(range(2, count + 1, 1000)) + fen(3) + fen(4)
    listed = sum(1000 + n % 977 for n in range(1, count + 1)) - fen(1)
    wanted = {2351: -long, 1242: fen(1), 3012: listed + long}
    accounts = {code: account(code, CHANNEL).id for code in wanted}
    held = await ledger.account_balances(accounts.values())
    stands = {code: held[id_].debits - held[id_].credits for code, id_ in accounts.items()}
    return [
        f"{code}: {stands[code]} fen, not {fen_}" for code, fen_ in wanted.items() if stands[code] != fen_
    ]
