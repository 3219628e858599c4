"""The processes of the ledger's bench: a PostgreSQL of its own with a fresh database per workload, and the writer."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from zhangfang.assembly.house import Process, unix_answers
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang.kernel.settings import write_private
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate
from zhangfang_bench.machine import cpu_seconds
from zhangfang_bench.payments.bench import BenchFailed

SQL = load(__package__, "bench.sql")
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
PATIENCE_S = 300.0  # for a writer that reads a long history, and for one answer
_TEMPLATE = "bench_template"


class Used(NamedTuple):
    """The resources used so far: CPU in seconds, WAL and tables in bytes."""

    client: float
    writer: float
    postgres: float
    wal: float
    disk: float

    def since(self, before: "Used") -> "Used":
        """Return what was used since `before`."""
        return Used(*(now - then for now, then in zip(self, before, strict=True)))


def costs(count: int, used: Used) -> dict[str, Any]:
    """Return what each of `count` transfers cost."""
    cpu = {name: getattr(used, name) for name in ("client", "writer", "postgres")}
    return {
        "cpu_us_per_transfer": {name: round(spent * 1e6 / count, 2) for name, spent in cpu.items() if spent},
        "wal_bytes_per_transfer": round(used.wal / count),
        "disk_bytes_per_transfer": round(used.disk / count),
    }


class LedgerServer:
    """One server in one folder, with the settings that it ships with."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder / "pg")

    def start(self) -> dict[str, str]:
        """Start the server, make the schema once, and return the settings that decide durability and speed."""
        self.postgres.start()
        settings = {row["name"]: row["setting"] for row in rows(self.postgres.url, SQL.settings)}
        if unsafe := [name for name in DURABLE if settings[name] != "on"]:
            raise BenchFailed(f"{', '.join(unsafe)}: got off; allowed: on, or nothing is measured")
        execute(self.postgres.url, f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(migrate(self._url(_TEMPLATE)))
        return settings

    def stop(self) -> None:
        """Stop the server."""
        self.postgres.stop()

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Make a fresh database and give its URL; it is dropped afterwards. A checkpoint before it leaves nothing
        unwritten."""
        execute(self.postgres.url, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        execute(self.postgres.url, "CHECKPOINT")
        try:
            yield self._url(name)
        finally:
            execute(self.postgres.url, f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, name: str) -> str:
        return self.postgres.url.replace("/zhangfang?", f"/{name}?")

    def postgres_cpu(self) -> float:
        """Return the CPU seconds of the server and all its processes, including ended ones."""
        assert self.postgres.process is not None
        return cpu_seconds(self.postgres.process.pid)

    async def used(self, connection: asyncpg.Connection, writer: int | None = None) -> Used:
        """Return what has been used so far; `writer` is a process id, the client is the bench's own process."""
        wal, disk = [await connection.fetchval(sql) for sql in (SQL.wal_bytes, SQL.disk_bytes)]
        writing = cpu_seconds(writer) if writer else 0.0
        return Used(time.process_time(), writing, self.postgres_cpu(), wal, disk)


class LedgerWriter:
    """The writer as users start it: `zhangfang ledger` with a home of its own."""

    def __init__(self, server: LedgerServer, name: str, url: str) -> None:
        """It will run on the database `url`; its home folder is `name`."""
        self.server, self.url = server, url
        self.home = server.folder / name
        write_private(self.home / "database-url", url)
        self.socket = self.home / "ledger.sock"
        env = {"ZHANGFANG_HOME": str(self.home), "ZHANGFANG_DATABASE_URL": url}
        command = [sys.executable, "-m", "zhangfang", "ledger"]
        self._process = Process("ledger", command, self.home / "ledger.log", env)

    def start(self) -> float:
        """Start it and return how many seconds it took until it answered."""
        began = time.monotonic()
        self._process.start()
        while not unix_answers(self.socket):
            if not self._process.running() or time.monotonic() > began + PATIENCE_S:
                raise BenchFailed(f"the writer did not start:\n{self.log_tail()}")
            time.sleep(0.02)
        asyncio.run(self._status())
        return time.monotonic() - began

    async def _status(self) -> None:
        async with LedgerClient(self.socket, PATIENCE_S) as client:
            await client.status()

    def stop(self) -> float:
        """Stop it normally, with its checkpoint; return how many seconds that took."""
        began = time.monotonic()
        self._process.stop(PATIENCE_S)
        if self._process.child is not None and self._process.child.returncode:
            raise BenchFailed(f"the writer did not stop in good order:\n{self.log_tail()}")
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill it, if it is still running."""
        if self._process.child is not None:
            self._process.child.kill()
            self._process.child.wait()

    def log_tail(self) -> str:
        """Return the end of its log."""
        return "\n".join(self._process.log.read_text(errors="replace").splitlines()[-15:])

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process.child is not None
        return self._process.child.pid

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Return its memory in MB: VmRSS now, VmHWM at most."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024, 1)


def verified(home: Path) -> dict[str, Any]:
    """Let the auditor, a separate program, derive every balance from history alone; return its result."""
    began = time.monotonic()
    command = [sys.executable, "-m", "zhangfang_audit", "verify", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = "" if done.returncode == 0 else (done.stdout + done.stderr)[-1500:]
    return {"clean": done.returncode == 0, "seconds": round(time.monotonic() - began, 1), "said": said}


def rows(url: str, sql: str, *values: Any) -> Any:
    """Return the rows of a query, over a new connection."""
    return asyncio.run(_with(url, "fetch", sql, *values))


def execute(url: str, sql: str, *values: Any) -> None:
    """Run a statement outside any transaction, over a new connection."""
    asyncio.run(_with(url, "execute", sql, *values))


async def _with(url: str, call: str, sql: str, *values: Any) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await getattr(connection, call)(sql, *values)
    finally:
        await connection.close()
