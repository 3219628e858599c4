"""Releases of column maps: one person proposes a version, another approves it by its hash, and it is live.

The maps that ship are version 0 of their names. A map decides how amounts are read, so it changes like a routing table.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.bills.check import read_map
from zhangfang.bills.model import ColumnMap
from zhangfang.bills.shipped import SHIPPED
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "release.sql")

MAP = "map"  # the kind of these proposals
_LISTED = 200


class MapRelease(msgspec.Struct, frozen=True):
    """A version of a map that is to be live. `columns` is what it reads, `digest` the SHA-256 of all of it."""

    map: str
    version: int
    columns: str
    digest: str


@dataclass(frozen=True, slots=True)
class MapVersion:
    """A version of a map, and what became of it: `draft`, `live` or `retired`; version 0 ships with the platform."""

    map: ColumnMap
    version: int
    state: str
    made_by: str = ""
    made_at: datetime | None = None
    reason: str = ""
    proposal: UUID | None = None
    live_by: str | None = None


async def propose_map(
    pool: asyncpg.Pool, clock: Clock, content: bytes | str, by: Person, reason: str
) -> MapVersion:
    """Check a map in JSON, store it as the next version of its name, and propose it. Raises `InvalidInput`."""
    one, reason = read_map(content), approvals.reason(reason)
    text = msgspec.json.encode(one).decode()
    digest, id_ = hashlib.sha256(text.encode()).hexdigest(), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock)
        version: int = await connection.fetchval(
            queries.propose, one.name, text, digest, by.id, clock.now(), reason, id_
        )
        said = MapRelease(one.name, version, told(one), digest)
        await approvals.propose(connection, clock, id_, MAP, f"map/{one.name}/{version}", said, by, reason)
    return MapVersion(one, version, "draft", by.id, clock.now(), reason, id_)


def told(one: ColumnMap) -> str:
    """Return in one line which column becomes which field."""
    return "; ".join(f"{column.name} → {column.field}" for column in one.columns)


async def approve_map(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Make a proposed version live, by the hash of its proposal. Raises what `approvals.approve` raises."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(MapRelease)
        await connection.execute(queries.lock)
        row = await connection.fetchrow(queries.get, said.map, said.version)
        if row["digest"] != said.digest:
            raise InvalidInput("map", "another content than was proposed", "the one that was looked at")
        await connection.execute(queries.retire, said.map)
        await connection.execute(queries.make_live, said.map, said.version, by.id, clock.now())

    found = await approvals.approve(pool, clock, id_, MAP, seen, by, begin)
    said = found.holds(MapRelease)
    return await approvals.finish(pool, clock, found, f"version {said.version} of the map {said.map} is live")


async def live_map(pool: asyncpg.Pool, name: str) -> ColumnMap:
    """Return the live version of a map, the one that ships if there is none. Raises `InvalidInput`."""
    row = await pool.fetchrow(queries.live, name)
    if row is not None:
        return _version(row).map
    if name not in SHIPPED:
        known = ", ".join(
            sorted({*SHIPPED, *(one.map.name for one in await map_versions(pool) if one.state == "live")})
        )
        raise InvalidInput("map", f"a name of {len(name)} characters that no live map has", known)
    return SHIPPED[name]


async def map_version(pool: asyncpg.Pool, name: str, version: int) -> MapVersion:
    """Return a version of a map. Raises `InvalidInput`."""
    if version == 0 and name in SHIPPED:
        return _shipped(SHIPPED[name], {})
    row = await pool.fetchrow(queries.get, name, version) if 0 < version < 2**31 else None
    if row is None:
        raise InvalidInput("map", "a version that there is not", "one that `zhangfang files maps` lists")
    return _version(row)


async def map_versions(pool: asyncpg.Pool) -> tuple[MapVersion, ...]:
    """Return the versions of all maps by name, newest first, and those that ship; at most 200."""
    made = [_version(row) for row in await pool.fetch(queries.listed, _LISTED)]
    live = {one.map.name: one for one in made if one.state == "live"}
    return (*made, *(_shipped(one, live) for one in SHIPPED.values()))


def _shipped(one: ColumnMap, live: Mapping[str, object]) -> MapVersion:
    return MapVersion(one, 0, "retired" if one.name in live else "live")


def _version(row: Mapping[str, Any]) -> MapVersion:
    one = msgspec.json.decode(row["content"], type=ColumnMap)
    return MapVersion(
        one,
        row["version"],
        row["state"],
        row["made_by"],
        row["made_at"],
        row["reason"],
        row["proposal"],
        row["live_by"],
    )
