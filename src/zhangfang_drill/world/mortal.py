"""Simulated processes inside this one, each of which can be killed at any `await`, as SIGKILL would.

A mortal process is a set of tasks and sockets: what one of its tasks starts or opens belongs to it. When it is killed,
its sockets are aborted and its tasks are cancelled, again at each later `await`. Nothing is shut down in good order.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

STUBBORN = 200  # cancellations that a task may catch (nested clean-up code does) before it is ended by force
_OWNER: ContextVar["Mortal | None"] = ContextVar("owner", default=None)


class Mortal:
    """One run of a process. `fuse` is the number of waits after which it is killed; None: it is not."""

    def __init__(self, name: str) -> None:
        """Begin without tasks."""
        self.name = name
        self.fuse: int | None = None
        self.waits = 0
        self.dead = False
        self.tasks: set[asyncio.Task[Any]] = set()
        self._open: list[Callable[[], None]] = []

    def start(self, coro: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run a coroutine as a task of this process."""
        context = copy_context()
        context.run(_OWNER.set, self)
        return asyncio.get_running_loop().create_task(coro, context=context)

    def owns(self, close: Callable[[], None]) -> None:
        """Remember the function that aborts one socket of the process."""
        self._open.append(close)

    def kill(self) -> None:
        """Abort its sockets and cancel its tasks now; a second call does nothing."""
        if self.dead:
            return
        self.dead = True
        for cut in self._open:
            cut()
        for task in self.tasks:
            task.cancel()

    async def gone(self) -> None:
        """Return once all its tasks have ended."""
        while left := [task for task in self.tasks if task is not asyncio.current_task()]:
            await asyncio.wait(left, timeout=0.2)
            for task in left:
                task.cancel()

    def waited(self) -> None:
        """Count one wait of one of its tasks; kill the process when the fuse is used up."""
        self.waits += 1
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.kill()


def owner() -> Mortal | None:
    """Return the process whose task runs now; None for the simulator itself."""
    return _OWNER.get()


def factory(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], *, context: Any = None, **other: Any
) -> "asyncio.Task[Any]":
    """Make a task. If it belongs to a mortal process, its waits are counted."""
    whose = context.get(_OWNER) if context is not None else _OWNER.get()
    if whose is None:
        return asyncio.Task(coro, loop=loop, context=context, **other)
    task = asyncio.Task(_counted(whose, coro), loop=loop, context=context, **other)
    whose.tasks.add(task)
    task.add_done_callback(partial(_over, whose, coro))
    if whose.dead:
        task.cancel()
    return task


def _over(whose: Mortal, coro: Coroutine[Any, Any, Any], task: "asyncio.Task[Any]") -> None:
    whose.tasks.discard(task)
    coro.close()  # one that was cancelled before it began
    if not task.cancelled():
        task.exception()  # nobody is left to hear of it


async def _counted(whose: Mortal, coro: Coroutine[Any, Any, Any]) -> Any:
    return await _played(whose, coro)


@types.coroutine
def _played(whose: Mortal, coro: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    step: Callable[[Any], Any] = coro.send
    value: Any = None
    caught = 0
    while True:
        try:
            awaited = step(value)
        except StopIteration as ended:
            return ended.value
        whose.waited()
        try:
            value = yield awaited
            step = coro.send
        except BaseException as error:
            step, value = coro.throw, error
        else:
            if whose.dead:  # the task caught the first cancellation: cancel it again
                caught += 1
                if caught > STUBBORN:
                    _closed(coro)
                    raise asyncio.CancelledError
                step, value = coro.throw, asyncio.CancelledError()


def _closed(coro: Coroutine[Any, Any, Any]) -> None:
    with suppress(RuntimeError):  # it awaits even while being closed: it is left there
        coro.close()


class MortalLoop(asyncio.SelectorEventLoop):
    """An event loop that knows which process opened each socket, so that killing the process aborts its sockets."""

    def __init__(self) -> None:
        """Use the task factory of mortal processes."""
        super().__init__()
        self.set_task_factory(factory)  # type: ignore[arg-type]

    async def create_connection(self, *args: Any, **other: Any) -> Any:
        """Connect, and remember whose it is."""
        return _kept(await super().create_connection(*args, **other))

    async def create_unix_connection(self, *args: Any, **other: Any) -> Any:
        """Connect, and remember whose it is."""
        return _kept(await super().create_unix_connection(*args, **other))

    async def create_server(self, protocol_factory: Any, *args: Any, **other: Any) -> Any:
        """Listen, and remember whose the server and each accepted connection are."""
        server = await super().create_server(_accepting(protocol_factory), *args, **other)
        return _listening(server)

    async def create_unix_server(self, protocol_factory: Any, *args: Any, **other: Any) -> Any:
        """Listen, and remember whose the server and each accepted connection are."""
        server = await super().create_unix_server(_accepting(protocol_factory), *args, **other)
        return _listening(server)


def _kept(made: Any) -> Any:
    whose = owner()
    if whose is not None:
        whose.owns(made[0].abort)
    return made


def _listening(server: Any) -> Any:
    whose = owner()
    if whose is not None:
        whose.owns(server.close)
    return server


def _accepting(protocol_factory: Callable[[], Any]) -> Callable[[], Any]:
    whose = owner()
    if whose is None:
        return protocol_factory

    def make() -> Any:
        protocol = protocol_factory()
        made = protocol.connection_made

        def connection_made(transport: Any) -> None:
            whose.owns(transport.abort)
            made(transport)
            if whose.dead:
                transport.abort()

        protocol.connection_made = connection_made
        return protocol

    return make
