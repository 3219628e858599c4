"""Two shards for drills: a PostgreSQL, a writer for each shard, programs that send money across; killed at will."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from tests.drill.crossing_load import BANK, CLOCK, CLOSED, MERCHANTS
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang.kernel.settings import write_private
from zhangfang.ledger import AccountFlag, Book, LedgerClient, Result, Transfer
from zhangfang.ledger.crossings import open_transits
from zhangfang.schema import migrate

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
FUNDS = 2_000
ROWS = """
SELECT id, seq, debit, credit, amount, kind, flags, pending_id, voucher, memo FROM transfer WHERE shard = $1 ORDER BY seq
"""


class TwoShards:
    """The processes of two shards in one folder."""

    def __init__(self, home: Path, databases: int) -> None:
        """Take an empty folder with a short path; the shards share one database or have two."""
        self.home = home
        self.sockets = [home / f"{shard}.sock" for shard in (0, 1)]
        self.databases = databases
        self.postgres = EmbeddedPostgres(home / "postgres")
        self.urls: list[str] = []
        self.writers: dict[int, subprocess.Popen[bytes]] = {}
        self.loads: dict[int, subprocess.Popen[bytes]] = {}
        self.starts = 0

    async def open(self) -> None:
        """Start PostgreSQL and the writers, and give every merchant money."""
        url = self.postgres.start()
        self.urls = [url, url]
        if self.databases == 2:
            await self._execute(url, "CREATE DATABASE second")
            self.urls[1] = url.replace("/zhangfang?", "/second?")
        for shard, at in enumerate(self.urls):
            await migrate(at)
            (self.home / str(shard)).mkdir()
            write_private(self.home / str(shard) / "database-url", at)
        async with LedgerClient(self.sockets[0], 60) as zero, LedgerClient(self.sockets[1], 60) as one:
            funding = asyncio.gather(*(self._fund({0: zero, 1: one}, shard) for shard in (0, 1)))
            await self.wait(funding.done, "the shards do not start")
            funding.result()

    async def _fund(self, clients: dict[int, LedgerClient], shard: int) -> None:
        client = clients[shard]
        await open_transits(clients, shard)
        await client.create_accounts([BANK[shard], CLOSED[shard], *MERCHANTS[shard]])
        id_, day = new_id(CLOCK), CLOCK.now().date()
        made = [
            Transfer(numbered(id_, n), BANK[shard].id, one.id, FUNDS, Book.CUSTOMERS, 1, id_, day)
            for n, one in enumerate(MERCHANTS[shard], 1)
        ]
        funded = await client.create_transfers(made)
        closed = await client.set_flags(
            CLOSED[shard], AccountFlag.CLOSED, id_=new_id(CLOCK), business_date=day
        )
        assert {one.result for one in (*funded, closed)} <= {Result.CREATED, Result.EXISTS}

    def close(self) -> None:
        """End everything."""
        for child in (*self.writers.values(), *self.loads.values()):
            child.kill()
            child.wait()
        self.postgres.stop()

    # --- processes ---------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """Start again whatever has ended, as a supervisor does."""
        if self.postgres.process is None or self.postgres.process.poll() is not None:
            self.postgres.start()
        for shard in (0, 1):
            if shard not in self.writers or self.writers[shard].poll() is not None:
                self.writers[shard] = self._start(shard, "zhangfang", "ledger", "--shard", str(shard))
        for name, load in list(self.loads.items()):
            if load.poll() is not None:
                self.load(name)

    def _start(self, shard: int, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        environment = os.environ | {"ZHANGFANG_HOME": str(self.home / str(shard))}
        command = [sys.executable, "-m", module, *arguments, "--socket", str(self.sockets[shard])]
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stderr=log, cwd=ROOT)

    def load(self, name: int) -> None:
        """Start one more program that sends money across, in the place of the last of its name."""
        self.starts += 1
        arguments = [*map(str, self.sockets), str(self.home / "acknowledged"), str(self.starts)]
        command = [sys.executable, "-m", "tests.drill.crossing_load", *arguments]
        with (self.home / "log").open("ab") as log:
            self.loads[name] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self, victim: str, rng: random.Random) -> None:
        """Kill -9 of one writer, of PostgreSQL, of one program that sends money, or of all that write and send."""
        at = rng.randrange(2)
        victims: dict[str, list[subprocess.Popen[bytes] | None]] = {
            "writer": [self.writers[at]],
            "postgres": [self.postgres.process],
            "client": [self.loads[at]],
            "all": [*self.writers.values(), *self.loads.values()],
        }
        for process in victims[victim]:
            assert process is not None
            process.kill()
            process.wait()

    async def wait(self, ready: Callable[[], bool], otherwise: str) -> None:
        """Tend everything until it is ready."""
        until = time.monotonic() + PATIENCE_S
        while not ready():
            assert time.monotonic() < until, f"{otherwise}:\n{(self.home / 'log').read_text()[-3000:]}"
            self.tend()
            await asyncio.sleep(0.02)

    async def wait_for_answers(self, more: int = 40) -> None:
        """Wait until so many more crossings have been answered."""
        before = len(self.acknowledged())
        await self.wait(lambda: len(self.acknowledged()) >= before + more, "nobody answers")

    async def stop_loads(self) -> None:
        """Tell the programs that send money to end, and wait until each has its answers."""
        loads, self.loads = self.loads, {}
        for load in loads.values():
            load.terminate()
        for load in loads.values():
            await self.wait(lambda load=load: load.poll() is not None, "a load does not end")  # type: ignore[misc]
            assert load.returncode in (0, -15), "it ends by itself, unless it had only just started"

    def stop_writers(self) -> None:
        """End the writers cleanly."""
        for writer in self.writers.values():
            writer.terminate()
        assert [writer.wait(60) for writer in self.writers.values()] == [0, 0]

    # --- reading -----------------------------------------------------------------------------------------------

    def acknowledged(self) -> dict[UUID, dict[str, Any]]:
        """Return what the programs were told of each crossing."""
        path = self.home / "acknowledged"
        lines = path.read_text().splitlines() if path.exists() else []
        return {UUID(line["id"]): line for line in map(json.loads, lines)}

    async def rows(self, shard: int) -> list[Any]:
        """Return the entries of a shard, from its table alone, in order."""
        connection = await asyncpg.connect(self.urls[shard])
        try:
            rows: list[Any] = await connection.fetch(ROWS, shard)
            assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
            assert await connection.fetchval("SELECT seq FROM head WHERE shard = $1", shard) == len(rows)
            return rows
        finally:
            await connection.close()

    async def count(self, sql: str) -> int:
        """Ask the first database for a number."""
        connection = await asyncpg.connect(self.urls[0])
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    async def verify(self, shard: int) -> None:
        """Have a shard's history verified by the program that shares no code with the ledger."""
        command = [sys.executable, "-m", "zhangfang_audit", "verify", "--database", self.urls[shard]]
        process = await asyncio.create_subprocess_exec(
            *command, "--shard", str(shard), cwd=ROOT, stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def _execute(self, url: str, sql: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()
