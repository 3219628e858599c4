"""Every wait has an end and every queue a bound. Beyond it comes `Busy`, and nothing that was taken is lost."""

import ast
import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec
import pytest

import zhangfang
from tests.clock import SetClock
from tests.desk import open_shop
from tests.ledger import running
from zhangfang.api.problems import answer
from zhangfang.channels.port import Operation
from zhangfang.kernel import database
from zhangfang.kernel.database import AWAY, Gatherer, connect, repeated
from zhangfang.kernel.errors import Busy
from zhangfang.ledger import LedgerClient
from zhangfang.ledger.client import link
from zhangfang.payments import State
from zhangfang.payments.course import steps


async def test_a_statement_has_an_end(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that does not come back is cancelled, and the next one is served."""
    monkeypatch.setattr(database, "COMMAND_S", 0.05)
    pool = await connect(database_url, 1)
    with pytest.raises(AWAY):
        await pool.fetchval("SELECT pg_sleep(60)")
    assert await pool.fetchval("SELECT 1") == 1
    pool.terminate()


def test_every_connection_has_an_end_for_its_statements() -> None:
    """Nothing in the platform opens a connection without a time-out; an index of a sealed month may take its time."""
    calls = {
        path.name: ast.unparse(call)
        for path in Path(zhangfang.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("asyncpg.connect", "asyncpg.create_pool", "_Pool")
    }
    endless = {name for name, call in calls.items() if "command_timeout" not in call}
    assert endless == {"migrate.py", "sealing.py"}


async def test_who_finds_no_free_connection_is_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool whose connections are all held answers after a while; once one is free it serves again."""
    monkeypatch.setattr(database, "CONNECTION_S", 0.05)
    pool = await connect(database_url, 1)
    async with pool.acquire():
        with pytest.raises(Busy, match="no connection was free"):
            await pool.fetchval("SELECT 1")
    assert await pool.fetchval("SELECT 1") == 1
    pool.terminate()


async def test_a_gatherer_takes_as_many_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound a row is refused; those before it are all stored, and then there is room."""
    monkeypatch.setattr(database, "WAITING", 3)
    go = asyncio.Event()
    stored: list[int] = []

    async def flush(rows: Sequence[int]) -> Sequence[int]:
        await go.wait()
        stored.extend(rows)
        return rows

    gatherer = Gatherer(flush)
    first = asyncio.ensure_future(gatherer.add(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(gatherer.add(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="3 rows wait"):
        await gatherer.add(4)
    go.set()
    assert await asyncio.gather(first, *waiting) == [0, 1, 2, 3]
    assert await gatherer.add(5) == 5
    assert stored == [0, 1, 2, 3, 5]


async def test_a_transaction_that_postgresql_ended_is_repeated_a_few_times() -> None:
    """A deadlock's victim is done again, alone or gathered; other errors are not, and there is an end."""
    left = 2

    async def flush(rows: Sequence[str]) -> Sequence[str]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return rows

    assert await Gatherer(flush).add("row") == "row"
    left = 1
    assert await repeated(lambda: flush(["row"])) == ["row"]
    left = 99
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await repeated(lambda: flush([]))
    assert left == 99 - database.REPEATS - 1


async def test_the_ledgers_client_takes_as_many_as_it_says(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While too many requests wait for the ledger the next is refused; when it answers there is room again."""
    monkeypatch.setattr(link, "RECORDS", 2)
    async with LedgerClient(tmp_path / "l.sock") as client:
        waiting = [asyncio.ensure_future(client.status()) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="2 requests wait"):
            await client.status()
        with pytest.raises(Busy, match="2 requests wait"):
            await client.create_transfers([])
        ledger = running(database_url, tmp_path / "l.sock", clock)
        assert [status.seq for status in await asyncio.gather(*waiting)] == [0, 0]
        assert (await client.status()).seq == 0
    await ledger.stop()


async def test_what_finds_no_room_behind_its_answer_is_done_by_the_driver(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored refund stays stored and is sent later; a collection, not stored yet, is refused."""
    async with open_shop(database_url, tmp_path, clock) as shop:
        merchant = await shop.merchant()
        paid = await shop.ask(merchant, Operation.COLLECTION, "c1", 10_000)
        await shop.settle_down()
        monkeypatch.setattr(steps, "BACKGROUND", 0)
        refund = await shop.ask(merchant, Operation.REFUND, "r1", 100, original=paid.id)
        assert refund.state is State.CREATED
        with pytest.raises(Busy):
            await shop.ask(merchant, Operation.COLLECTION, "c2", 10_000)
        assert await shop.desk.pool.fetchval("SELECT count(*) FROM intent WHERE order_no = 'c2'") == 0
        await shop.settle_down()
        assert (await shop.reload(refund)).state is State.SUCCESS


def test_beyond_a_bound_the_api_says_busy() -> None:
    """It is a 503 with a code of its own, and says when to come again."""
    for error in (Busy("database: too much"), asyncpg.DeadlockDetectedError("deadlock detected")):
        said = answer(error)
        code = msgspec.json.decode(said.body)["code"]
        assert (said.status_code, code, said.headers["Retry-After"]) == (503, "busy", "1")
