"""A client's connection to the ledger: many requests on it at once, each asked again until it is answered.

Every request is safe to repeat, because it carries its ids. So when the writer goes away, or another takes its path, the
link connects to whoever listens there now and sends again whatever has no answer yet.
"""

import asyncio
import contextlib
from itertools import count
from pathlib import Path

from zhangfang.kernel.errors import Busy, ZhangfangError
from zhangfang.ledger import wire
from zhangfang.ledger.wire import HEADER, MAGIC, MAX_BODY, VERSION, Op

RECONNECT_S = 0.05
WATCH_S = 0.5  # how often the path is looked at
RECORDS = 16 * wire.MAX_COUNT  # that may wait for an answer; a frame without any counts as one

_Place = tuple[int, int]


class LedgerUnavailable(ZhangfangError):
    """The ledger did not answer in time. What was asked may have happened: ask again with the same ids."""


class Link:
    """Asks the writer that listens on `path`; connects at the first question."""

    def __init__(self, path: Path, deadline: float) -> None:
        """Give up on a question after `deadline` seconds."""
        self._path = path
        self._deadline = deadline
        self._numbers = count(1)
        self._unanswered: dict[int, tuple[bytes, asyncio.Future[bytes]]] = {}
        self._records = 0  # in these
        self._running: asyncio.Task[None] | None = None
        self._out: asyncio.StreamWriter | None = None
        self._heard = 0.0

    async def ask(self, op: Op, records: int, body: bytes) -> bytes:
        """Send a frame and return its answer's body, or raise `LedgerUnavailable`, or `Busy` without sending it.

        If nothing at all arrived while it waited, the connection is dropped; the next question makes a new one.
        """
        if self._records >= RECORDS:
            raise Busy(f"ledger: {RECORDS} requests wait for it; try again later")
        self._records += records or 1
        loop = asyncio.get_running_loop()
        number, asked_at = next(self._numbers), loop.time()
        answer: asyncio.Future[bytes] = loop.create_future()
        frame = HEADER.pack(MAGIC, VERSION, op, 0, number, records, len(body)) + body
        self._unanswered[number] = (frame, answer)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        elif self._out:
            self._out.write(frame)
        try:
            async with asyncio.timeout(self._deadline):
                return await answer
        except TimeoutError:
            if self._heard < asked_at:
                self._drop()
            raise LedgerUnavailable(f"{op.name}: no answer within {self._deadline} s") from None
        finally:
            del self._unanswered[number]
            self._records -= records or 1

    async def close(self) -> None:
        """End the connection. Who waits for an answer gets `LedgerUnavailable`."""
        if self._running:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        for _, answer in self._unanswered.values():
            if not answer.done():
                answer.set_exception(LedgerUnavailable("the ledger's client was closed"))

    async def _run(self) -> None:
        """Connect, send what has no answer, hand out answers; and again when the connection ends."""
        while self._unanswered:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, wire.MalformedFrame):
                await self._use(_place(self._path))
            await asyncio.sleep(RECONNECT_S)

    async def _use(self, place: _Place | None) -> None:
        reader, self._out = await asyncio.open_unix_connection(self._path, limit=MAX_BODY)
        watch = asyncio.create_task(self._watch(place))
        try:
            for frame, _ in list(self._unanswered.values()):
                self._out.write(frame)
            while True:
                head = wire.header(await reader.readexactly(HEADER.size), answer=True)
                body = await reader.readexactly(head.size)
                self._heard = asyncio.get_running_loop().time()
                _, answer = self._unanswered.get(head.request, (b"", None))
                if answer and not answer.done():
                    answer.set_result(body)
        finally:
            watch.cancel()
            self._drop()

    async def _watch(self, place: _Place | None) -> None:
        """Give the connection up when another writer has the path: one that hangs keeps its connections open."""
        while _place(self._path) in (place, None):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(WATCH_S)
        self._drop()

    def _drop(self) -> None:
        if self._out:
            self._out.transport.abort()
            self._out = None


def _place(path: Path) -> _Place | None:
    """Return which socket is at a path, None for none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
