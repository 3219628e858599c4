"""Settles many merchants at once, on a server of its own, beside two floors taken in the same run: an SQL aggregate of the
same payments, and the bare marks (one update and one step a payment) that no settlement can do without.
"""

import asyncio
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import track

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock, SystemClock
from zhangfang.kernel.database import connect
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result, account, accounts_for, adjustment
from zhangfang.payments import Desk
from zhangfang.settlement import settle
from zhangfang.vault import Vault, create_key_file
from zhangfang_bench.ledger.running import running
from zhangfang_bench.ledger.server import LedgerServer
from zhangfang_bench.machine import machine
from zhangfang_bench.timing import timed

queries = load(__package__, "fill.sql")
LONG_AGO = timedelta(days=20)  # of the payments: by then each is due
AT_ONCE = 4_000
PATIENCE_S = 3600


class WrongResult(ZhangfangError):
    """A merchant's batch is not what the aggregate says."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, and what they were spent on."""

    merchants: int
    payments: int
    settle_s: float
    aggregate_s: float
    marks_s: float

    @property
    def per_second(self) -> float:
        """Return how many payments were settled in a second."""
        return self.payments / self.settle_s


def run(out: Path | None, merchants: int, payments: int) -> None:
    """Measure, compare, print one line, and write the JSON."""
    if not 1 <= merchants <= payments:
        raise InvalidInput(
            "--merchants, --payments", f"{merchants} and {payments}", "at least one payment each"
        )
    folder, said = Path(tempfile.mkdtemp(prefix="zf-bench-")), Console(width=125, soft_wrap=True)
    server = LedgerServer(folder)
    try:
        server.start()
        with running(server, "settlement") as writer:
            found = asyncio.run(measure(writer.url, writer.socket, folder, merchants, payments))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if out is not None:
        made = {"machine": machine(), **asdict(found), "per_second": found.per_second}
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    ratios = (found.settle_s / found.aggregate_s, found.settle_s / found.marks_s)
    text = f"{merchants:,} merchants, {payments:,} payments settled in {found.settle_s:.1f} s: "
    text += f"{found.per_second:,.0f} payments a second; {ratios[0]:.1f} of the aggregate, {ratios[1]:.1f} of the bare marks"
    said.print(text, markup=False)


async def measure(url: str, socket: Path, folder: Path, merchants: int, payments: int) -> Figures:
    """Fill the empty database at `url`, settle everything in it, and compare each batch with the aggregate."""
    clock, pool = SystemClock(), await connect(url, 4)
    try:
        async with LedgerClient(socket, 60) as ledger:
            await timed("filling", _fill(pool, ledger, clock, merchants, payments))
            create_key_file(folder / "vault.json")
            desk = Desk(pool, ledger, {}, Vault(folder / "vault.json"), clock)
            floors = [
                await timed("aggregate", pool.execute(queries.aggregate, timeout=PATIENCE_S)),
                await timed("bare marks", pool.execute(queries.marked, clock.now(), timeout=PATIENCE_S)),
            ]
            await pool.execute("VACUUM ANALYZE intent", timeout=PATIENCE_S)
            settled = await timed("settling", settle(desk, china_day(clock.now())))
            await desk.gate.router.close()
        if wrong := await pool.fetchval(queries.wrong):
            raise WrongResult(f"{wrong} merchants were not settled as the aggregate says")
    finally:
        await pool.close()
    return Figures(merchants, payments, settled, *floors)


async def _fill(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, merchants: int, payments: int
) -> None:
    """Write merchants and payments, open the merchants' accounts, and give each what its payments come to."""
    early = clock.now() - LONG_AGO
    day = china_day(early)
    await pool.execute(queries.merchants, merchants, early, timeout=PATIENCE_S)
    indexes = await pool.fetch(queries.indexes)
    for index in indexes:
        await pool.execute(f"DROP INDEX {index['name']}")
    await pool.execute(queries.payments, merchants, payments, day, early, timeout=PATIENCE_S)
    await pool.execute(queries.listed, timeout=PATIENCE_S)
    for index in track(indexes, "indexes", console=Console(stderr=True)):
        await pool.execute(index["made"], timeout=PATIENCE_S)
    await pool.execute(queries.file, day, clock.now())
    await pool.execute("VACUUM ANALYZE", timeout=PATIENCE_S)
    await ledger.create_accounts([account(3012, "unionpay")])
    rows = await pool.fetch(queries.pending, timeout=PATIENCE_S)
    for first in track(range(0, len(rows), AT_ONCE), "opening accounts", console=Console(stderr=True)):
        some = rows[first : first + AT_ONCE]
        for template in ("T1", "T2"):
            await ledger.create_accounts(
                [
                    one
                    for row in some
                    for one in accounts_for(template, dict.fromkeys((2321, 2322, 2323), row["merchant"]))
                ]
            )
        given = await ledger.create_transfers([_given(clock, row["merchant"], row["fen"]) for row in some])
        assert {one.result for one in given} == {Result.CREATED}, given[0]


def _given(clock: Clock, merchant: str, fen: int) -> Any:
    there, here = (3012, "unionpay"), (2321, merchant)
    made = adjustment(
        new_id(clock),
        debit=there,
        credit=here,
        amount=fen,
        business_date=china_day(clock.now()),
        memo=new_id(clock),
    )
    return made[0]
