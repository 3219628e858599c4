"""kill -9 of the writer under load: nothing that was acknowledged is missing, nothing is there twice."""

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    Account,
    AccountFlag,
    Answered,
    Book,
    LedgerClient,
    Result,
    Transfer,
    TransferFlag,
)

pytestmark = pytest.mark.drill

ROUNDS = 2
CALLERS = 12
WRITER = """
import asyncio, sys
from pathlib import Path
from zhangfang.kernel.clock import SystemClock
from zhangfang.ledger import run_writer
asyncio.run(run_writer(sys.argv[1], Path(sys.argv[2]), SystemClock()))
"""
SUMS = """
SELECT a.id, a.debits, a.credits, a.debits_pending, a.credits_pending, a.as_of_seq,
    (SELECT coalesce(sum(debit_amount), 0) FROM ledger_entry e WHERE e.account = a.id AND e.seq <= a.as_of_seq),
    (SELECT coalesce(sum(credit_amount), 0) FROM ledger_entry e WHERE e.account = a.id AND e.seq <= a.as_of_seq)
FROM account a
"""

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant", AccountFlag.CREDIT_FLOOR)
AVAILABLE = Account(Book.CUSTOMERS, 2322, "merchant", AccountFlag.CREDIT_FLOOR)
CLOCK = SystemClock()


def start_writer(url: str, socket: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WRITER, url, str(socket)])


def payment_and_hold() -> list[Transfer]:
    """Return a chain of two (in, and on to available) with a hold of the second amount in it."""
    id_, day = new_id(CLOCK), CLOCK.now().date()

    def line(number: int, debit: Account, credit: Account, flags: TransferFlag) -> Transfer:
        return Transfer(
            numbered(id_, number), debit.id, credit.id, 10, Book.CUSTOMERS, number, id_, day, flags
        )

    return [
        line(1, CHANNEL, MERCHANT, TransferFlag.LINKED),
        line(2, MERCHANT, AVAILABLE, TransferFlag.LINKED),
        line(3, AVAILABLE, CHANNEL, TransferFlag.PENDING),
    ]


async def pay(client: LedgerClient, log: dict[UUID, Answered], stop: asyncio.Event) -> None:
    while not stop.is_set():
        chain = payment_and_hold()
        for one, answer in zip(chain, await client.create_transfers(chain), strict=True):
            log[one.id] = answer


async def logged(log: dict[UUID, Answered], most: int) -> None:
    while len(log) < most:  # noqa: ASYNC110 - the callers log, this waits
        await asyncio.sleep(0.02)


async def test_nothing_acknowledged_is_missing_after_the_writer_is_killed_under_load(
    database_url: str, tmp_path: Path
) -> None:
    socket = tmp_path / "l.sock"
    log: dict[UUID, Answered] = {}
    stop = asyncio.Event()
    process = start_writer(database_url, socket)
    try:
        async with LedgerClient(socket, deadline=60) as client:
            await client.create_accounts([CHANNEL, MERCHANT, AVAILABLE])
            callers = [asyncio.create_task(pay(client, log, stop)) for _ in range(CALLERS)]
            for round_ in range(1, ROUNDS + 1):
                await logged(log, 600 * round_)
                process.kill()
                process.wait()
                process = start_writer(database_url, socket)
            await logged(log, 600 * (ROUNDS + 1))
            stop.set()
            await asyncio.gather(*callers)
            status = await client.status()
            now = (await client.account_balances([AVAILABLE.id]))[AVAILABLE.id]
        assert status.epoch == ROUNDS + 1
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert {answer.result for answer in log.values()} <= {Result.CREATED, Result.EXISTS}
    connection = await asyncpg.connect(database_url)
    try:
        stored = {row["id"]: row["seq"] for row in await connection.fetch("SELECT id, seq FROM transfer")}
        sums = await connection.fetch(SUMS)
        head = await connection.fetchval("SELECT seq FROM head")
    finally:
        await connection.close()
    assert {id_: answer.seq for id_, answer in log.items()} == stored
    assert sorted(stored.values()) == list(range(1, head + 1))
    assert (now.credits, now.debits_pending) == (10 * head // 3, 10 * head // 3)
    for row in sums:
        assert (row[1], row[2], row["as_of_seq"]) == (row[6], row[7], head)


async def test_a_second_writer_does_not_start_on_a_socket_that_is_served(
    database_url: str, tmp_path: Path
) -> None:
    socket = tmp_path / "l.sock"
    first = start_writer(database_url, socket)
    try:
        async with LedgerClient(socket, deadline=30) as client:
            await client.create_accounts([CHANNEL])
            second = await asyncio.create_subprocess_exec(
                sys.executable, "-c", WRITER, database_url, str(socket), stderr=asyncio.subprocess.PIPE
            )
            _, said = await second.communicate()
            assert b"SocketInUse" in said
            assert (await client.status()).epoch == 1
        assert socket.stat().st_mode & 0o777 == 0o600
    finally:
        first.kill()
        first.wait()
    assert socket.exists()
