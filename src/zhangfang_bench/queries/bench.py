"""`zhangfang bench queries`: fills a database with history, runs every statement in it, and says which read too much."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import asyncpg
from rich.console import Console

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang_bench.machine import machine
from zhangfang_bench.queries.filling import facts, fill
from zhangfang_bench.queries.measure import Seen, look
from zhangfang_bench.queries.statements import every, reason

DAYS = 20  # of business: what a statement may read of the growing tables
SLOW_MS = 50.0


class ReadsTooMuch(ZhangfangError):
    """A statement reads more of a growing table than it may, or could not be run."""


def run(out: Path | None, intents: int, days: int, before: Path | None) -> None:
    """Measure, print the slow statements (beside those of an earlier run), and fail if one reads too much."""
    if days < 1 or intents < 100 * days:
        raise InvalidInput("--intents, --days", f"{intents} and {days}", "at least 100 intents for each day")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
    server = EmbeddedPostgres(folder)
    try:
        seen = asyncio.run(measure(server.start(), intents, days, times=2))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    made = {"machine": machine(), "intents": intents, "days": days, "seen": [asdict(one) for one in seen]}
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    earlier = json.loads(before.read_text("utf-8"))["seen"] if before else []
    Console(width=125, soft_wrap=True).print(
        table(seen, {one["name"]: one["ms"] for one in earlier}), markup=False
    )
    if bad := faults(seen, intents, days):
        raise ReadsTooMuch("\n".join(bad))


async def measure(url: str, intents: int, days: int, *, times: int = 1) -> list[Seen]:
    """Fill the empty database at `url`, and run each statement that has no reason to read all."""
    await fill(url, intents, days)
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        given = await facts(connection)
        return [
            await look(connection, name, sql, given, times=times) for name, sql in every() if not reason(name)
        ]
    finally:
        await connection.close()


def faults(seen: Sequence[Seen], intents: int, days: int) -> list[str]:
    """Return a sentence for each statement that reads too much, or did not run."""
    most = DAYS * intents // days
    found = []
    for one in seen:
        if one.error:
            found.append(f"{one.name}: {one.error}")
        elif one.scanned:
            found.append(f"{one.name}: no index of {', '.join(one.scanned)} serves it")
        elif one.rows > most:
            found.append(
                f"{one.name}: reads {one.rows} rows; allowed: {most}, or a reason in `statements.MAY`"
            )
    return found


def table(seen: Sequence[Seen], earlier: Mapping[str, float]) -> str:
    """Return the statements that are slow, or were, as Markdown."""
    rows = [
        (max(one.ms, earlier.get(one.name, 0)), one, earlier.get(one.name))
        for one in seen
        if max(one.ms, earlier.get(one.name, 0)) >= SLOW_MS
    ]
    lines = ["| Statement | Before, ms | Now, ms | Rows read now |", "|---|---|---|---|"]
    for _, one, was in sorted(rows, key=lambda row: -row[0]):
        before = "" if was is None else f"{was:,.1f}"
        lines.append(f"| `{one.name.removeprefix('zhangfang/')}` | {before} | {one.ms:,.1f} | {one.rows:,} |")
    return "\n".join(lines)
