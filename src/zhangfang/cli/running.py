"""Runs a command's work with the platform's parts. They are imported only then, so that `--help` answers at once."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from zhangfang.kernel.settings import Settings

if TYPE_CHECKING:
    from zhangfang.kernel.clock import Clock
    from zhangfang.payments import Desk

T = TypeVar("T")


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns."""
    import asyncio

    return asyncio.run(work)


def with_pool(work: "Callable[[Any, Clock], Awaitable[T]]") -> T:
    """Return what `work` makes of the database and the clock."""
    from zhangfang.assembly.parts import open_pool

    async def one() -> T:
        settings = Settings()
        async with open_pool(settings, 2) as pool:
            return await work(pool, settings.clock())

    return finish(one())


def with_desk(work: "Callable[[Desk], Awaitable[T]]", connections: int = 2) -> T:
    """Return what `work` makes of all that payments work with."""
    from zhangfang.assembly.parts import open_desk

    async def one() -> T:
        async with open_desk(Settings(), connections) as desk:
            return await work(desk)

    return finish(one())
