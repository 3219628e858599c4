"""`zhangfang ledger status` and `zhangfang ledger verify`, as an operator meets them."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.clock import SetClock
from tests.ledger import running
from zhangfang.cli.machine.ledger import lines, look
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import Account, Book, LedgerClient, Transfer, TransferFlag

pytestmark = pytest.mark.drill

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant")


async def command(url: str, home: Path, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "zhangfang", "ledger", *arguments),
        env=os.environ | {"ZHANGFANG_DATABASE_URL": url, "ZHANGFANG_HOME": str(home), "COLUMNS": "150"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def post(client: LedgerClient, clock: SetClock) -> None:
    id_, day = new_id(clock), clock.now().date()
    both = (CHANNEL.id, MERCHANT.id, 10, Book.CUSTOMERS, 1, id_, day)
    await client.create_accounts([CHANNEL, MERCHANT])
    await client.create_transfers(
        [Transfer(numbered(id_, 1), *both), Transfer(numbered(id_, 2), *both, TransferFlag.PENDING)]
    )


async def test_it_tells_who_writes_how_far_it_has_come_and_what_it_keeps(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "ledger.sock", clock)
    async with LedgerClient(tmp_path / "ledger.sock") as client:
        await post(client, clock)
    found = await look(database_url, tmp_path / "ledger.sock", 0)
    assert (found["serves"], found["epoch"], found["seq"], found["standbys"]) == (True, 1, 2, 0)
    assert (found["accounts"], found["pendings"], found["months_sealed"]) == (2, 1, 0)
    assert found["holder"].endswith(f":{os.getpid()}")
    assert 0 < found["lease_s"] <= 3
    assert found["transfer_bytes"] > 0
    code, said = await command(database_url, tmp_path, "status")
    assert (code, "2, at 2026-09-01 02:00:00 UTC" in said) == (0, True), said
    code, said = await command(database_url, tmp_path, "status", "--json")
    assert code == 0
    assert json.loads(said)["seq"] == 2
    await ledger.stop()


async def test_without_a_writer_it_says_what_the_database_has_and_ends_with_1(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "ledger.sock"
    code, said = await command(database_url, tmp_path, "status")
    assert code == 1
    assert "nobody answers on" in said
    assert "has never had a writer" in said
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await post(client, clock)
    await ledger.stop()
    found = await look(database_url, socket, 0)
    assert (found["serves"], found["seq"], found["after_checkpoint"]) == (False, 2, 0)
    assert (found["accounts"], found["pendings"]) == (2, 1)


async def test_a_socket_of_another_shard_is_not_taken_for_this_one_s(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "ledger.sock", clock, shard=3)
    async with LedgerClient(tmp_path / "ledger.sock") as client:
        await client.status()
    found = await look(database_url, tmp_path / "ledger.sock", 0)
    assert not found["serves"]
    assert dict(lines(found))["serves"].endswith("is the socket of shard 3")
    assert (await look(database_url, tmp_path / "ledger.sock", 3))["serves"]
    await ledger.stop()


async def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    found = await look("postgresql://nobody@/nothing?host=/nowhere", tmp_path / "ledger.sock", 0)
    assert found["silent"] == ["the database", "the socket"]
    assert dict(lines(found))["database"] == "does not answer"


async def test_verify_is_started_with_what_it_was_given(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "ledger.sock", clock)
    async with LedgerClient(tmp_path / "ledger.sock") as client:
        await post(client, clock)
    await ledger.stop()
    file = tmp_path / "found.json"
    code, said = await command(database_url, tmp_path, "verify", "--shard", "0", "--json", str(file))
    assert code == 0, said
    assert json.loads(file.read_text())["ok"] is True
    code, said = await command(database_url, tmp_path, "--shard", "1", "status")
    assert (code, "allowed: after it" in said) == (1, True), said
