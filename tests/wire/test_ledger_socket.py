"""The ledger's socket seen from outside: whose path it is, what bytes may come, and what a client does when it is left."""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.clock import SetClock
from tests.ledger import running
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    Account,
    AccountFlag,
    Book,
    LedgerClient,
    LedgerUnavailable,
    Result,
    SocketInUse,
    Transfer,
    TransferFlag,
    wire,
)
from zhangfang.ledger.client import client, link
from zhangfang.ledger.model import MAX_AMOUNT
from zhangfang.ledger.wire import ANSWER, HEADER, MAGIC, MAX_COUNT, Op
from zhangfang.ledger.writer import server

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant", AccountFlag.CREDIT_FLOOR)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def transfer(clock: SetClock, amount: int = 10, flags: TransferFlag = TransferFlag.NONE) -> Transfer:
    id_ = new_id(clock)
    return Transfer(
        numbered(id_, 1), CHANNEL.id, MERCHANT.id, amount, Book.CUSTOMERS, 1, id_, date(2026, 9, 1), flags
    )


def changed(one: Transfer, **values: object) -> Transfer:
    return Transfer(**{name: getattr(one, name) for name in Transfer.__slots__} | values)


@asynccontextmanager
async def somebody(path: Path, talk: Talk) -> AsyncIterator[None]:
    """Have another program listen at a path."""
    talks: set[asyncio.Task[None]] = set()

    async def once(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(reader, out)
        out.transport.abort()

    def begin(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(once(reader, out)))

    path.unlink(missing_ok=True)  # noqa: ASYNC240
    async with await asyncio.start_unix_server(begin, path):
        yield
    for task in talks:
        task.cancel()
    await asyncio.gather(*talks)
    await asyncio.sleep(0)


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass


async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readexactly(4)


async def speak_http(_: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    out.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await out.drain()


async def status_of_shard_7(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    await reader.readexactly(HEADER.size)
    status = np.zeros(1, wire.STATUS)
    status["shard"] = 7
    out.write(wire.frame(Op.STATUS | ANSWER, 0, status))
    await out.drain()


# --- whose path it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("talk", [hang_up, speak_http, status_of_shard_7])
async def test_a_path_of_another_program_or_another_shard_is_refused_before_anything_is_touched(
    talk: Talk, tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "l.sock"
    async with somebody(path, talk):
        before = path.stat()
        with pytest.raises(SocketInUse, match="shard 0's own"):
            await running("postgresql://nobody@/nothing?host=/nowhere", path, clock).task
        assert os.path.samestat(before, path.stat())


async def test_a_file_is_never_replaced_by_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sock"
    path.write_text("a letter")
    with pytest.raises(SocketInUse, match="file"):
        await server.refuse_foreign(path, 0)


@pytest.mark.parametrize("talk", [status_of_shard_7, silence])
async def test_a_path_of_ones_own_shard_may_be_taken_also_from_a_writer_that_hangs(
    talk: Talk, tmp_path: Path
) -> None:
    path = tmp_path / "l.sock"
    async with somebody(path, talk):
        await server.refuse_foreign(path, 7)


async def test_a_socket_left_over_is_replaced_in_one_step_by_one_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "l.sock"
    for _ in range(2):
        await server.refuse_foreign(path, 0)
        listening, place = server.listen(path)
        assert os.path.samestat(place, path.stat())
        assert stat.S_IMODE(place.st_mode) == 0o600
        _, out = await asyncio.open_unix_connection(path)
        out.close()
        listening.close()
    assert os.listdir(tmp_path) == ["l.sock"]


async def test_who_ends_leaves_the_socket_of_its_successor_alone(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "l.sock"
    ledger = running(database_url, path, clock)
    async with LedgerClient(path) as asking:
        await asking.status()
    async with somebody(path, silence):
        successor = path.stat()
        await ledger.stop()
        assert os.path.samestat(successor, path.stat())


# --- what bytes may come ---------------------------------------------------------------------------------------


async def test_a_client_that_sends_half_a_frame_and_stays_is_cut_off_and_the_others_go_on(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FRAME_S", 0.2)
    path = tmp_path / "l.sock"
    ledger = running(database_url, path, clock)
    async with LedgerClient(path) as asking:
        await asking.create_accounts([CHANNEL, MERCHANT])
        reader, out = await asyncio.open_unix_connection(path)
        out.write(wire.frame(Op.CREATE_TRANSFERS, 1, wire.from_transfers([transfer(clock)]))[:-1])
        assert (await asking.create_transfers([transfer(clock)]))[0].result is Result.CREATED
        assert await asyncio.wait_for(reader.read(), 60) == b""
        out.close()
        assert (await asking.status()).seq == 1
    await ledger.stop()


async def test_a_connection_is_read_no_further_than_a_few_full_frames_ahead_of_its_answers(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "l.sock"
    ledger = running(database_url, path, clock)
    taken: list[int] = []
    async with LedgerClient(path) as asking:
        await asking.status()
        monkeypatch.setattr(ledger.writer, "submit", lambda request: taken.append(request.count))
        _, out = await asyncio.open_unix_connection(path)
        full = wire.frame(Op.LOOKUP_ACCOUNTS, 1, np.zeros(MAX_COUNT, wire.ID))
        out.write(full * 20)
        small = [await asyncio.open_unix_connection(path) for _ in range(2)]
        small[0][1].write(wire.frame(Op.STATUS, 1, np.zeros(0, wire.NOTHING)) * 100)
        while len(taken) < 4 + server.FRAMES:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        small[1][1].write(wire.frame(Op.LOOKUP_ACCOUNTS, 1, np.zeros(3, wire.ID)))
        while 3 not in taken:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert (taken.count(MAX_COUNT), taken.count(0)) == (4, server.FRAMES)
        for writer in (out, *(one for _, one in small)):
            writer.close()
    await ledger.stop(clean=False)


async def test_a_frame_of_the_greatest_size_is_answered_whole(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "l.sock"
    ledger = running(database_url, path, clock)
    async with LedgerClient(path, deadline=30) as asking:
        await asking.create_accounts([CHANNEL, MERCHANT])
        asked = wire.from_transfers([transfer(clock) for _ in range(MAX_COUNT)])
        answers = await asking.create_transfer_records(asked)
        assert answers.dtype == wire.RESULT
        assert answers["seq"].tolist() == list(range(1, MAX_COUNT + 1))
        again = await asking.create_transfer_records(asked[:3])
        assert again.tolist() == [(Result.EXISTS, 1), (Result.EXISTS, 2), (Result.EXISTS, 3)]
    await ledger.stop()


# --- the client ------------------------------------------------------------------------------------------------


def test_the_client_packs_a_transfer_as_the_wire_has_it(clock: SetClock) -> None:
    one = changed(transfer(clock), amount=-7, timeout=2**32 - 1, flags=TransferFlag(0xFFFF), kind=0xFFFF)
    [fields] = wire.from_transfers([one]).tolist()
    assert np.array([fields], wire.TRANSFER).tobytes() == wire.packed(one)
    assert (fields[3], fields[5], fields[6], fields[8]) == (-7, 0xFFFF, 0xFFFF, 2**32 - 1)
    assert client.RESULT.size == wire.RESULT.itemsize
    answer = np.array([(Result.OVERFLOW, 2**40)], wire.RESULT)
    assert client.RESULT.unpack(answer.tobytes()) == (Result.OVERFLOW, 2**40)


@pytest.mark.parametrize(
    ("field", "value"), [("amount", MAX_AMOUNT + 1), ("kind", -1), ("timeout", 2**32), ("kind", 2**16)]
)
async def test_a_value_that_does_not_fit_is_named_and_its_companions_travel(
    field: str, value: int, database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    path = tmp_path / "l.sock"
    ledger = running(database_url, path, clock)
    async with LedgerClient(path) as asking:
        await asking.create_accounts([CHANNEL, MERCHANT])
        good = asyncio.create_task(asking.create_transfers([transfer(clock)]))
        with pytest.raises(InvalidInput, match=field):
            await asking.create_transfers([changed(transfer(clock), **{field: value})])
        assert (await good)[0].result is Result.CREATED
    await ledger.stop()


async def test_an_array_of_another_shape_is_refused_by_the_client(tmp_path: Path) -> None:
    async with LedgerClient(tmp_path / "nobody.sock") as asking:
        for wrong in (
            np.zeros(1, wire.RESULT),
            np.zeros((2, 2), wire.TRANSFER),
            np.zeros(8193, wire.TRANSFER),
        ):
            with pytest.raises(InvalidInput, match="records"):
                await asking.create_transfer_records(wrong)


async def test_calls_made_together_travel_in_frames_that_hold_whole_calls(
    tmp_path: Path, clock: SetClock
) -> None:
    frames: list[int] = []

    async def count(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while True:
            head = wire.header(await reader.readexactly(HEADER.size))
            await reader.readexactly(head.size)
            frames.append(head.length)
            out.write(wire.frame(head.op | ANSWER, head.request, np.zeros(head.length, wire.RESULT)))

    path = tmp_path / "l.sock"
    one, linked = transfer(clock), transfer(clock, flags=TransferFlag.LINKED)
    async with somebody(path, count), LedgerClient(path) as asking:
        calls = [[one] * 8000, [one] * 192, [one], [linked], [one], [], [one]]
        answers = await asyncio.gather(*map(asking.create_transfers, calls))
    assert list(map(len, answers)) == list(map(len, calls))
    assert frames == [8192, 2, 2]


async def test_a_client_that_waits_moves_to_whoever_takes_the_path_although_its_connection_is_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "l.sock"
    async with somebody(path, silence), LedgerClient(path, deadline=30) as asking:
        waiting = asyncio.create_task(asking.status())
        await asyncio.sleep(0.1)
        async with somebody(path, status_of_request):
            assert (await waiting).shard == 7


async def status_of_request(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    head = wire.header(await reader.readexactly(HEADER.size))
    status = np.zeros(1, wire.STATUS)
    status["shard"] = 7
    out.write(wire.frame(Op.STATUS | ANSWER, head.request, status))
    await reader.read()


async def test_a_call_that_ran_out_of_time_in_silence_gives_its_connection_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "WATCH_S", 3600)  # the path stays the same here
    path = tmp_path / "l.sock"
    connections: list[int] = []

    async def silent_at_first(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        connections.append(1)
        await (silence if len(connections) == 1 else status_of_request)(reader, out)

    async with somebody(path, silent_at_first), LedgerClient(path, deadline=0.5) as asking:
        with pytest.raises(LedgerUnavailable, match="STATUS"):
            await asking.status()
        assert (await asking.status()).shard == 7
    assert len(connections) == 2


async def test_a_client_that_is_closed_tells_everybody_who_waits(tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "l.sock"
    async with somebody(path, silence):
        asking = LedgerClient(path)
        sent = asyncio.create_task(asking.create_transfers([transfer(clock)]))
        await asyncio.sleep(0.05)
        gathered = asyncio.create_task(asking.create_transfers([transfer(clock)]))
        await asyncio.sleep(0)
        await asking.close()
        for call in (sent, gathered):
            with pytest.raises(LedgerUnavailable, match="closed"):
                await call


@pytest.mark.parametrize(
    "bytes_",
    [b"x" * HEADER.size, HEADER.pack(MAGIC, 1, Op.STATUS | ANSWER, 0, 1, 1, 3)],
    ids=["no header", "a body of another length"],
)
async def test_an_answer_that_is_no_frame_ends_the_connection_and_the_question_is_asked_again(
    bytes_: bytes, tmp_path: Path
) -> None:
    connections: list[int] = []

    async def strange_at_first(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        connections.append(1)
        if len(connections) == 1:
            out.write(bytes_)
            await silence(reader, out)
        await status_of_request(reader, out)

    path = tmp_path / "l.sock"
    async with somebody(path, strange_at_first), LedgerClient(path) as asking:
        assert (await asking.status()).shard == 7
