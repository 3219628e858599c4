"""`zhangfang bench closing`: trial balance and one merchant's statement with a short and with a long history behind.

The business date that is read is the same size each time; what grows is the number of dates before it. Beside each reading
stands a plain SQL aggregate over the entries, which also says whether the reading is right.
"""

import asyncio
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import track

from zhangfang.closing.roll import roll
from zhangfang.closing.trial import trial_balance
from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.database import connect
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang.kernel.sql import load
from zhangfang.schema import migrate
from zhangfang.statements.reading import statement
from zhangfang_bench.machine import machine

plain, queries = load(__package__, "plain.sql"), load(__package__, "fill.sql")
DAY, MERCHANT = date(2026, 9, 1), f"mer_{1:026}"
TIMES, PLAIN_TIMES = 15, 3
UNPAGED = 100  # of the newest transfers, those that are on no page yet


class Differs(ZhangfangError):
    """A reading of the books is not what its entries add up to."""


def run(out: Path | None, entries: str, day: int, merchants: int) -> None:
    """Measure each size on a database of its own, write the figures to `out` as JSON, and print them as Markdown."""
    sizes = _sizes(entries, day, merchants)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    made: dict[str, Any] = {"machine": machine(), "entries_a_day": day, "merchants": merchants, "sizes": []}
    for size in sizes:
        Console(stderr=True).print(f"{size:,} entries", markup=False)
        folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
        server = EmbeddedPostgres(folder)
        try:
            made["sizes"].append(asyncio.run(measure(server.start(), size, day, merchants)))
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    Console(width=125, soft_wrap=True).print(table(made["sizes"]), markup=False)


def _sizes(entries: str, day: int, merchants: int) -> list[int]:
    sizes = [int(text) if text.isdecimal() else 0 for text in entries.split(",")]
    if day < 1_000 or merchants < 2 or any(size < 2 * day for size in sizes):
        raise InvalidInput(
            "--entries, --day, --merchants",
            f"{entries:.40}, {day}, {merchants}",
            "numbers; two days of 1,000 entries",
        )
    return sizes


async def measure(url: str, entries: int, day: int, merchants: int) -> dict[str, Any]:
    """Fill an empty database and measure both readings, each beside its plain aggregate; milliseconds."""
    began = time.perf_counter()
    await fill(url, day // 2, entries // day, merchants)
    filled = time.perf_counter() - began
    connection, pool = await asyncpg.connect(url), await connect(url, 1)
    try:
        own = await connection.fetchval(plain.accounts, MERCHANT)
        balances, trial_ms = await _timed(lambda: trial_balance(pool, DAY), TIMES)
        rows, plain_trial_ms = await _timed(lambda: connection.fetch(plain.trial_balance, DAY), PLAIN_TIMES)
        said, statement_ms = await _timed(lambda: statement(pool, MERCHANT, "x", DAY), TIMES)
        lines, plain_statement_ms = await _timed(lambda: _plain_statement(connection, own), PLAIN_TIMES)
    finally:
        pool.terminate()
        await connection.close()
    _compare(balances, rows, said, lines)
    return {
        "entries": entries, "dates": entries // day, "lines": len(said.entries), "filled_s": round(filled, 1),
        "trial_balance_ms": trial_ms, "plain_trial_balance_ms": plain_trial_ms, "statement_ms": statement_ms,
        "plain_statement_ms": plain_statement_ms,
    }  # fmt: skip


async def fill(url: str, day: int, days: int, merchants: int) -> None:
    """Migrate an empty database and write `days` dates of `day` transfers into it, the last of them `DAY`, which is not
    rolled. The memo of a transfer is its id.
    """
    await migrate(url)
    pool, clock = await connect(url, 1), SystemClock()
    dates = [DAY - timedelta(days=back) for back in reversed(range(days))]
    try:
        await pool.execute(queries.months, dates[0], DAY)
        await pool.execute(queries.accounts, merchants, clock.now())
        for at, date_ in enumerate(track(dates, "filling", console=Console(stderr=True))):
            before, last = at * day, (at + 1) * day
            paged = last - UNPAGED if date_ == DAY else last
            await pool.execute(queries.transfers, date_, before, day, merchants)
            await pool.execute(queries.pages, before, paged)
            await pool.execute(queries.head, last, clock.now())
            await pool.execute(queries.paged, paged)
            if date_ < DAY:
                await roll(pool, clock, date_)
        await pool.execute("VACUUM ANALYZE", timeout=3600)
    finally:
        await pool.close()


async def _timed(work: Callable[[], Awaitable[Any]], times: int) -> tuple[Any, float]:
    """Return what the work gives, and the median of its times in milliseconds; the first run only warms up."""
    made, took = await work(), []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    return made, round(statistics.median(took), 1)


async def _plain_statement(connection: Any, own: Sequence[Any]) -> tuple[int, list[Any]]:
    opening = await connection.fetchval(plain.opening, own, DAY)
    return opening, await connection.fetch(plain.statement, own, DAY)


def _compare(
    balances: Sequence[Any], rows: Sequence[Any], said: Any, lines: tuple[int, Sequence[Any]]
) -> None:
    whole = {row["account"]: (row["opening"], row["debit"], row["credit"]) for row in rows}
    if any((b.opening, b.debit, b.credit) != whole.get(b.account, (0, 0, 0)) for b in balances):
        raise Differs("the trial balance is not the sum of its entries")
    moved = [(row["debit_amount"], row["credit_amount"]) for row in lines[1]]
    if (said.opening, [(one.debit, one.credit) for one in said.entries]) != (lines[0], moved):
        raise Differs("the merchant's statement is not the entries of its date")


def table(sizes: Sequence[dict[str, Any]]) -> str:
    """Return the figures as Markdown, and how each reading grew from the first size to the last."""
    names = ("trial_balance", "statement")
    lines = [
        "| Entries behind | Trial balance, ms | plain SQL | One statement, ms | plain SQL |",
        "|---|---|---|---|---|",
    ]
    for one in sizes:
        cells = [f"{one[f'{plain_}{name}_ms']:,}" for name in names for plain_ in ("", "plain_")]
        lines.append(f"| {one['entries']:,} | {' | '.join(cells)} |")
    grew = [f"{sizes[-1][f'{name}_ms'] / max(sizes[0][f'{name}_ms'], 0.1):.2f}" for name in names]
    history = sizes[-1]["entries"] / sizes[0]["entries"]
    lines.append(f"\n{history:g} times the history: trial balance × {grew[0]}, statement × {grew[1]}")
    return "\n".join(lines)
