"""A way to PostgreSQL that loses the answer to one chosen statement, and the connection with it.

It speaks just enough of PostgreSQL's protocol (version 3) to know which SQL a message runs and where an answer ends.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"


class Loss(NamedTuple):
    """The next statement with `sql` in it: it is carried out and its answer lost, or it never reaches the database."""

    sql: bytes
    happens: bool


class Proxy:
    """Passes everything on, but for the `losses`, which come one after the other."""

    def __init__(self, server: Path, url: str) -> None:
        """Stand before the socket `server`; writers connect to `url`."""
        self._server = server
        self.url = url
        self.losses: list[Loss] = []
        self.lost: list[Loss] = []

    async def pass_on(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it, or an answer is lost on it."""
        server, on = await asyncio.open_unix_connection(self._server)
        swallowing = asyncio.Event()
        ways = {
            asyncio.create_task(self._to_server(client, on, swallowing)),
            asyncio.create_task(_to_client(server, back, swallowing)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.transport.abort()
            on.transport.abort()

    async def _to_server(
        self, client: asyncio.StreamReader, on: asyncio.StreamWriter, swallowing: asyncio.Event
    ) -> None:
        statements: dict[bytes, bytes] = {}
        size = await client.readexactly(4)
        on.write(size + await client.readexactly(struct.unpack("!i", size)[0] - 4))
        while True:
            kind, body, message = await _message(client)
            sql = _sql(kind, body, statements)
            if self.losses and self.losses[0].sql in sql:
                self.lost.append(self.losses.pop(0))
                if not self.lost[-1].happens:
                    return
                swallowing.set()
            on.write(message)
            await on.drain()


async def _to_client(
    server: asyncio.StreamReader, back: asyncio.StreamWriter, swallowing: asyncio.Event
) -> None:
    while True:
        kind, _, message = await _message(server)
        if not swallowing.is_set():
            back.write(message)
            await back.drain()
        elif kind == b"Z":  # ready for the next: what was asked has been carried out
            return


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    head = await reader.readexactly(5)
    body = await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
    return head[:1], body, head + body


def _sql(kind: bytes, body: bytes, statements: dict[bytes, bytes]) -> bytes:
    """Return the SQL that a message runs; what is prepared is remembered by its name."""
    if kind == b"P":
        name, sql, *_ = body.split(b"\0")
        statements[name] = sql
    if kind == b"B":
        return statements.get(body.split(b"\0")[1], b"")
    return body if kind == b"Q" else b""


@asynccontextmanager
async def proxied(url: str, folder: Path) -> AsyncIterator[Proxy]:
    """Put a proxy before a database that is reached through a Unix socket; its own lies in `folder`."""
    parts = urlsplit(url)
    server = Path(parse_qs(parts.query)["host"][0]) / SOCKET
    proxy = Proxy(server, parts._replace(query=f"host={quote(str(folder))}").geturl())
    connections: set[asyncio.Task[None]] = set()

    async def begin(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await proxy.pass_on(reader, out)

    def connected(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(begin(reader, out)))

    async with await asyncio.start_unix_server(connected, folder / SOCKET):
        yield proxy
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)
        await asyncio.sleep(0)
