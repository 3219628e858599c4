"""The writer's own work: batches in flight, the checkpoint, what it reads back, months that are sealed."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import asyncpg
import pytest

from tests.clock import SetClock
from tests.ledger import running
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import Account, AccountFlag, Book, LedgerClient, Result, Transfer, TransferFlag
from zhangfang.ledger.wire import from_transfers
from zhangfang.ledger.writer import sealing, writer
from zhangfang.ledger.writer.checkpoint import Checkpoint, CheckpointMoved
from zhangfang.ledger.writer.journal import Batch, Journal, with_raw_ids
from zhangfang.ledger.writer.loading import HistoryDiffers

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANTS = [Account(Book.CUSTOMERS, 2321, f"m{n}", AccountFlag.CREDIT_FLOOR) for n in range(20)]
PAGED = "SELECT count(*), sum(cardinality(lines)), max(seq) FROM account_page"
BULK = "SELECT count(*) FROM pg_indexes WHERE tablename = 'transfer_{month}' AND indexname LIKE '%bulk%'"


def pay(clock: SetClock, merchant: Account, amount: int = 10, **other: object) -> Transfer:
    id_ = new_id(clock)
    fields = (numbered(id_, 1), CHANNEL.id, merchant.id, amount, Book.CUSTOMERS, 11, id_, clock.now().date())
    return Transfer(*fields, **other)  # type: ignore[arg-type]


async def ask(url: str, sql: str) -> asyncpg.Record:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize("seed", range(4))
async def test_batches_that_fail_in_flight_are_decided_again_and_nothing_is_lost_or_doubled(
    seed: int, database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    append = Journal.append
    failed: list[str] = []

    async def sometimes(
        self: Journal,
        connection: asyncpg.Connection,
        batch: Batch,
        turn: Callable[[], Awaitable[None]],
        advanced: Callable[[], None],
    ) -> None:
        when = random.choice(["never"] * 4 + ["before", "in between", "after"])
        lost = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        if when == "never" or len(failed) > 6:
            return await append(self, connection, batch, turn, advanced)
        failed.append(when)
        if when == "before":
            raise lost
        if when == "in between":
            async with connection.transaction():
                await self._copy(connection, batch)
                raise lost
        await append(self, connection, batch, turn, advanced)
        raise lost

    monkeypatch.setattr(Journal, "append", sometimes)
    monkeypatch.setattr(writer, "PIPELINE_FROM", 1)
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket, deadline=60) as client:
        await client.create_accounts([CHANNEL, *MERCHANTS])
        frames = [
            [pay(clock, random.choice(MERCHANTS)) for _ in range(random.choice([1, 70, 300]))]
            for _ in range(30)
        ]
        frames += frames[:5]
        answers = await asyncio.gather(
            *(client.create_transfer_records(from_transfers(frame)) for frame in frames)
        )
        distinct = sum(map(len, frames[:30]))
        assert {Result(code) for one in answers for code in one["result"].tolist()} <= {
            Result.CREATED,
            Result.EXISTS,
        }
        seqs = [seq for one in answers[:30] for seq in one["seq"].tolist()]
        assert sorted(seqs) == list(range(1, distinct + 1))
        held = await client.account_balances([one.id for one in MERCHANTS])
        assert sum(one.credits for one in held.values()) == 10 * distinct
    assert failed
    await ledger.stop()
    row = await ask(database_url, "SELECT count(*), max(seq), sum(amount) FROM transfer")
    assert tuple(row) == (distinct, distinct, 10 * distinct)


@pytest.mark.parametrize("failing", [{1, 2}, {2, 3}, {1, 3}])
async def test_a_checkpoint_that_could_not_be_written_is_written_with_the_next(
    failing: set[int], database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Checkpoint.write
    tried: list[int] = []

    async def fail_twice(self: Checkpoint, connection: asyncpg.Connection) -> None:
        tried.append(self.seq)
        if len(tried) in failing:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        await write(self, connection)

    monkeypatch.setattr(Checkpoint, "write", fail_twice)
    monkeypatch.setattr(writer, "CHECKPOINT_S", 0)
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, *MERCHANTS])
        held = pay(clock, MERCHANTS[0], flags=TransferFlag.PENDING)
        kept = pay(clock, MERCHANTS[1], flags=TransferFlag.PENDING)
        await client.create_transfers([held, kept])
        while len(tried) < 1:  # noqa: ASYNC110 - the writer tells nobody
            await asyncio.sleep(0.01)
        post = pay(clock, MERCHANTS[0], 0, flags=TransferFlag.POST, pending_id=held.id)
        await client.create_transfers([post])
        while len(tried) < 3:
            await asyncio.sleep(0.01)
            await client.create_transfers([pay(clock, MERCHANTS[2])])
    await ledger.stop()
    row = await ask(database_url, PAGED)
    head = await ask(database_url, "SELECT seq FROM head")
    point = await ask(database_url, "SELECT seq, paged FROM ledger_checkpoint")
    assert (row["sum"], row["max"]) == (2 * head["seq"], head["seq"])
    assert tuple(point) == (head["seq"], head["seq"])
    holds = await ask(database_url, "SELECT array_agg(id) AS ids FROM ledger_hold")
    assert holds["ids"] == [kept.id]


async def test_a_checkpoint_whose_answer_is_lost_puts_no_entry_on_two_pages(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Checkpoint.write
    written: list[int] = []

    async def lose_the_first_answer(self: Checkpoint, connection: asyncpg.Connection) -> None:
        await write(self, connection)
        written.append(self.seq)
        if len(written) == 1:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(Checkpoint, "write", lose_the_first_answer)
    monkeypatch.setattr(writer, "CHECKPOINT_S", 0)
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, *MERCHANTS])
        while len(written) < 3:
            await client.create_transfers([pay(clock, MERCHANTS[0])])
            await asyncio.sleep(0.02)
        assert (await client.status()).epoch == 2
    await ledger.stop()
    row = await ask(database_url, PAGED)
    head = await ask(database_url, "SELECT seq FROM head")
    assert (row["sum"], row["max"]) == (2 * head["seq"], head["seq"])


async def test_the_checkpoint_of_a_writer_that_was_replaced_puts_no_entry_on_two_pages(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_S", 10**9)
    socket = tmp_path / "l.sock"
    first = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, *MERCHANTS])
        first.writer._checkpoint_due = (
            math.inf
        )  # it writes none by itself: what changed is in the late one alone
        await client.create_transfers([pay(clock, MERCHANTS[0]) for _ in range(10)])
        late = Checkpoint.take(first.writer._state)
        await first.stop(clean=False)
        second = running(database_url, socket, clock)
        await client.status()
        connection = await asyncpg.connect(database_url)
        await with_raw_ids(connection)
        with suppress(CheckpointMoved):
            await late.write(connection)
        await connection.close()
        await client.create_transfers([pay(clock, MERCHANTS[1])])
    await second.stop()
    paged = await ask(database_url, "SELECT paged FROM ledger_checkpoint")
    row = await ask(database_url, PAGED)
    assert (row["sum"], row["max"]) == (2 * paged["paged"], paged["paged"])


async def test_a_writer_whose_memory_its_own_history_contradicts_does_not_start(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, *MERCHANTS])
        await client.create_transfers([pay(clock, MERCHANTS[0]), pay(clock, MERCHANTS[1])])
    await ledger.stop(clean=False)
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE transfer SET amount = amount + 1 WHERE seq = 2")
    await connection.close()
    with pytest.raises(HistoryDiffers, match="entry 2"):
        await running(database_url, socket, clock).task


async def test_months_gone_by_are_sealed_with_their_indexes_and_still_take_their_ids(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    old = pay(clock, MERCHANTS[0])
    late = pay(clock, MERCHANTS[0])
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, *MERCHANTS])
        first = await client.create_transfers([old])
        clock.advance(days=370)
        now = pay(clock, MERCHANTS[0])
        assert (await client.create_transfers([now]))[0].result is Result.CREATED
        again = await client.create_transfers([old])
        assert (again[0].result, again[0].seq) == (Result.EXISTS, first[0].seq)
        assert (await client.create_transfers([late]))[0].result is Result.CREATED
        indexes = 0
        while indexes < 3:
            found = await ask(database_url, BULK.format(month=old_month(clock)))
            indexes = found["count"]
            await asyncio.sleep(0.02)
    await ledger.stop()
    sealed = await ask(database_url, "SELECT min(month), max(month) FROM ledger_month")
    assert sealed["min"].isoformat()[:7] == "2026-08"
    assert sealed["max"] < (clock.now() - timedelta(days=28)).date()


async def test_an_index_whose_building_was_cut_off_is_built_again(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await client.create_accounts([CHANNEL])
    await ledger.stop()
    connection = await asyncpg.connect(database_url)
    month = clock.now().strftime("%Y_%m")
    later = clock.advance(days=70)
    await sealing.finish(database_url, await sealing.mark(connection, later))
    assert await sealing.mark(connection, later) == []
    cut_off = f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'transfer_{month}_bulk_1'::regclass"
    await connection.execute(cut_off)
    assert await sealing.mark(connection, later) == [month]
    await sealing.finish(database_url, [month])
    assert await sealing.mark(connection, later) == []
    await connection.close()


def old_month(clock: SetClock) -> str:
    return (clock.now() - timedelta(days=370)).strftime("%Y_%m")
