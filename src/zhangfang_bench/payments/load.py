"""The bench's load generator: a separate process, so that its CPU is counted separately.

It reads a plan in JSON from stdin, regularly prints a JSON line `{"done": n}`, and prints its result as the last line.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from statistics import quantiles
from typing import Any

import asyncpg
import msgspec
import uvloop

from zhangfang.kernel.database import connect
from zhangfang_bench.http import Wire, post
from zhangfang_bench.machine import cpu_seconds

PAYERS = 128
POLL_SECONDS = 0.02  # how late a payment's success is seen at most
PATIENCE_SECONDS = 60.0
_SUCCEEDED = """
SELECT order_no FROM intent
WHERE merchant = $1 AND kind = 'collection' AND order_no = ANY($2::text[]) AND state = 'SUCCESS'
"""
_NEW_TABLE = "CREATE TABLE IF NOT EXISTS bench_commit (id bigint PRIMARY KEY, note text NOT NULL)"
_ONE_ROW = "INSERT INTO bench_commit VALUES ($1, $2)"


class BenchFailed(Exception):
    """A measured request failed, so the times are invalid."""


class Plan(msgspec.Struct):
    """What to do: `empty` and `commits` for `seconds`, `payments` for `count` of them."""

    what: str
    callers: int
    seconds: float = 0.0
    count: int = 0
    port: int = 0
    database: str = ""
    key: str = ""
    merchant: str = ""
    prefix: str = ""


async def empty(plan: Plan) -> dict[str, Any]:
    """Post to an endpoint that does nothing."""
    request = post("/empty", b"{}")
    wires = [await Wire(plan.port).open() for _ in range(plan.callers)]

    def call(wire: Wire) -> Callable[[], Awaitable[None]]:
        async def once() -> None:
            status, _ = await wire.ask(request)
            if status != 200:
                raise BenchFailed(f"the empty endpoint answered {status}")

        return once

    return await _floor(plan.seconds, [call(wire) for wire in wires])


async def commits(plan: Plan) -> dict[str, Any]:
    """Commit one row at a time, through a pool like the platform's."""
    pool = await connect(plan.database)
    await pool.execute(_NEW_TABLE)
    first = await pool.fetchval("SELECT coalesce(max(id), 0) + 1 FROM bench_commit")
    numbers = count(first)

    async def once() -> None:
        await pool.execute(_ONE_ROW, next(numbers), "a row of the bench")

    try:
        return await _floor(plan.seconds, [once] * plan.callers)
    finally:
        pool.terminate()


async def _floor(seconds: float, calls: list[Callable[[], Awaitable[None]]]) -> dict[str, Any]:
    """Call continuously for `seconds`, after a warm-up of a tenth of that; return calls per second."""
    done, calls_made, until = 0, 0, 0.0

    async def caller(call: Callable[[], Awaitable[None]]) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await call()
            done += 1

    for share in (0.1, 1.0):
        done, began = 0, time.perf_counter()
        until = began + seconds * share
        await asyncio.gather(*map(caller, calls))
        took = time.perf_counter() - began
        calls_made += done
    return {"per_second": done / took, "calls": calls_made}


def payer_account(number: int) -> str:
    """Return the account of one of the payers, each of whom has signed a mandate."""
    return f"99220200{number % PAYERS:08d}"


class Payers:
    """Payers who each send a collection, wait until the journal says SUCCESS, and send the next."""

    def __init__(self, plan: Plan) -> None:
        """Nothing is sent yet."""
        self.plan = plan
        self.numbers = iter(range(plan.count))
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self.answer_ms: list[float] = []
        self.success_ms: list[float] = []
        self.polls = 0

    async def run(self) -> dict[str, Any]:
        """Make all payments; return their times and the measuring's own work."""
        # Its plan must not be that of the empty table: what the measuring costs is missing elsewhere.
        journal = await asyncpg.connect(self.plan.database, server_settings={"enable_seqscan": "off"})
        backend = journal.get_server_pid()
        wires = [await Wire(self.plan.port).open() for _ in range(self.plan.callers)]
        watch = asyncio.create_task(self._watch(journal))
        used, polled, began = _used(), cpu_seconds(backend), time.perf_counter()
        payers = asyncio.gather(*map(self._payer, wires))
        await asyncio.wait((payers, watch), return_when=asyncio.FIRST_COMPLETED)
        took = time.perf_counter() - began
        if watch.done():
            payers.cancel()
            watch.result()
        await payers
        watch.cancel()
        success, answer = quantiles(self.success_ms, n=100), quantiles(self.answer_ms, n=100)
        return {
            "payments": self.plan.count,
            "seconds": took,
            "p50_ms": round(success[49], 1),
            "p99_ms": round(success[98], 1),
            "answer_p50_ms": round(answer[49], 1),
            "answer_p99_ms": round(answer[98], 1),
            "polls": self.polls,
            "poll_cpu_seconds": cpu_seconds(backend) - polled,
            "cpu_seconds": _used() - used,
        }

    async def _payer(self, wire: Wire) -> None:
        for number in self.numbers:
            order_no = f"{self.plan.prefix}-{number}"
            began = time.perf_counter()
            status, body = await wire.ask(self._request(order_no, 100 + number % 90_000))
            answered = time.perf_counter()
            if status != 201:
                raise BenchFailed(f"a collection was answered with {status} {body.decode()[:200]}")
            self.waiting[order_no] = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.waiting[order_no]
            self.answer_ms.append((answered - began) * 1000)
            self.success_ms.append((time.perf_counter() - began) * 1000)

    def _request(self, order_no: str, amount: int) -> bytes:
        account = f'{{"number":"{payer_account(amount)}","name":"付款人"}}'
        body = f'{{"kind":"collection","order_no":"{order_no}","amount":{amount},"account":{account}}}'
        allowed = (f"Authorization: Bearer {self.plan.key}", f"Idempotency-Key: {order_no}")
        return post("/v1/payments", body.encode(), *allowed)

    async def _watch(self, journal: asyncpg.Connection) -> None:
        """Ask the database once for all open payments, without using the platform."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self.waiting:
                continue
            found = await journal.fetch(_SUCCEEDED, self.plan.merchant, list(self.waiting))
            self.polls += 1
            for row in found:
                self.waiting.pop(row["order_no"]).set_result(None)
            if self.polls % 10 == 0:
                print(json.dumps({"done": len(self.success_ms)}), flush=True)


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def run(plan: Plan) -> dict[str, Any]:
    """Execute the plan."""
    if plan.what == "payments":
        return await Payers(plan).run()
    return await (empty if plan.what == "empty" else commits)(plan)


def main() -> None:
    """Read the plan, print the result; a failure is one line on stderr."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    try:
        print(json.dumps(uvloop.run(run(plan))), flush=True)
    except (BenchFailed, TimeoutError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
