"""The reserve check (备付金核对): what customers own, beside what lies in the bank, for any business date.

On the customers' book, cash and what is on its way to it are what customers own, what is on its way to them, and our own
money in the reserve. That holds by double entry. What can fail is that the cash equals the bank's own balance, and that no
money of ours is missing: 1241 is what own funds owe, 2361 our own money there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import asyncpg

from zhangfang.kernel.sql import load

queries = load(__package__, "reserve.sql")

CASH: Final = (1003,)
COMING: Final = (3011, 3012, 3015, 1242, 1243)  # proven, or looked for, and not at the bank
CLAIMS: Final = (2321, 2322, 2323, 2324, 2331, 2332, 2333, 2341, 2351, 2352)
GOING: Final = (3013, 3014)  # sent, and still at the bank
OWN: Final = (2361,)
DUE: Final = (1241,)


@dataclass(frozen=True, slots=True)
class Cash:
    """A reserve account: what the books have, and what the bank's last line up to the date says (None: no line yet)."""

    account: str
    books: int
    bank: int | None
    as_of: date | None

    @property
    def gap(self) -> int | None:
        """Return what the bank has more than the books."""
        return None if self.bank is None else self.bank - self.books


@dataclass(frozen=True, slots=True)
class Reserve:
    """The reserve at the end of a business date. `fen` is by code on the side that is expected, all in fen."""

    day: date
    cash: tuple[Cash, ...]
    fen: Mapping[int, int]

    def total(self, *parts: tuple[int, ...]) -> int:
        """Return the sum of some parts, such as `CLAIMS`."""
        return sum(self.fen.get(code, 0) for part in parts for code in part)

    @property
    def short(self) -> int:
        """Return what own funds have to bring: what they owe beyond our own money in the reserve."""
        return max(0, self.total(DUE) - self.total(OWN))

    @property
    def gap(self) -> int:
        """Return the sum of what banks have more or less than the books; a bank without a line counts as nothing."""
        return sum(abs(one.gap) for one in self.cash if one.gap)

    @property
    def even(self) -> bool:
        """Whether what lies there and comes equals what is owed and own: it fails only if the books do."""
        return self.total(CASH, COMING, DUE) == self.total(CLAIMS, GOING, OWN)


async def reserve_of(pool: asyncpg.Pool, day: date) -> Reserve:
    """Return the reserve at the end of a business date, as the books are now."""
    rows = await pool.fetch(queries.balances, day)
    debit = {*CASH, *COMING, *DUE}
    fen = {row["code"]: row["fen"] if row["code"] in debit else -row["fen"] for row in rows}
    return Reserve(day, tuple([Cash(**row) for row in await pool.fetch(queries.cash, day)]), fen)


@dataclass(frozen=True, slots=True)
class OwnBank(Cash):
    """The company's own account now: `transit` lies between it and the reserve, `other` is not the platform's business."""

    transit: int
    other: int


async def own_bank(pool: asyncpg.Pool) -> OwnBank:
    """Return the company's own account, as the books are now."""
    return OwnBank("own", **await pool.fetchrow(queries.own_bank))


async def owed(pool: asyncpg.Pool) -> int:
    """Return what own funds owe the reserve at this moment (1241), in fen."""
    return await pool.fetchval(queries.owed)  # type: ignore[no-any-return]
