"""`zhangfang bench soak`: well-behaved callers alone and beside each kind of hostile clients, by turns.

What they feel is their p99 as a multiple of the lower one of the quiet phases right before and after. Then nothing can be
written, in two ways: the disk is full (the database says so to what would store a row) and PostgreSQL is stopped. How
long does `/health` take to say it?
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
import asyncpg

from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.caller import Caller
from zhangfang.assembly.sandbox.counter import provision
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate
from zhangfang_bench.http import Wire
from zhangfang_bench.machine import children, machine, resident_mib
from zhangfang_bench.soak.report import aims, print_report

PATIENCE_SECONDS = 30  # for an answer of `/health`
WARM_SECONDS = 45  # by then the driver asks for the purchases that nobody pays: it begins after 30 s
CROWDS = {"huge": 20, "slow": 1000, "many": 2000, "silent": 3000}  # clients at once
_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON write_probe EXECUTE FUNCTION full_disk();
"""


def run(out: Path | None, seconds: float, share: float) -> int:
    """Measure, print, and return the exit code: 0 if all others were served and health spoke."""
    if seconds < 1 or not 0 < share <= 1:
        raise InvalidInput("--seconds, --share", f"{seconds} and {share}", "at least 1, and above 0 up to 1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left running
    folder = Path(tempfile.mkdtemp(prefix="zf-soak-"))
    house = House(folder, banks=("cmb", "unionpay"))
    house.database_url = ""  # never on a database that somebody uses
    try:
        made: dict[str, Any] = {"machine": machine(), "seconds": seconds, "share": share}
        made |= _measure(house, seconds, share)
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)
    made["aims"] = aims(made)
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print_report(made)
    return 0 if made["aims"]["served"] and made["aims"]["told"] else 1


def _measure(house: House, seconds: float, share: float) -> dict[str, Any]:
    url = house.start_database()
    asyncio.run(migrate(url))
    house.start_banks()
    provision(house)
    house.start_platform()
    key = asyncio.run(_merchant(house))
    _phase(house, key, "warm", min(seconds * 3, WARM_SECONDS))
    phases = {"quiet": _phase(house, key, "quiet", seconds)}
    for kind, clients in CROWDS.items():
        before = phases[list(phases)[-1]]
        with _hostile(house, kind, max(1, round(clients * share))) as answers:
            phases[kind] = _phase(house, key, kind, seconds)
        phases[kind]["hostile"] = answers
        after = phases[f"quiet after {kind}"] = _phase(house, key, f"after-{kind}", seconds)
        phases[kind]["p99_of_quiet"] = round(
            phases[kind]["p99_ms"] / min(before["p99_ms"], after["p99_ms"]), 2
        )
    return {"phases": phases, "health": _health(house, url)}


async def _merchant(house: House) -> str:
    """Open the platform's accounts and a merchant; return its key."""
    async with LedgerClient(house.home / "ledger.sock") as ledger:
        await open_platform_accounts(ledger)
    async with aiohttp.ClientSession() as session:
        admin = Caller(session, house.url, (house.home / "admin-key").read_text())
        body = {"name": "压测商户", "fee_rules": [{"kind": "purchase", "rate_ppm": 6000}]}
        _, made = await admin.call("POST", "/v1/merchants", body)
        _, key = await admin.call("POST", f"/v1/merchants/{made['id']}/keys")
        return str(key["secret"])


def _phase(house: House, key: str, name: str, seconds: float) -> dict[str, Any]:
    """Let the well-behaved callers call; return what they felt, and the most memory that the API held."""
    plan = {"port": house.port, "key": key, "prefix": name, "seconds": seconds}
    server = house.processes["serve"].child
    assert server is not None
    with _program("callers", plan) as callers, ThreadPoolExecutor(1) as reader:
        assert callers.stdout is not None
        answer = reader.submit(callers.stdout.read)  # it is longer than a pipe holds
        most = 0.0
        while not answer.done():
            most = max(most, resident_mib(server.pid))
            time.sleep(0.1)
        said = json.loads(answer.result())
    found = quantiles(said["ms"], n=100)
    return {
        "calls": len(said["ms"]),
        "wrong": said["wrong"],
        "p50_ms": round(found[49], 2),
        "p99_ms": round(found[98], 2),
        "api_mib": round(most, 1),
    }


@contextmanager
def _hostile(house: House, kind: str, clients: int) -> Iterator[dict[str, int]]:
    """Have hostile clients for a while; how they were answered is known at the end."""
    answers: dict[str, int] = {}
    with _program("hostile", {"kind": kind, "port": house.port, "clients": clients}) as crowd:
        time.sleep(1)  # until they are all there
        yield answers
        crowd.terminate()
        assert crowd.stdout is not None
        answers |= json.loads(crowd.stdout.read())


@contextmanager
def _program(name: str, plan: dict[str, Any]) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", f"zhangfang_bench.soak.{name}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(plan).encode())
        child.stdin.close()
        try:
            yield child
        finally:
            child.kill()


def _send(what: signal.Signals, pids: Iterable[int]) -> None:
    """Send a signal to each process that is still there: one of PostgreSQL's may have ended meanwhile."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def _health(house: House, url: str) -> dict[str, dict[str, Any]]:
    """Let nothing be written, in two ways; return what `/health` says, and after how many seconds."""
    asyncio.run(_execute(url, _FULL))
    found = {"disk full": _asked(house)}
    asyncio.run(_execute(url, "DROP FUNCTION full_disk CASCADE"))
    assert house.postgres.process is not None
    server = house.postgres.process.pid
    everyone = (server, *children(server))
    try:
        _send(signal.SIGSTOP, everyone)
        found["PostgreSQL stopped"] = _asked(house)
    finally:
        _send(signal.SIGCONT, everyone)
    found["all well again"] = _asked(house)
    return found


def _asked(house: House) -> dict[str, Any]:
    time.sleep(1.1)  # an answer is given to others for a second
    began = time.perf_counter()
    status, said = asyncio.run(_get(house.port))
    took = round(time.perf_counter() - began, 2)
    return {"status": status, "code": json.loads(said).get("code", ""), "seconds": took}


async def _get(port: int) -> tuple[int, bytes]:
    wire = await Wire(port).open()
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await wire.ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
