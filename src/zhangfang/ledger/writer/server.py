"""The writer's socket: reads frames, hands them to the writer, sends the answers. A bad connection harms no other.

The path is taken only after the shard. A standby leaves it to the writer that serves; when that one has died or hangs,
the standby replaces its socket in one step.
"""

import asyncio
import contextlib
import os
import signal
import socket
from functools import partial
from pathlib import Path

import numpy as np
import structlog

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.pulse import beating
from zhangfang.ledger import wire
from zhangfang.ledger.wire import ANSWER, HEADER, MAX_BODY, MAX_COUNT, Frame, MalformedFrame, Op, Records
from zhangfang.ledger.writer.flight import Request
from zhangfang.ledger.writer.writer import Writer

FRAMES = 64  # of one connection, not answered yet; it is not read further until one is
RECORDS = 4 * MAX_COUNT  # in those frames together; a page of history counts as a full frame
UNREAD = 16 << 20  # bytes of answers that a client may leave unread before its connection is closed
FRAME_S = 30.0  # from a frame's header to its last byte; then its connection is closed
PROBE_S = 1.0  # a writer that says nothing for so long hangs

_log = structlog.get_logger()


class SocketInUse(ZhangfangError):
    """Another shard's ledger, or another program, has this path."""


async def run_writer(
    database_url: str, socket_path: Path, clock: Clock, shard: int = 0, owner_url: str = ""
) -> None:
    """Be the writer of a shard, or stand by for it, until SIGTERM or SIGINT; raises what `serve` raises."""
    await refuse_foreign(socket_path, shard)
    async with beating():
        await _run(Writer(database_url, clock, shard, owner_url), socket_path, shard)


async def _run(writer: Writer, socket_path: Path, shard: int) -> None:
    starting = asyncio.create_task(_start(writer, socket_path, shard))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        writer.stop()
        starting.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await asyncio.wait([starting])
        if not starting.cancelled():  # else it was told to stop while it stood by
            starting.result()
            await _answer(writer, socket_path)
    finally:
        starting.cancel()
        await writer.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def serve(writer: Writer, socket_path: Path, shard: int = 0) -> None:
    """Start the writer of `shard`, which may have to stand by first; listen for it, and run it until it is stopped.

    Raises `SocketInUse` before it touches anything, `UnsafeDatabase` when PostgreSQL does not sync, `Fenced` when
    another writer has taken over.
    """
    await refuse_foreign(socket_path, shard)
    try:
        await _start(writer, socket_path, shard)
        await _answer(writer, socket_path)
    finally:
        await writer.close()


async def _start(writer: Writer, path: Path, shard: int) -> None:
    await writer.start()
    await refuse_foreign(path, shard)  # it may have stood by for days


async def _answer(writer: Writer, path: Path) -> None:
    listening, place = listen(path)
    connections: set[_Connection] = set()
    server = await asyncio.start_unix_server(
        partial(_serve, writer, connections), sock=listening, limit=MAX_BODY
    )
    try:
        await writer.run()
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        _leave(path, place)


async def refuse_foreign(path: Path, shard: int) -> None:
    """Raise `SocketInUse` if `path` belongs to another shard's ledger, to another program, or is a file.

    A writer of this shard may listen there. One that hangs does not answer, so no answer is taken for this shard's.
    """
    for _ in range(5):
        try:
            async with asyncio.timeout(PROBE_S):
                found = await _shard_at(path)
        except (FileNotFoundError, ConnectionRefusedError, TimeoutError):
            found = shard
        except MalformedFrame:
            found = None
        except (asyncio.IncompleteReadError, ConnectionError):  # it may be a writer that is just ending
            await asyncio.sleep(PROBE_S / 5)
            continue
        break
    else:
        found = None
    if found != shard or (path.exists() and not path.is_socket()):  # noqa: ASYNC240 - at the start only
        what = "another program's or a file" if found in (None, shard) else f"shard {found}'s ledger's"
        raise SocketInUse(f"{path}: got a path that is {what}; allowed: one of shard {shard}'s own")


async def _shard_at(path: Path) -> int:
    """Ask whoever listens at `path` which shard's ledger it is."""
    reader, out = await asyncio.open_unix_connection(path)
    try:
        out.write(wire.frame(Op.STATUS, 0, np.zeros(0, wire.NOTHING)))
        head = wire.header(await reader.readexactly(HEADER.size), answer=True)
        return int(wire.records(await reader.readexactly(head.size), wire.RESPONSE[Op.STATUS])["shard"][0])
    finally:
        out.close()


def listen(path: Path) -> tuple[socket.socket, os.stat_result]:
    """Listen at a path that only its owner may use, in the place of whoever did; return also where, as `stat` does."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(draft))
    draft.chmod(0o600)
    listening.listen()
    place = draft.stat()
    draft.replace(path)
    return listening, place


def _leave(path: Path, place: os.stat_result) -> None:
    """Remove the socket at a path, unless the next writer has put its own there."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(place, path.stat()):
            path.unlink()


async def _serve(
    writer: Writer, connections: "set[_Connection]", reader: asyncio.StreamReader, out: asyncio.StreamWriter
) -> None:
    connection = _Connection(writer, out)
    connections.add(connection)
    try:
        while True:
            head = wire.header(await reader.readexactly(HEADER.size))
            async with asyncio.timeout(FRAME_S):
                body = await reader.readexactly(head.size)
            await connection.take(head, body)
    except MalformedFrame as error:
        _log.warning("ledger connection closed", error=str(error))
    except TimeoutError:
        _log.warning("ledger connection closed", error=f"half a frame, and no more of it in {FRAME_S:.0f} s")
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the client has gone, or the loop ends
    finally:
        connections.discard(connection)
        connection.close()


class _Connection:
    """One client: its frames in flight, and how it is answered."""

    def __init__(self, writer: Writer, out: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._out = out
        self._frames = 0  # in flight
        self._records = 0
        self._answered = asyncio.Event()
        self._reads: set[asyncio.Task[None]] = set()

    async def take(self, head: Frame, body: bytes) -> None:
        """Hand a frame to the writer, or start reading history for it; wait first until there is room."""
        asked = wire.records(body, wire.REQUEST[head.op])
        size = MAX_COUNT if head.op is Op.ACCOUNT_TRANSFERS else head.length
        while self._frames == FRAMES or (self._frames and self._records + size > RECORDS):
            self._answered.clear()
            await self._answered.wait()
        self._frames += 1
        self._records += size
        request = Request(head.op, head.length, partial(self._reply, head, size), self.close)
        match head.op:
            case Op.CREATE_TRANSFERS:
                request.asks = asked
            case Op.CREATE_ACCOUNTS:
                request.accounts = wire.to_accounts(asked)
            case Op.LOOKUP_ACCOUNTS:
                request.ids = [id_ for (id_,) in asked.tolist()]
            case Op.ACCOUNT_BALANCES if (asked["seq"] == wire.NO_MOMENT).all() and (
                asked["at"] == wire.NO_MOMENT
            ).all():
                request.ids = list(asked["account"].tolist())
            case Op.STATUS:
                pass
            case _:
                task = asyncio.create_task(self._read(head, size, asked))
                self._reads.add(task)
                task.add_done_callback(self._reads.discard)
                return
        self._writer.submit(request)

    async def _read(self, head: Frame, size: int, asked: Records) -> None:
        try:
            self._reply(head, size, await self._writer.read(head.op, asked))
        except Exception as error:  # the database may be away: the client comes back and asks again
            _log.warning("ledger read failed", op=head.op.name, error=type(error).__name__)
            self.close()

    def _reply(self, head: Frame, size: int, answer: Records) -> None:
        self._frames -= 1
        self._records -= size
        self._answered.set()
        if self._out.transport.get_write_buffer_size() > UNREAD:
            _log.warning("ledger connection closed", error="the client does not read")
            self._out.transport.abort()
        elif not self._out.is_closing():
            self._out.write(wire.frame(head.op | ANSWER, head.request, answer))

    def close(self) -> None:
        """Close the connection; what it asked for and was not answered will be asked again."""
        for task in self._reads:
            task.cancel()
        with contextlib.suppress(RuntimeError):  # the loop may have ended before the connection
            self._out.close()
