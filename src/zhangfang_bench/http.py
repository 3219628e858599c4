"""A small HTTP client for the bench: one keep-alive connection, one request at a time, only the needed parsing."""

import asyncio
import re
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Wire(asyncio.Protocol):
    """A connection to a server on loopback that answers with a Content-Length."""

    def __init__(self, port: int) -> None:
        """Connect later, to a port of loopback."""
        self._port = port
        self._held = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._out: asyncio.Transport

    async def open(self) -> "Wire":
        """Connect."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        return self

    @property
    def closed(self) -> bool:
        """Whether there is no connection any more."""
        return self._out.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; `ConnectionError` if the server closes meanwhile."""
        if self.closed:  # a server closes a connection that was idle for some seconds
            await self.open()
        self._answer = asyncio.get_running_loop().create_future()
        self._out.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._out = cast(asyncio.Transport, transport)  # uvloop's has another base class

    def data_received(self, data: bytes) -> None:
        """Return the answer to the caller once the body is complete."""
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        length = _LENGTH.search(self._held, 0, head) if head >= 0 else None
        if length is None or len(self._held) < head + 4 + int(length[1]):
            return
        status, body, self._held = int(self._held[9:12]), self._held[head + 4 :], b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell a waiting caller."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return the bytes of a POST of JSON."""
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body
