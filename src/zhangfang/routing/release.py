"""Releases of the tables: proposed, replayed over recent orders, canaried, promoted by a second person, rolled back.

draft → replayed (or rejected) → canary → live → retired. Each step is one transaction and records who did it. All
processes use the new state within about a second.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.routing import shape
from zhangfang.routing.model import Kind, NotNow, UnknownVersion

queries = load(__package__, "release.sql")
store = load(__package__, "store.sql")

RELEASE = "release"  # the kind of these proposals
_LISTED = 100


class Promotion(msgspec.Struct, frozen=True):
    """A release that is to be live. `digest` is the SHA-256 of its table as CSV; `size` is its number of rows."""

    kind: Kind
    version: int
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release. `size` is its number of rows, `replay` the report, `share` per cent of the traffic."""

    version: int
    kind: Kind
    size: int
    digest: str
    state: str
    share: int
    made_by: str
    made_at: datetime
    reason: str
    replayed_at: datetime | None
    replayed_on: int | None
    replay: Mapping[str, Any] | None
    live_by: str | None
    live_at: datetime | None
    follows: int | None
    ended_by: str | None
    ended_at: datetime | None
    ended_reason: str | None
    proposal: UUID | None


async def propose(
    pool: asyncpg.Pool, clock: Clock, kind: Kind, csv: str, by: Person, reason: str = ""
) -> int:
    """Check every row of a table, store it as a draft, and return its version. Raises `TableInvalid`."""
    reason = approvals.reason(reason, 0)
    rows = shape.read(kind, csv)
    digest = hashlib.sha256(shape.write(kind, rows).encode()).hexdigest()
    async with changing(pool) as connection:
        held, id_ = msgspec.json.encode(rows).decode(), new_id(clock)
        version: int = await connection.fetchval(
            queries.propose, kind, held, digest, by.id, clock.now(), reason, id_
        )
        said = Promotion(kind, version, len(rows), digest)
        await approvals.propose(connection, clock, id_, RELEASE, f"{kind}/{version}", said, by, reason)
    return version


async def canary(pool: asyncpg.Pool, clock: Clock, version: int, share: int, by: Person) -> None:
    """Let a replayed release decide for `share` per cent of the traffic. Call it again to change the share.

    Raises `UnknownVersion`; `NotNow` if it was not replayed against the live tables, or another release is a canary.
    """
    if not 1 <= share <= 99:
        raise InvalidInput("share", "a number out of range", "1 to 99 per cent of the traffic")
    async with changing(pool) as connection:
        row = await get(connection, version, ("replayed", "canary"))
        await _check_base(connection, row)
        try:
            await connection.execute(queries.canary, version, share)
        except asyncpg.UniqueViolationError:
            raise NotNow("another release is a canary: promote it or roll it back first") from None
        await connection.execute(store.mint)
        await approvals.record(
            connection, clock, by, "canary table", f"{row['kind']}/{version}", f"{share} %"
        )


async def promote(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Make a canary the live table of its kind, by the hash of its proposal. Raises what `approvals.approve` raises.

    `NotNow` if it is no canary, was replayed against other tables, or holds other rows than were proposed.
    """

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said = found.holds(Promotion)
        await connection.execute(queries.lock)
        row = await get(connection, said.version, ("canary",))
        if (
            digest_of(said.kind, await connection.fetchval(queries.rows, said.version, said.kind))
            != said.digest
        ):
            raise NotNow(f"release {said.version} holds other rows than were proposed")
        await _check_base(connection, row)
        now, why = clock.now(), f"release {said.version}"
        before = await connection.fetchrow(queries.end_live, said.kind, by.id, now, why)
        await connection.execute(
            queries.promote, said.version, by.id, now, before["version"] if before else 0
        )
        await connection.execute(store.mint)

    found = await approvals.approve(pool, clock, id_, RELEASE, seen, by, begin)
    return await approvals.finish(pool, clock, found, f"release {found.holds(Promotion).version} is live")


def digest_of(kind: Kind, rows: str) -> str:
    """Return the SHA-256 of a table that is stored as JSON, as hexadecimal digits."""
    return hashlib.sha256(shape.write(kind, msgspec.json.decode(rows)).encode()).hexdigest()


async def rollback(pool: asyncpg.Pool, clock: Clock, kind: Kind, by: Person, reason: str = "") -> int:
    """Go back one step and return the version that is live then, 0 for the table that ships.

    If there is a canary of this kind, it is withdrawn; if not, the table before the live one is live again. One person
    is enough, because that table was approved by two people before and speed matters. Raises `NotNow`.
    """
    reason = approvals.reason(reason, 0)
    async with changing(pool) as connection:
        now = clock.now()
        canary = await connection.fetchrow(queries.end_canary, kind, by.id, now, reason)
        ended = canary["version"] if canary else None
        if ended is None:
            live = await connection.fetchrow(queries.end_live, kind, by.id, now, reason)
            if live is None:
                raise NotNow(f"{kind}: the table that ships is live; there is nothing to go back to")
            ended = live["version"]
            if live["follows"]:
                await connection.execute(queries.live_again, live["follows"])
        await connection.execute(store.mint)
        await approvals.record(connection, clock, by, "roll back table", f"{kind}/{ended}", reason)
        if canary and canary["proposal"]:
            await approvals.withdraw_in(connection, clock, canary["proposal"], by, reason)
        return await connection.fetchval(queries.live_of, kind) or 0


async def history(pool: asyncpg.Pool, kind: Kind | None = None) -> tuple[Release, ...]:
    """Return the releases, newest first, at most 100."""
    rows = await pool.fetch(queries.releases, kind, _LISTED)
    return tuple(_release(row) for row in rows)


async def rows_of(pool: asyncpg.Pool, kind: Kind, version: int | None = None) -> Sequence[shape.Row]:
    """Return the rows of a release; None is the live one, 0 the table that ships. Raises `UnknownVersion`."""
    if version is None:
        version = await pool.fetchval(queries.live_of, kind) or 0
    if version == 0:
        return shape.read(kind, shape.shipped_text(kind))
    held = await pool.fetchval(queries.rows, version, kind) if 0 < version < 2**31 else None
    if held is None:
        raise UnknownVersion(
            f"version: got {version}; allowed: a release of {kind}, or 0 for the shipped table"
        )
    rows: list[shape.Row] = msgspec.json.decode(held)
    return rows


@asynccontextmanager
async def changing(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection in a transaction that may change releases. Only one runs at a time."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.lock)
        yield connection


async def get(
    source: asyncpg.Pool | asyncpg.Connection, version: int, states: Sequence[str]
) -> asyncpg.Record:
    """Return a release that must be in one of `states`. Raises `UnknownVersion`, `NotNow`."""
    row = await source.fetchrow(queries.get, version) if 0 < version < 2**31 else None
    if row is None:
        raise UnknownVersion(f"version: got {version}; allowed: a release that `tables history` lists")
    if row["state"] not in states:
        raise NotNow(f"release {version} is {row['state']}; allowed: one that is {' or '.join(states)}")
    return row


async def _check_base(connection: asyncpg.Connection, row: asyncpg.Record) -> None:
    """Raise `NotNow` if other tables are live now than at the replay: then the replay must be repeated."""
    live = (await connection.fetchrow(store.standing))["live"]
    if row["replayed_on"] != live:
        raise NotNow(
            f"release {row['version']} was replayed against table set {row['replayed_on']}, and {live} is live now; "
            "allowed: roll it back if it is a canary, and propose and replay it again"
        )


def _release(row: asyncpg.Record) -> Release:
    held = dict(row) | {"kind": Kind(row["kind"])}
    return Release(**held | {"replay": msgspec.json.decode(row["replay"]) if row["replay"] else None})
