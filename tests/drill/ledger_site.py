"""A site for drills: a PostgreSQL of its own, ledgers on one socket, a load; killed at will, and checked afterwards."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from tests.drill.ledger_load import CHANNEL, MERCHANTS, STANDS
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang.kernel.settings import write_private
from zhangfang.ledger import NO_ID, LedgerClient, Result, TransferFlag, wire
from zhangfang.schema import migrate

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
REMEMBERED = {
    Result.EXCEEDS_CREDITS,
    Result.EXCEEDS_PENDING,
    Result.PENDING_ALREADY_POSTED,
    Result.PENDING_ALREADY_VOIDED,
    Result.PENDING_EXPIRED,
}


class Site:
    """Processes of one ledger in one folder. `ledgers` are all that were started and not given up."""

    def __init__(self, home: Path) -> None:
        """Take an empty folder with a short path."""
        self.home = home
        self.socket = home / "ledger.sock"
        self.postgres = EmbeddedPostgres(home / "postgres")
        self.ledgers: list[subprocess.Popen[bytes]] = []
        self.loads: list[tuple[subprocess.Popen[bytes], Path]] = []

    async def open(self) -> None:
        """Start PostgreSQL, with the tables of a ledger."""
        self.use(self.postgres.start())
        await migrate(self.postgres.url)

    def use(self, url: str) -> None:
        """Have the ledgers started from now on use this database."""
        write_private(self.home / "database-url", url)

    def close(self) -> None:
        """End everything."""
        for child in (*self.ledgers, *(load for load, _ in self.loads)):
            child.send_signal(signal.SIGCONT)
            child.kill()
            child.wait()
        self.postgres.stop()

    def ledger(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start one more `zhangfang ledger`."""
        with (self.home / "ledger.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "zhangfang", "ledger", *options],
                env=os.environ | {"ZHANGFANG_HOME": str(self.home)},
                stderr=log,
                cwd=ROOT,
            )
        self.ledgers.append(child)
        return child

    def load(self, seed: int) -> Path:
        """Start a load; return the log of what was acknowledged."""
        path = self.home / f"load-{len(self.loads)}.log"
        path.touch()
        command = [sys.executable, "-m", "tests.drill.ledger_load", str(self.socket), str(path), str(seed)]
        self.loads.append((subprocess.Popen(command, cwd=ROOT), path))
        return path

    async def stop_loads(self) -> None:
        """Tell the loads to end, and wait: each has its answers then."""
        for load, _ in self.loads:
            load.terminate()
        for load, _ in self.loads:
            await self.wait(lambda load=load: load.poll() is not None, "a load does not end")  # type: ignore[misc]
            assert load.returncode == 0

    # --- supervising -------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """Start again whatever has ended, as a supervisor does."""
        if self.postgres.process is None or self.postgres.process.poll() is not None:
            self.postgres.start()
        for dead in [child for child in self.ledgers if child.poll() is not None]:
            self.ledgers.remove(dead)
            self.ledger()

    async def wait(self, ready: Callable[[], bool], otherwise: str) -> None:
        """Tend the site until it is ready."""
        until = time.monotonic() + PATIENCE_S
        while not ready():
            assert time.monotonic() < until, f"{otherwise}:\n{(self.home / 'ledger.log').read_text()[-3000:]}"
            self.tend()
            await asyncio.sleep(0.02)

    async def wait_for_answers(self, log: Path, more: int = 60) -> None:
        """Wait until so many more questions have been answered."""
        size = os.path.getsize(log)  # noqa: ASYNC240
        await self.wait(lambda: log.read_bytes().count(b"\n", size) >= more, "the ledger does not answer")

    def said(self, words: str) -> bool:
        """Tell whether a ledger has logged these words."""
        return self.log_count(words) > 0

    def log_count(self, words: str) -> int:
        """Return how often ledgers have logged these words."""
        return (self.home / "ledger.log").read_text().count(words)

    async def serving(self) -> "subprocess.Popen[bytes]":
        """Return the process that the database names as the writer."""
        holder = await self.fetchval("SELECT holder FROM head")
        [found] = [child for child in self.ledgers if holder.endswith(f":{child.pid}")]
        return found

    def kill_postgres(self) -> None:
        """Kill -9 of the database."""
        assert self.postgres.process is not None
        self.postgres.process.kill()
        self.postgres.process.wait()

    # --- reading -----------------------------------------------------------------------------------------------

    async def fetch(self, sql: str) -> list[Any]:
        """Ask the database."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            rows: list[Any] = await connection.fetch(sql)
            return rows
        finally:
            await connection.close()

    async def fetchval(self, sql: str) -> Any:
        """Ask the database for one value."""
        return (await self.fetch(sql))[0][0]

    async def check(self) -> int:
        """Assert that nothing acknowledged is missing or different, and that the books hold; return how many entries."""
        await self._verify()
        rows = await self.fetch("SELECT *, (SELECT seq FROM head) AS head FROM transfer ORDER BY seq")
        stored = {row["id"]: row for row in rows}
        refused = {row["id"]: row["result"] for row in await self.fetch("SELECT id, result FROM refusal")}
        stands: set[UUID] = set()
        for _, path in self.loads:
            for line in path.read_text().splitlines():
                stands |= _check_answers(json.loads(line), stored, refused)
        asked_for = {id_ for id_, row in stored.items() if not _made_by_the_ledger(row["flags"])}
        assert asked_for == stands, "what stands is what was acknowledged"
        assert [row["seq"] for row in rows] == list(range(1, rows[0]["head"] + 1))
        assert len(stored) == len(rows), "no id is there twice"
        resolved = [row["pending_id"] for row in stored.values() if row["pending_id"]]
        assert len(resolved) == len(set(resolved)), "a pending is resolved once"
        await self._check_balances(stored)
        return len(rows)

    async def _verify(self) -> None:
        """Have the history verified by the program that shares no code with the ledger."""
        command = [sys.executable, "-m", "zhangfang_audit", "verify", "--home", str(self.home)]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def _check_balances(self, stored: dict[UUID, Any]) -> None:
        """Compare the writer's balances with the sums of history, and no merchant is below zero."""
        ids = [account.id for account in (CHANNEL, *MERCHANTS)]
        async with LedgerClient(self.socket, deadline=30) as client:
            balances = await client.account_balances(ids)
        sums = dict.fromkeys(ids, 0)
        for row in stored.values():
            if not row["flags"] & _MOVES_NOTHING:
                sums[row["debit"]] += row["amount"]
                sums[row["credit"]] -= row["amount"]
        assert {id_: one.debits - one.credits for id_, one in balances.items()} == sums
        assert all(balances[one.id].debits_pending + sums[one.id] <= 0 for one in MERCHANTS)


_MOVES_NOTHING = 202
_MEMBER = int(TransferFlag.CHAIN | TransferFlag.LINKED)


def _made_by_the_ledger(flags: int) -> bool:
    """Tell whether an entry is an expiry, or resolves a member of a chain of which only the last has the asked id."""
    return bool(flags & TransferFlag.EXPIRED) or flags & _MEMBER == _MEMBER


def _check_answers(line: dict[str, Any], stored: dict[UUID, Any], refused: dict[UUID, int]) -> set[UUID]:
    """Assert that a line of the log is what is stored; return the ids that stand."""
    stands = set()
    for raw, result, seq in zip(line["asked"], line["result"], line["seq"], strict=True):
        record = np.frombuffer(bytes.fromhex(raw), wire.TRANSFER)[0]
        id_ = UUID(bytes=record["id"].tobytes())
        if result in STANDS:
            row = stored[id_]
            stands.add(id_)
            assert row["seq"] == seq
            assert (row["kind"], row["business_date"]) == (
                record["kind"],
                wire.to_date(int(record["business_date"])),
            )
            for side in ("debit", "credit"):
                assert UUID(bytes=record[side].tobytes()) in (NO_ID, row[side])
            assert record["amount"] in (0, row["amount"])
        else:
            assert id_ not in stored
            assert result not in REMEMBERED or refused[id_] == result
    return stands


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Give a site with a database, and end it after the test."""
    home = Path(tempfile.mkdtemp(prefix="zf-", dir="/tmp"))  # a short path: sockets lie in it
    site = Site(home)
    try:
        await site.open()
        yield site
    finally:
        site.close()
        shutil.rmtree(home, ignore_errors=True)
