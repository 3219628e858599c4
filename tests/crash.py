"""Ends a coroutine at one of its waits, as the end of its process would."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

CUT = frozenset({"transmit", "step", "accept"})  # coroutines that are tasks of their own


class Crashes:
    """A task factory: the n-th task that runs a coroutine of `CUT` is cancelled at its `script[n]`-th wait."""

    def __init__(self, script: list[int | None]) -> None:
        """Take the waits, None for a task that is left alone; tasks beyond the script are left alone."""
        self._script = list(script)
        self.met = 0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **other: Any
    ) -> "asyncio.Task[Any]":
        """Make a task."""
        if getattr(coro, "__name__", "") in CUT and self._script:
            waits = self._script.pop(0)
            if waits is not None:
                coro = self._cut(coro, waits)
        return asyncio.Task(coro, loop=loop, **other)

    async def _cut(self, coro: Coroutine[Any, Any, Any], waits: int) -> Any:
        return await self._play(coro, waits)

    @types.coroutine
    def _play(self, coro: Coroutine[Any, Any, Any], waits: int) -> Generator[Any, Any, Any]:
        step, value = coro.send, None
        while True:
            try:
                awaited = step(value)
            except StopIteration as ended:
                return ended.value
            if waits == 0:
                self.met += 1
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            waits -= 1
            try:
                step, value = coro.send, (yield awaited)
            except BaseException as error:
                step, value = coro.throw, error
