"""What shall be done about this one? The list of breaks, and what a proposed voucher would book."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg

from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer
from zhangfang.reconciliation import CODES

queries = load(__package__, "breaks.sql")

LISTED = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which breaks are listed; None is any. `owner` is a name, an empty one for what nobody has."""

    cls: str | None = None
    channel: str | None = None
    owner: str | None = None
    older: int = 0  # days
    younger: int = 0  # days; 0 is no bound
    code: int | None = None  # of the account in which the difference lies
    cleared: bool = False

    def query(self) -> dict[str, object]:
        """Return the parameters of an address that say the same."""
        owner = "-" if self.owner == "" else self.owner
        return {
            "class": self.cls, "channel": self.channel, "owner": owner, "older": self.older or None,
            "younger": self.younger or None, "code": self.code,
            "all": "1" if self.cleared else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """A break of the list; `all_count` and `all_fen` are of the whole list, in fen."""

    id: UUID
    cls: str
    channel: str
    settle_date: date
    key: str
    difference: int
    opened_at: datetime
    cleared_at: datetime | None
    owner: str | None
    proposed_cure: str | None
    cure: str | None
    all_count: int
    all_fen: int


@dataclass(frozen=True, slots=True)
class Move:
    """One line of a voucher as it would be booked: codes and subjects of both accounts, fen."""

    kind: int
    book: int
    debit: tuple[int, str]
    credit: tuple[int, str]
    fen: int


async def listed(
    pool: asyncpg.Pool, wanted: Filter, now: datetime, limit: int = LISTED
) -> tuple[Listed, ...]:
    """Return breaks, the open ones first, and of these the oldest."""
    return tuple(Listed(**row) for row in await pool.fetch(queries.listed, *_asked(wanted, now), limit))


async def ids(pool: asyncpg.Pool, wanted: Filter, now: datetime, limit: int) -> list[UUID]:
    """Return the ids of the open breaks that are listed, the oldest first."""
    rows = await pool.fetch(queries.listed, *_asked(replace(wanted, cleared=False), now), limit)
    return [row["id"] for row in rows]


def _asked(wanted: Filter, now: datetime) -> tuple[object, ...]:
    older = now - timedelta(days=wanted.older) if wanted.older else None
    younger = now - timedelta(days=wanted.younger) if wanted.younger else None
    templates = [one for one, code in CODES.items() if code == wanted.code] if wanted.code else None
    return wanted.cleared, wanted.cls, wanted.channel, wanted.owner, older, younger, templates


async def choices(pool: asyncpg.Pool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the channels and the owners of open breaks."""
    row = await pool.fetchrow(queries.choices)
    return tuple(row["channels"]), tuple(row["owners"])


async def moves(pool: asyncpg.Pool, vouchers: Sequence[Sequence[Transfer]]) -> tuple[tuple[Move, ...], ...]:
    """Return vouchers as people read them. An account that is not open yet has the code 0."""
    ids = {id_ for several in vouchers for one in several for id_ in (one.debit, one.credit)}
    rows = await pool.fetch(queries.accounts, list(ids))
    named = {row["id"]: (row["code"], row["subject"]) for row in rows}
    return tuple(
        tuple(
            Move(
                one.kind,
                int(one.book),
                named.get(one.debit, (0, "")),
                named.get(one.credit, (0, "")),
                one.amount,
            )
            for one in several
        )
        for several in vouchers
    )


async def kinds(pool: asyncpg.Pool, wanted: Sequence[UUID]) -> list[asyncpg.Record]:
    """Return what kinds of breaks there are among several: class, template, and the kind of their payment."""
    return list(await pool.fetch(queries.kinds, list(wanted)))
