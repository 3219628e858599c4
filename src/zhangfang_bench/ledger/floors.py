"""The floors that decide: the usual way, one transaction per transfer, with row locks.

`row_locks` sends its one statement (bench.sql) over asyncpg. `pgbench`, PostgreSQL's own load generator, sends the
same statement, to show that the floor is fair.
"""

import asyncio
import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import uvloop

from zhangfang.kernel.postgres import NAME
from zhangfang.kernel.postgres_binaries import find_binaries
from zhangfang.ledger.wire import RESULT, TRANSFER
from zhangfang_bench.ledger.oracle import CREATED, Oracle
from zhangfang_bench.ledger.sending import Tick, as_transfers
from zhangfang_bench.ledger.server import SQL, LedgerServer, costs, rows
from zhangfang_bench.ledger.workloads import MOST_FEN, SPAN_MS, Workload
from zhangfang_bench.payments.bench import BenchFailed

CONNECTIONS = 16
_GENERIC = {"plan_cache_mode": "force_generic_plan"}  # plan once, not with every statement
Figures = dict[str, Any]


def row_locks(server: LedgerServer, workload: Workload, tick: Tick) -> Figures:
    """Move a hot stream's transfers one by one, from as many connections."""
    with server.database("row_locks") as url:
        return uvloop.run(_row_locks(server, url, workload, tick)) | compared(url, workload.limits)


async def _row_locks(server: LedgerServer, url: str, workload: Workload, tick: Tick) -> Figures:
    control = await open_ledger(url, [account.id for account in workload.accounts], workload)
    transfers = iter(as_transfers(workload.frames()))
    connections = [await asyncpg.connect(url, server_settings=_GENERIC) for _ in range(CONNECTIONS)]
    statements = [await connection.prepare(SQL.row_locks) for connection in connections]

    async def lane(statement: Any) -> None:
        for one in transfers:
            await statement.fetchval(one.id, one.debit, one.credit, one.amount, one.business_date)
            tick(1)

    before, began = await server.used(control), perf_counter()
    await asyncio.gather(*map(lane, statements))
    seconds, used = perf_counter() - began, (await server.used(control)).since(before)
    for connection in (control, *connections):
        await connection.close()
    return _figures(workload.transfers, seconds) | costs(workload.transfers, used)


async def open_ledger(url: str, ids: list[UUID], workload: Workload) -> asyncpg.Connection:
    """Make the rows that a writer would find: months, a head, the accounts of a workload under `ids`."""
    connection = await asyncpg.connect(url)
    now = datetime.fromtimestamp(workload.now_ms / 1000, UTC)
    for moment in (now - timedelta(milliseconds=SPAN_MS), now, now + timedelta(days=1)):
        await connection.execute(SQL.open_month, moment)
    await connection.execute(SQL.first_head)
    fields = [
        (id_, int(one.book), one.code, one.subject, int(one.flags), one.limit)
        for id_, one in zip(ids, workload.accounts, strict=True)
    ]
    await connection.execute(SQL.open_accounts, *map(list, zip(*fields, strict=True)))
    return connection


def pgbench(server: LedgerServer, workload: Workload) -> Figures:
    """Let pgbench make about as many random transfers of the same kind with the same statement."""
    program = find_binaries(None) / "pgbench"
    if not program.exists():
        return {"skipped": f"there is no pgbench in {program.parent}"}
    numbered = [UUID(f"8{number:031x}") for number in range(workload.limited + 1)]
    with server.database("pgbench") as url:
        asyncio.run(_ready(url, numbered, workload))
        used = -server.postgres_cpu()
        said = _run_pgbench(program, server, workload)
        used += server.postgres_cpu()
        count = int(_found(r"actually processed: (\d+)", said))
        seconds = count / float(_found(r"tps = ([\d.]+)", said))
        limits = dict(zip((id_.bytes for id_ in numbered), workload.limits.values(), strict=True))
        cpu = {"cpu_us_per_transfer": {"postgres": round(used * 1e6 / count, 2)}}
        return _figures(count, seconds) | cpu | compared(url, limits)


async def _ready(url: str, ids: list[UUID], workload: Workload) -> None:
    await (await open_ledger(url, ids, workload)).close()


def _run_pgbench(program: Path, server: LedgerServer, workload: Workload) -> str:
    script = server.folder / "pgbench.sql"
    script.write_text(pgbench_script(workload))
    each = max(1, workload.transfers // CONNECTIONS)
    command = [str(program), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-t", str(each)]
    command += ["-f", str(script), "-h", str(server.postgres.folder), "-U", NAME, "pgbench"]
    options = {"PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in _GENERIC.items())}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | options)
    if done.returncode:
        raise BenchFailed(f"pgbench: {done.stderr[-1000:]}")
    return done.stdout


def pgbench_script(workload: Workload) -> str:
    """Return the script: random numbers as in `hot`, then the statement with parameters from them."""
    variables = {
        "way": "random(1, 1000)",
        "from_hot": round(workload.shape.from_hot * 1000),
        "other": f"random(1, {workload.limited})",
        "amount": f"random(1, {MOST_FEN})",
    }
    drawn = [SQL.drawn_id, SQL.drawn_debit, SQL.drawn_credit, ":amount", "current_date"]  # $1 to $5
    statement, *drawn = (re.sub(r" *--.*\n?", "\n", text).strip() for text in (SQL.row_locks, *drawn))
    head = "".join(f"\\set {name} {value}\n" for name, value in variables.items())
    return head + re.sub(r"\$(\d)", lambda parameter: drawn[int(parameter[1]) - 1], statement) + ";\n"


def _found(shape: str, said: str) -> str:
    found = re.search(shape, said)
    if found is None:
        raise BenchFailed(f"pgbench said nothing of {shape!r}:\n{said[-1000:]}")
    return str(found[1])


def _figures(count: int, seconds: float) -> Figures:
    return {
        "transfers": count,
        "batch": 1,
        "connections": CONNECTIONS,
        "seconds": round(seconds, 3),
        "transfers_per_s": round(count / seconds),
    }


def compared(url: str, limits: Mapping[bytes, int | None]) -> Figures:
    """Let the oracle decide the stored transfers in their order: it must allow all, with the same balances."""
    entries, balances, (counts,) = (rows(url, sql) for sql in (SQL.entries, SQL.balances, SQL.counts))
    oracle, asked = Oracle(limits), np.zeros(len(entries), TRANSFER)
    for name in ("id", "debit", "credit"):
        asked[name] = [entry[name].bytes for entry in entries]
    asked["amount"] = [entry["amount"] for entry in entries]
    numbers = [(CREATED, entry["seq"]) for entry in entries]
    same = bool((oracle.decide(asked) == np.array(numbers, RESULT)).all()) and counts["seq"] == len(entries)
    totals = {one["account"].bytes: list(one)[1:] for one in balances}
    return {
        "refused": counts["refused"],
        "refused_share": round(counts["refused"] / (counts["refused"] + len(entries)), 4),
        "matches_oracle": same and totals == oracle.totals,
    }
