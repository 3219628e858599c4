"""Runs a command's work with the platform's parts. They are imported only then, so that `--help` answers at once."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import Settings

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.kernel.clock import Clock
    from zhangfang.payments import Desk

T = TypeVar("T")


def a_day(text: str, field: str) -> date:
    """Return the date that was typed, or raise `InvalidInput`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, f"{len(text)} characters", "YYYY-MM-DD") from None


def a_uuid(text: str, field: str, shown_by: str) -> UUID:
    """Return the UUID that was typed, or raise `InvalidInput`, which names the command that shows it."""
    try:
        return UUID(text)
    except ValueError:
        shape = f"{len(text)} characters"
        raise InvalidInput(field, shape, f"a UUID, as `zhangfang {shown_by}` shows it") from None


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


def by_person(work: "Callable[[Desk, Person], Awaitable[T]]", connections: int = 2) -> T:
    """Return what `work` does as the person who is signed in; raises `NotSignedIn`."""
    from zhangfang.cli.session import signed_in

    async def as_person(desk: "Desk") -> T:
        return await work(desk, await signed_in(desk.pool, Settings()))

    return with_desk(as_person, connections)


def with_person(work: "Callable[[Any, Clock, Person], Awaitable[T]]") -> T:
    """Return what `work` does in the database alone as the person who is signed in; raises `NotSignedIn`."""
    from zhangfang.cli.session import signed_in

    async def as_person(pool: Any, clock: "Clock") -> T:
        return await work(pool, clock, await signed_in(pool, Settings()))

    return with_pool(as_person)


def with_desk(work: "Callable[[Desk], Awaitable[T]]", connections: int = 2) -> T:
    """Return what `work` makes of all that payments work with."""
    from zhangfang.assembly.parts import open_desk

    async def one() -> T:
        async with open_desk(Settings(), connections) as desk:
            return await work(desk)

    return finish(one())
