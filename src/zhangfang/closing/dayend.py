"""The end of a business day: fees are recognised (D1) and set off against what own funds owe the reserve (D2).

If the own money in the reserve is negative, it becomes such a debt (D2.below). Topping up the reserve (D3) is a movement
at the bank: the missing amount is logged.
"""

from datetime import date
from uuid import UUID

import asyncpg
import structlog

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result, Transfer, exchanged, voucher
from zhangfang.payments import PLATFORM, book

queries = load(__package__, "dayend.sql")
log = structlog.get_logger()
SUBJECTS = dict.fromkeys((2361, 1222, 6001, 1241, 2242), PLATFORM)


class DayNotOver(ZhangfangError):
    """The business date cannot be closed, because something of it is still open; the text says what."""


async def close_day(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    day: date,
    channels: tuple[str, ...],
    accounts: tuple[str, ...],
    ids: tuple[UUID, UUID],
) -> None:
    """Book D1 and D2 for `day` under the stored voucher `ids`. Raises `DayNotOver` while the day is not complete.

    `channels` are those that owe a file, `accounts` the aliases of our bank accounts.
    """
    await check_over(pool, day, channels, accounts)
    held = await pool.fetchrow(queries.own_balances, day, list(ids))
    await _book(pool, ledger, _recognised(held["c2361"] - held["o1222"], ids[0], day))
    own, due = held["c2361"], held["c1241"]
    if own < 0:
        await _book(pool, ledger, _voucher("D2.below", ids[1], -own, day))
    elif min(own, due) > 0:
        await _book(pool, ledger, _voucher("D2", ids[1], min(own, due), day))
    if due > own:
        log.warning("the reserve is short: own funds have to top it up", day=str(day), fen=due - own)


async def check_over(
    pool: asyncpg.Pool, day: date, channels: tuple[str, ...], accounts: tuple[str, ...]
) -> None:
    """Raise `DayNotOver` unless every file and statement of `day` is booked and nothing of it is open."""
    for channel in channels:
        if not await pool.fetchval(queries.file_matched, channel, day):
            raise DayNotOver(f"the file of {channel} for {day} is not matched yet")
    for alias in accounts:
        read_at = await pool.fetchval(queries.statement_read_at, alias)
        if read_at is None or china_day(read_at) <= day:
            raise DayNotOver(f"the statement of {alias} has not been read since {day} ended")
        if unposted := await pool.fetchval(queries.unposted_lines, alias, day):
            raise DayNotOver(f"{unposted} lines of the statement of {alias} up to {day} are not booked yet")
    if unfinished := await pool.fetchval(queries.unfinished, day):
        raise DayNotOver(f"{unfinished} intents up to {day} have no outcome yet")


def _recognised(earned: int, id_: UUID, day: date) -> list[Transfer]:
    """Return D1; with its sides exchanged on a day that refunded more fees than it earned."""
    if not earned:
        return []
    made = _voucher("D1", id_, abs(earned), day)
    return made if earned > 0 else exchanged(made)


def _voucher(template: str, id_: UUID, amount: int, day: date) -> list[Transfer]:
    return voucher(template, id_, subjects=SUBJECTS, amounts={"amount": amount}, business_date=day, memo=id_)


async def _book(pool: asyncpg.Pool, ledger: LedgerClient, transfers: list[Transfer]) -> None:
    if not transfers:
        return
    answers = (await book(pool, ledger, transfers)).answers
    results = {answer.result for answer in answers}
    # A repeat after a crash may compute another sum under the same id: the first booking stays.
    assert results <= {Result.CREATED, Result.EXISTS, Result.EXISTS_DIFFERENT}, (
        f"day-end {transfers[0].voucher}: {answers}"
    )
