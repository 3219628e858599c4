"""Releases the statements of many merchants for one date on a server of its own, and draws each as PDF.

Beside the release stands a plain SQL aggregate of the same entries and payments, which also says whether each statement's
balances and counts are right.
"""

import asyncio
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.database import connect
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang.kernel.sql import load
from zhangfang.statements import release
from zhangfang.statements.batch import write_all
from zhangfang_bench.closing.bench import DAY, fill
from zhangfang_bench.machine import machine
from zhangfang_bench.timing import timed

queries = load(__package__, "fill.sql")
DATES = 2  # of the filled history


class WrongStatement(ZhangfangError):
    """A merchant's statement is not what the aggregate says."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts, and seconds. `lines` are movements of the date, `payments` its payments, with those that failed."""

    merchants: int
    lines: int
    payments: int
    fill_s: float
    aggregate_s: float
    release_s: float
    pdf_s: float

    @property
    def per_second(self) -> float:
        """Return how many statements were released in a second."""
        return self.merchants / self.release_s

    @property
    def pdfs_per_second(self) -> float:
        """Return how many were drawn in a second."""
        return self.merchants / self.pdf_s


def run(out: Path | None, merchants: int, payments: int) -> None:
    """Measure, compare, print one line, and write the JSON."""
    if merchants < 2 or payments < 1_000:
        raise InvalidInput("--merchants, --payments", f"{merchants}, {payments}", "at least 2 and 1,000")
    folder, said = Path(tempfile.mkdtemp(prefix="zf-bench-")), Console(width=125, soft_wrap=True)
    (folder / "pdf").mkdir()
    server = EmbeddedPostgres(folder / "pg")
    try:
        found = asyncio.run(measure(server.start(), folder / "pdf", merchants, payments))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    rates = {"per_second": found.per_second, "pdfs_per_second": found.pdfs_per_second}
    if out is not None:
        out.write_text(json.dumps({"machine": machine(), **asdict(found), **rates}, indent=2) + "\n", "utf-8")
    said.print(
        f"{found.merchants:,} statements with {found.lines:,} movements released in {found.release_s:.1f} s: "
        f"{found.per_second:,.0f} a second, {found.release_s / found.aggregate_s:.1f} of the aggregate; "
        f"as PDF {found.pdfs_per_second:,.0f} a second",
        markup=False,
    )


async def measure(url: str, pdfs: Path, merchants: int, payments: int) -> Figures:
    """Fill the empty database at `url`, release every statement of its last date, compare, and draw each as PDF."""
    fill_s = await timed("filling", fill(url, payments, DATES, merchants))
    pool, clock = await connect(url, 4), SystemClock()
    try:
        await pool.execute(queries.merchants, merchants)
        fill_s += await timed("filling payments", pool.execute(queries.payments, DAY, timeout=3600))
        await pool.execute("VACUUM ANALYZE", timeout=3600)
        aggregate_s = await timed("aggregate", pool.execute(queries.aggregate, timeout=3600))
        release_s = await timed("releasing", release(pool, clock, DAY))
        if wrong := await pool.fetchval(queries.wrong):
            raise WrongStatement(f"{wrong} statements are not what the aggregate says")
        size = await pool.fetchrow(queries.size)
        pdf_s = await timed("drawing", write_all(pool, DAY, "combined", "pdf", pdfs))
    finally:
        await pool.close()
    return Figures(merchants, size["lines"], size["payments"], fill_s, aggregate_s, release_s, pdf_s)
