"""Files that a process of its own makes, so that the event loop only hands on what goes in and what comes out."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, AsyncIterator

from zhangfang.kernel.errors import ZhangfangError

AT_ONCE = 2  # files that are made at once
_CHUNK = 64 * 1024


class NotMade(ZhangfangError):
    """A file could not be made whole."""


async def made(module: str, *words: str, given: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield what `python -m MODULE WORD…` writes while it reads `given`; whatever goes wrong raises, `NotMade` for one.

    If nobody reads, nothing of `given` is asked for either.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *words, stdin=PIPE, stdout=PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    feeding = asyncio.create_task(_feed(child.stdin, given))
    try:
        while chunk := await child.stdout.read(_CHUNK):
            yield chunk
        await feeding
        if await child.wait():
            raise NotMade(f"the file could not be made by {module}; see the log")
    finally:
        feeding.cancel()
        if child.returncode is None:
            child.kill()
        await child.stdout.read()
        await child.wait()


async def _feed(into: asyncio.StreamWriter, given: AsyncIterator[bytes]) -> None:
    try:
        async for piece in given:
            into.write(piece)
            await into.drain()
    finally:
        into.close()
