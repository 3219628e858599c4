"""One workload against the writer: sent, timed, stopped, and only then compared with the oracle and verified."""

import asyncio
import gc
import resource
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter
from typing import Any, NamedTuple

import asyncpg
import numpy as np
import uvloop

from zhangfang.ledger import Account, Balance, LedgerClient, Result
from zhangfang.ledger.wire import Records
from zhangfang_bench.ledger.oracle import Oracle, balance_differences, differences
from zhangfang_bench.ledger.sending import Send, Sent, Show, Tick
from zhangfang_bench.ledger.server import (
    PATIENCE_S,
    SQL,
    LedgerServer,
    LedgerWriter,
    Used,
    costs,
    rows,
    verified,
)
from zhangfang_bench.ledger.workloads import BATCH, Workload
from zhangfang_bench.machine import cpu_seconds

SAMPLE_S = 0.25
TOLD = 5  # differences that are reported
Figures = dict[str, Any]


class Ran(NamedTuple):
    """A workload that was sent, before its results are checked."""

    workload: Workload
    sent: Sent
    seconds: float
    before: Used
    used: Used
    memory: list[tuple[float, float]]  # seconds from the start, MB of the writer
    balances: list[Balance]
    seq: int


@contextmanager
def running(server: LedgerServer, name: str) -> Iterator[LedgerWriter]:
    """Give a writer that runs on a fresh database; both are gone afterwards."""
    with server.database(name) as url:
        writer = LedgerWriter(server, name, url)
        try:
            writer.start()
            yield writer
        finally:
            writer.kill()


def measure(
    writer: LedgerWriter,
    name: str,
    workload: Workload,
    send: Send,
    show: Show,
    prepare: Callable[[Iterable[Records]], Iterable[Any]] = list,
) -> tuple[Figures, Ran]:
    """Send a workload that was built before, stop the writer, check everything; return the figures and the run."""
    built = prepare(workload.frames())
    ran = drive(writer, workload, built, send, show(name, workload.transfers))
    found = figures(ran) | stopped(writer, ran) | checked(ran, show(f"{name}: oracle", workload.transfers))
    return found | {"verify": verified(writer.home)}, ran


def drive(writer: LedgerWriter, workload: Workload, built: Iterable[Any], send: Send, tick: Tick) -> Ran:
    """Open the accounts, send the workload, read the results; only the sending is timed."""
    gc.collect()
    gc.freeze()  # building the frames is not the client's work
    try:
        return uvloop.run(_drive(writer, workload, built, send, tick))
    finally:
        gc.unfreeze()


async def _drive(
    writer: LedgerWriter, workload: Workload, built: Iterable[Any], send: Send, tick: Tick
) -> Ran:
    connection = await asyncpg.connect(writer.url)
    async with LedgerClient(writer.socket, PATIENCE_S) as client:
        for some in _some(workload.accounts):
            await client.create_accounts(some)
        before, began = await writer.server.used(connection, writer.pid), perf_counter()
        memory = [(0.0, writer.memory_mb())]
        sampling = asyncio.create_task(_sample(writer, memory, began))
        sent = await send(client, built, tick)
        seconds, after = perf_counter() - began, await writer.server.used(connection, writer.pid)
        sampling.cancel()
        memory.append((seconds, writer.memory_mb()))
        balances = [one async for one in _balances(client, workload)]
        seq = (await client.status()).seq
    await connection.close()
    return Ran(workload, sent, seconds, before, after.since(before), memory, balances, seq)


async def _sample(writer: LedgerWriter, memory: list[tuple[float, float]], began: float) -> None:
    while True:
        await asyncio.sleep(SAMPLE_S)
        memory.append((perf_counter() - began, writer.memory_mb()))


async def _balances(client: LedgerClient, workload: Workload) -> AsyncIterator[Balance]:
    for some in _some(workload.accounts):
        for balance in (await client.account_balances([account.id for account in some])).values():
            yield balance


def _some(accounts: Iterable[Account]) -> Iterator[list[Account]]:
    """Cut accounts into groups that fit one call."""
    rest = iter(accounts)
    while some := list(islice(rest, BATCH)):
        yield some


def figures(ran: Ran) -> Figures:
    """Return rates, answers, and the cost of a transfer, from the first request to the last answer."""
    count = ran.workload.transfers
    results = Counter(np.concatenate(ran.sent.in_order())["result"].tolist())
    refused = sum(n for result, n in results.items() if result > Result.EXISTS)
    return {
        "transfers": count,
        "accounts": ran.workload.limited + 1,
        "batch": max(ran.workload.sizes),
        "seconds": round(ran.seconds, 3),
        "transfers_per_s": round(count / ran.seconds),
        "refused": refused,
        "refused_share": round(refused / count, 4),
        "results": {Result(result).name: n for result, n in sorted(results.items())},
        "writer_mb": {
            "start": ran.memory[0][1],
            "end": ran.memory[-1][1],
            "most": max(used for _, used in ran.memory),
        },
    } | costs(count, ran.used)


def stopped(writer: LedgerWriter, ran: Ran) -> Figures:
    """Stop the writer normally; return what that took, and what is on the disk afterwards."""
    postgres, life = writer.server.postgres_cpu(), cpu_seconds(writer.pid)
    ended = _ended()
    seconds = writer.stop()
    spent = {"writer": _ended() - ended - life, "postgres": writer.server.postgres_cpu() - postgres}
    count = ran.workload.transfers
    (wal,), (disk,) = (rows(writer.url, sql)[0] for sql in (SQL.wal_bytes, SQL.disk_bytes))
    return {
        "stop": {
            "seconds": round(seconds, 2),
            "cpu_us_per_transfer": {name: round(used * 1e6 / count, 2) for name, used in spent.items()},
        },
        "wal_bytes_per_transfer": round((wal - ran.before.wal) / count),
        "disk_bytes_per_transfer": round((disk - ran.before.disk) / count),
    }


def _ended() -> float:
    """Return the CPU seconds of ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def checked(ran: Ran, tick: Tick) -> Figures:
    """Compare every answer and every final balance with the oracle's, in the order of the requests."""
    oracle = Oracle(ran.workload.limits, retries=ran.workload.shape.retries)
    wrong = list(islice(differences(oracle, ran.workload.frames(), ran.sent.in_order(), tick), TOLD))
    if not wrong:
        wrong = list(islice(balance_differences(oracle, ran.balances, ran.seq), TOLD))
    return {"matches_oracle": not wrong, "differences": wrong}
