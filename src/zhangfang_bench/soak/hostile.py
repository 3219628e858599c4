"""Clients that keep to nothing, a kind at a time, from addresses of loopback. A process of its own, at the lowest priority.

It reads a plan in JSON from stdin, goes on until it is told to stop, and prints how its connections were answered: a
status, or `closed` where the server closed without a word. All kinds are bounded: they show what the server does, and
are no flood.
"""

import asyncio
import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import uvloop

Dial = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
ADDRESSES = 8
HEAD = b"GET /v1/payments HTTP/1.1\r\nHost: x\r\n"
HUGE = (  # what is sent once, and then again and again
    (HEAD + b"X: ", b"a" * 65536),
    (b"GET /", b"a" * 65536),
    (b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n", b"a" * 65536),
    (
        b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n" + b"a" * 65536 + b"\r\n",
    ),
    (b"", (HEAD + b"\r\n") * 1000),
)
SLOW = (
    (HEAD + b"X: ", b"a"),
    (b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n", b"a"),
    (b"", b"\r\n"),
)


class Plan(msgspec.Struct):
    """Which kind, against which port, and how many clients at once."""

    kind: str
    port: int
    clients: int


class Crowd:
    """The clients of one kind, and how they were answered."""

    def __init__(self, plan: Plan) -> None:
        """Have no connection yet."""
        self.plan = plan
        self.answers: Counter[str] = Counter()

    async def dial(self, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect from one of some addresses."""
        host = f"127.0.0.{2 + number % ADDRESSES}"
        return await asyncio.open_connection("127.0.0.1", self.plan.port, local_addr=(host, 0))

    async def client(self, number: int) -> None:
        """Come again and again, until the process is told to stop."""
        once, pause = KINDS[self.plan.kind]
        await asyncio.sleep(pause * number / self.plan.clients)
        while True:
            try:
                reader, writer = await self.dial(number)
            except OSError:
                self.answers["no connection"] += 1
            else:
                self.answers[await _answered(once, number, reader, writer)] += 1
                writer.transport.abort()
            await asyncio.sleep(pause)


async def _answered(
    once: Callable[[int, asyncio.StreamWriter], Awaitable[None]],
    number: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> str:
    sending = asyncio.ensure_future(once(number, writer))
    try:
        first = await reader.read(4096)
    except OSError:
        first = b""
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return first[9:12].decode("ascii", "replace") or "closed"


async def huge(number: int, writer: asyncio.StreamWriter) -> None:
    """Send without an end."""
    first, again = HUGE[number % len(HUGE)]
    writer.write(first)
    while True:
        writer.write(again)
        await writer.drain()


async def slow(number: int, writer: asyncio.StreamWriter) -> None:
    """Send half a request, and then a byte a second."""
    first, again = SLOW[number % len(SLOW)]
    writer.write(first)
    while True:
        await asyncio.sleep(1)
        writer.write(again)


async def many(_: int, writer: asyncio.StreamWriter) -> None:
    """Send a request that is in order but for its key."""
    writer.write(HEAD + b"\r\n")


async def silent(_number: int, _writer: asyncio.StreamWriter) -> None:
    """Say nothing."""


KINDS: Mapping[str, tuple[Callable[[int, asyncio.StreamWriter], Awaitable[None]], float]] = {
    "huge": (huge, 1.0),  # and how many seconds each client waits before it comes again
    "slow": (slow, 1.0),
    "many": (many, 10.0),
    "silent": (silent, 1.0),
}


async def run(plan: Plan) -> Counter[str]:
    """Be hostile until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    crowd = Crowd(plan)
    clients = [asyncio.create_task(crowd.client(number)) for number in range(plan.clients)]
    await stop.wait()
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return crowd.answers


def main() -> None:
    """Read the plan, print the answers."""
    os.nice(19)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)))), flush=True)


if __name__ == "__main__":
    main()
