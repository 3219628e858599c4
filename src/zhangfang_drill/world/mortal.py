"""Processes of the platform that live in this one and can end at any of their waits, as by SIGKILL.

A mortal process is a set of tasks and of sockets: whatever a task of it starts or opens belongs to it. When it dies, its
sockets are cut and each of its tasks is cancelled, again at every further wait; nothing is closed in good order.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

STUBBORN = (
    200  # so often a task may catch its cancellation, as nested clean-ups do, before it is simply ended
)
_OWNER: ContextVar["Mortal | None"] = ContextVar("owner", default=None)


class Mortal:
    """One life of a process. `fuse` is the number of waits after which it ends, None for a long life."""

    def __init__(self, name: str) -> None:
        """Begin a life without tasks."""
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
        """Remember how a socket of the process is cut."""
        self._open.append(close)

    def kill(self) -> None:
        """End it now."""
        if self.dead:
            return
        self.dead = True
        for cut in self._open:
            cut()
        for task in self.tasks:
            task.cancel()

    async def gone(self) -> None:
        """Return once nothing of it runs any more."""
        while left := [task for task in self.tasks if task is not asyncio.current_task()]:
            await asyncio.wait(left, timeout=0.2)
            for task in left:
                task.cancel()

    def waited(self) -> None:
        """Count a wait of one of its tasks; the fuse may end here."""
        self.waits += 1
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.kill()


def owner() -> Mortal | None:
    """Return the process that runs at present, None for the simulator itself."""
    return _OWNER.get()


def factory(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], *, context: Any = None, **other: Any
) -> "asyncio.Task[Any]":
    """Make a task; one of a mortal process counts its waits."""
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
            if whose.dead:  # somebody caught the first cancellation: there is no life after it
                caught += 1
                if caught > STUBBORN:
                    _closed(coro)
                    raise asyncio.CancelledError
                step, value = coro.throw, asyncio.CancelledError()


def _closed(coro: Coroutine[Any, Any, Any]) -> None:
    with suppress(RuntimeError):  # it waits even so; it is not asked again
        coro.close()


class MortalLoop(asyncio.SelectorEventLoop):
    """An event loop that knows which process opened a socket, so that its death cuts it."""

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
