"""The end of a business day: fees recognised (D1), and what we owe the reserve set off against them (D2)."""

from datetime import date
from uuid import UUID

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.ledger import Result, Transfer, exchanged, voucher
from zhangfang.payments import PLATFORM, Desk

queries = load(__package__, "store.sql")
SUBJECTS = dict.fromkeys((2361, 1222, 6001, 1241, 2242), PLATFORM)


class DayNotOver(ZhangfangError):
    """Something of this business date is still open; the text says what."""


async def close_day(desk: Desk, day: date, channels: tuple[str, ...], ids: tuple[UUID, UUID]) -> None:
    """Book D1 and D2 for `day` under the stored voucher `ids`. Raises `DayNotOver` while the day is not complete."""
    await check_over(desk, day, channels)
    held = await desk.pool.fetchrow(queries.own_balances, day, list(ids))
    earned = held["c2361"] - held["o1222"]
    await _book(desk, _recognised(earned, ids[0], day))
    set_off = min(held["c2361"], held["c1241"])
    if set_off > 0:
        await _book(desk, _voucher("D2", ids[1], set_off, day))


async def check_over(desk: Desk, day: date, channels: tuple[str, ...]) -> None:
    """Raise `DayNotOver` unless every file of `day` is matched and nothing of it is open."""
    for channel in channels:
        if not await desk.pool.fetchval(queries.file_matched, channel, day):
            raise DayNotOver(f"the file of {channel} for {day} is not matched yet")
    unfinished = await desk.pool.fetchval(queries.unfinished, day)
    if unfinished:
        raise DayNotOver(f"{unfinished} intents up to {day} have no outcome yet")


def _recognised(earned: int, id_: UUID, day: date) -> list[Transfer]:
    """Return D1; on a day that gave back more fees than it earned, its mirror."""
    if not earned:
        return []
    made = _voucher("D1", id_, abs(earned), day)
    return made if earned > 0 else exchanged(made)


def _voucher(template: str, id_: UUID, amount: int, day: date) -> list[Transfer]:
    return voucher(template, id_, subjects=SUBJECTS, amounts={"amount": amount}, business_date=day, memo=id_)


async def _book(desk: Desk, transfers: list[Transfer]) -> None:
    if not transfers:
        return
    answers = await desk.ledger.create_transfers(transfers)
    results = {answer.result for answer in answers}
    # A repeat after a crash may compute another sum under the same id: what was booked first stands.
    assert results <= {Result.CREATED, Result.EXISTS, Result.EXISTS_DIFFERENT}, (
        f"day-end {transfers[0].voucher}: {answers}"
    )
