"""A lean HTTP client for the bench: one keep-alive connection, one request in flight, no more parsing than needed."""

import asyncio
import re

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Wire(asyncio.Protocol):
    """A connection to a server on loopback that answers with a Content-Length."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._out: asyncio.Transport

    @classmethod
    async def open(cls, port: int) -> "Wire":
        """Connect to a port of loopback."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return wire

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; `ConnectionError` if the server closes meanwhile."""
        self._answer = asyncio.get_running_loop().create_future()
        self._out.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        self._answer = None
        self._out.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        assert isinstance(transport, asyncio.Transport)
        self._out = transport

    def data_received(self, data: bytes) -> None:
        """Answer whoever asked, once the body is whole."""
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        length = _LENGTH.search(self._held, 0, head) if head >= 0 else None
        if length is None or len(self._held) < head + 4 + int(length[1]):
            return
        status, body, self._held = int(self._held[9:12]), self._held[head + 4 :], b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return the bytes of a POST of JSON."""
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body
