"""How much stands advanced, and how much more may be: by the merchant's line, and by our own money in the reserve.

Never other merchants' money: an advance is allowed while 2361 − 1241 covers it. Who asks holds the lock of advances until
its own advance is stored, so of two at once the second sees the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.merchants import Merchant, terms_on

queries = load(__package__, "standing.sql")


class NotCovered(ZhangfangError):
    """An advance is more than the merchant's line has left, or than our own money in the reserve; the text says which."""


@dataclass(frozen=True, slots=True)
class Line:
    """A merchant's line by its terms of a day, and what stands advanced of it, in fen."""

    fen: int
    standing: int

    @property
    def left(self) -> int:
        """Return how much more the terms allow."""
        return max(0, self.fen - self.standing)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An advance that somebody wants, and the line that the merchant's terms of the day give it. Fen."""

    merchant: str
    fen: int
    line: int


async def standing(db: asyncpg.Pool | asyncpg.Connection, merchants: Sequence[str]) -> Mapping[str, int]:
    """Return what stands advanced to each merchant: booked, and not paid back by a batch. Fen.

    Below zero: a refund failed after its advance was paid back, so the merchant gets that again.
    """
    rows = await db.fetch(queries.standing, merchants)
    return {row["merchant"]: row["fen"] for row in rows}


async def promised(db: asyncpg.Pool | asyncpg.Connection) -> int:
    """Return how much of our own money is promised to merchants: stored advances that are perhaps not booked yet. Fen."""
    return int(await db.fetchval(queries.promised))


async def line_of(pool: asyncpg.Pool, merchant: Merchant, day: date) -> Line:
    """Return a merchant's line on a day in China."""
    held = await standing(pool, [merchant.id])
    return Line(terms_on(merchant, day).advance_fen, held[merchant.id])


async def check(connection: asyncpg.Connection, *wanted: Wanted) -> None:
    """Raise `NotCovered` unless all of this may be advanced now; hold the lock of advances until the transaction ends."""
    await connection.execute(queries.lock)
    for row in await connection.fetch(queries.standing, [one.merchant for one in wanted]):
        (one,) = [one for one in wanted if one.merchant == row["merchant"]]
        _fits(one.fen, one.line - row["fen"] - row["coming"], "the merchant's line has {0} left")
    own = await connection.fetchval(queries.own_money) - await promised(connection)
    _fits(sum(one.fen for one in wanted), own, "our own money in the reserve is {0}")


def _fits(asked: int, left: int, what: str) -> None:
    if asked > left:
        said = what.format(fen_to_yuan(max(0, left)))
        raise NotCovered(f"an advance of {fen_to_yuan(asked)} is not covered: {said}")
