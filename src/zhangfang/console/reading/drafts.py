"""Column maps that a person has begun: what their form held, to go on with later. Each person sees their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from zhangfang.approvals import Person, recorded
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load

queries = load(__package__, "drafts.sql")

MOST = 20  # of one person
MOST_BYTES = 32 * 1024
_MOST_NAME = 40
_LEFT_OUT = frozenset({"csrf", "do", "reason", "count", "sum"})  # of one file, or of the proposal


async def save(pool: asyncpg.Pool, clock: Clock, typed: Mapping[str, str], by: Person) -> None:
    """Keep what a form holds under the name that it has, in the place of an earlier draft of it. Raises `InvalidInput`."""
    name = typed.get("name", "")
    if not 1 <= len(name) <= _MOST_NAME:
        raise InvalidInput("name", f"{len(name)} characters", f"1 to {_MOST_NAME}, to find the draft again")
    held = msgspec.json.encode({key: text for key, text in typed.items() if key not in _LEFT_OUT}).decode()
    if len(held) > MOST_BYTES:
        raise InvalidInput("map", f"{len(held)} characters", f"at most {MOST_BYTES}")
    async with recorded(pool, clock, by, "save map draft", f"map/{name}"):
        if await pool.fetchval(queries.save, by.id, name, held, clock.now(), MOST) is None:
            raise InvalidInput(
                "name", f"a draft beside {MOST} others", f"at most {MOST} drafts of one person"
            )


async def listed(pool: asyncpg.Pool, by: Person) -> Sequence[Any]:
    """Return a person's drafts, the newest first."""
    return list(await pool.fetch(queries.listed, by.id))


async def get(pool: asyncpg.Pool, name: str, by: Person) -> dict[str, str]:
    """Return what the form held. Raises `InvalidInput` if there is no such draft."""
    held = await pool.fetchval(queries.get, by.id, name)
    if held is None:
        raise InvalidInput("draft", f"{len(name)} characters", "the name of a draft of yours")
    return msgspec.json.decode(held, type=dict[str, str])


async def forget(pool: asyncpg.Pool, name: str, by: Person) -> None:
    """Remove a draft, if there is one."""
    await pool.execute(queries.forget, by.id, name)
