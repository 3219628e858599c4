"""The writer's socket: reads frames, hands them to the writer, sends the answers. One bad connection is its own."""

import asyncio
import contextlib
import os
import signal
import socket
from functools import partial
from pathlib import Path

import structlog

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger import wire
from zhangfang.ledger.wire import ANSWER, HEADER, Frame, MalformedFrame, Op, Records
from zhangfang.ledger.writer import Request, Writer

IN_FLIGHT = 64  # frames of one connection; it is not read further until one is answered
UNREAD = 16 << 20  # bytes of answers that a client may leave unread before its connection is closed

_log = structlog.get_logger()


class SocketInUse(ZhangfangError):
    """A ledger already listens on this socket; a second writer would only fence the first."""


async def run_writer(database_url: str, socket_path: Path, clock: Clock, shard: int = 0) -> None:
    """Be the writer of a shard until SIGTERM or SIGINT; raises what `serve` raises."""
    writer = Writer(database_url, clock, shard)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, writer.stop)
    try:
        await serve(writer, socket_path)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def serve(writer: Writer, socket_path: Path) -> None:
    """Start a writer, listen for it, and run it until it is stopped.

    Raises `SocketInUse` before it touches anything, `UnsafeDatabase` when PostgreSQL does not sync, `Fenced` when
    another writer has taken over.
    """
    listening = listen(socket_path)
    connections: set[_Connection] = set()
    try:
        await writer.start()
        server = await asyncio.start_unix_server(partial(_serve, writer, connections), sock=listening)
        try:
            await writer.run()
        finally:
            server.close()
            for connection in list(connections):
                connection.close()
    finally:
        await writer.close()
        listening.close()
        socket_path.unlink(missing_ok=True)  # noqa: ASYNC240 - the last thing this process does


def listen(path: Path) -> socket.socket:
    """Bind a socket that only its owner may use; one that is left over is replaced when nobody listens on it."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            pass
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        else:
            raise SocketInUse(f"{path}: a ledger listens here already")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    os.chmod(path, 0o600)  # nobody can connect before it listens
    return listening


async def _serve(
    writer: Writer, connections: "set[_Connection]", reader: asyncio.StreamReader, out: asyncio.StreamWriter
) -> None:
    connection = _Connection(writer, out)
    connections.add(connection)
    try:
        while True:
            head = wire.header(await reader.readexactly(HEADER.size))
            await connection.take(head, await reader.readexactly(head.size))
    except MalformedFrame as error:
        _log.warning("ledger connection closed", error=str(error))
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the client has gone, or the loop ends
    finally:
        connections.discard(connection)
        connection.close()


class _Connection:
    """One client: its frames in flight and its way back."""

    def __init__(self, writer: Writer, out: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._out = out
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._reads: set[asyncio.Task[None]] = set()

    async def take(self, head: Frame, body: bytes) -> None:
        """Hand a frame to the writer, or start reading history for it."""
        await self._slots.acquire()
        request = Request(head.op, head.length, partial(self._reply, head), self.close)
        asked = wire.records(body, wire.REQUEST[head.op])
        match head.op:
            case Op.CREATE_TRANSFERS:
                request.asks = wire.asks(body)
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
                task = asyncio.create_task(self._read(head, asked))
                self._reads.add(task)
                task.add_done_callback(self._reads.discard)
                return
        self._writer.submit(request)

    async def _read(self, head: Frame, asked: Records) -> None:
        try:
            self._reply(head, await self._writer.read(head.op, asked))
        except Exception as error:  # the database may be away: the client comes back and asks again
            _log.warning("ledger read failed", op=head.op.name, error=type(error).__name__)
            self.close()

    def _reply(self, head: Frame, answer: Records) -> None:
        self._slots.release()
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
