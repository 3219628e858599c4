"""The timetable of a day: tasks that run automatically, once, when they are due and their evidence is complete.

A task is a row, and a job of the driver. It is planned before it is due, and its note says what it waits for. No task
ends with its day: what could not be done then is done later, and what a task looks for it looks for since it last was
done. One payment without an outcome holds up all later dates. Then only the first of them is tried every five minutes;
the others are, once it is done.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

import asyncpg
import structlog

from zhangfang.channels.abilities import ReturningChannel, UpkeepChannel
from zhangfang.closing import standing
from zhangfang.closing.certificate import certify
from zhangfang.closing.certified import certified
from zhangfang.closing.day import WAIT, Day, NotYet, patience
from zhangfang.closing.dayend import close_day
from zhangfang.closing.roll import NotOver, roll
from zhangfang.fees import bill_month, month_of
from zhangfang.kernel.calendar import china_day, settlement_day, unannounced
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.driver import Job
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import book
from zhangfang.reconciliation import reconcile
from zhangfang.settlement import settle
from zhangfang.statements import release

queries = load(__package__, "timetable.sql")
log = structlog.get_logger()

FILE_AT = time(9, 0)  # UnionPay's file is available in the morning
SETTLE_AT = time(10, 30)
CLOSE_AT = time(11, 0)
CERTIFY_AT = time(11, 10)
ROLL_AT = time(11, 15)
STATEMENTS_AT = time(11, 30)
BILLS_AT = time(11, 45)
PLAN_EVERY = timedelta(minutes=10)
HELD_UP = ("close", "roll", "certificate", "statements")  # these wait for other tasks, or for earlier dates


def job(day: Day) -> Job:
    """Return the driver's job over the tasks. They run one after the other, because each needs the one before it."""

    async def step(row: asyncpg.Record) -> None:
        await run(day, row)

    return Job("task", ("kind", "key"), step, most=1)


async def begin(day: Day) -> None:
    """Plan the task that plans all others."""
    await _add(day, "plan", "daily", day.desk.clock.now())


async def run(day: Day, row: asyncpg.Record) -> None:
    """Do a task, or store what it waits for."""
    work = _WORK[row["kind"]]
    try:
        again, note = await work(day, row["key"], row["ids"]), ""
    except NotYet as waits:
        again, note = waits.again, str(waits)
    except ZhangfangError as error:
        again, note = WAIT, str(error)
        log.warning("a task waits", kind=row["kind"], key=row["key"], error=note)
    if again and row["kind"] in HELD_UP and not await day.desk.pool.fetchval(queries.first, *_name(row)):
        again = patience(row["attempts"] + 1)
    now = day.desk.clock.now()
    next_at = now + again if again else None
    await day.desk.pool.execute(queries.ran, *_name(row), row["fence"], next_at, note, now)
    if not again:
        await day.desk.pool.execute(queries.wake, *_name(row), now, HELD_UP)


def _name(row: asyncpg.Record) -> tuple[str, str]:
    return row["kind"], row["key"]


async def _plan(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Plan all days up to today: a platform that was stopped for a week, or took payments before the driver first ran,
    catches up.
    """
    now = day.desk.clock.now()
    for account in day.accounts:
        await _add(day, "statement", account.alias, now)
        if isinstance(account.bank, ReturningChannel):
            await _add(day, "returns", account.alias, now)
    for name, channel in day.desk.channels.items():
        if isinstance(channel, UpkeepChannel):
            await _add(day, "upkeep", name, now)
    await _add(day, "duplicates", "daily", now)
    await _add(day, "breaks", "daily", now)
    await _add(day, "suspense", "daily", now)
    await _add(day, "payouts", "daily", now)
    await _add(day, "certificates", "daily", now)
    today = settlement_day(now)
    first = await day.desk.pool.fetchval(queries.plan_from) or min(today, china_day(now))
    for n in range((today - first).days + 1):
        await _plan_day(day, first + timedelta(days=n))
    if year := unannounced(today):
        log.error("the holidays of a year are not known", year=year)
        raise NotYet(f"the holidays of {year} are not known: update chinesecalendar", PLAN_EVERY)
    return PLAN_EVERY


async def _plan_day(day: Day, business: date) -> None:
    morrow = business + timedelta(days=1)
    for name in day.desk.acquirers:
        await _add(day, "file", f"{name}/{business}", _at(morrow, FILE_AT))
        await _add(day, "certificate", f"{name}/{business}", _at(morrow, CERTIFY_AT))
    await _add(day, "settlement", str(business), _at(business, SETTLE_AT))
    await _add(day, "close", str(business), _at(morrow, CLOSE_AT))
    await _add(day, "roll", str(business), _at(morrow, ROLL_AT))
    await _add(day, "statements", str(business), _at(morrow, STATEMENTS_AT))
    if morrow.day == 1:
        await _add(day, "bills", f"{business:%Y-%m}", _at(morrow, BILLS_AT))


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, CHINA)


async def _add(day: Day, kind: str, key: str, due: datetime) -> None:
    clock = day.desk.clock
    await day.desk.pool.execute(queries.add, kind, key, due, [new_id(clock), new_id(clock)])


async def _file(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    name, _, business = key.partition("/")
    await reconcile(day.desk, day.desk.acquirers[name], date.fromisoformat(business))


async def _settlement(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    waiting = await settle(day.desk, date.fromisoformat(key))
    if waiting and china_day(day.desk.clock.now()) == date.fromisoformat(key):
        raise NotYet("; ".join(waiting))


async def _close(day: Day, key: str, ids: Sequence[UUID]) -> None:
    if await day.desk.pool.fetchval(queries.open, "settlement", key):
        raise NotYet(f"the settlement run of {key} is not done yet")
    aliases = tuple(account.alias for account in day.accounts)
    channels = tuple(day.desk.acquirers)
    await close_day(
        day.desk.pool, day.desk.ledger, date.fromisoformat(key), channels, aliases, (ids[0], ids[1])
    )


async def _roll(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    try:
        await roll(day.desk.pool, day.desk.clock, date.fromisoformat(key))
    except NotOver as waits:
        raise NotYet(str(waits)) from None


async def _certificate(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    channel, _, business = key.partition("/")
    await _closed(day, business)
    await certify(day.desk.pool, day.desk.clock, channel, date.fromisoformat(business))


async def _closed(day: Day, key: str) -> None:
    if not await day.desk.pool.fetchval(queries.done, "close", key):
        raise NotYet(f"business date {key} is not closed yet")


async def _statements(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    found = await certified(day.desk.pool, date.fromisoformat(key))
    if found.missing:
        raise NotYet(found.missing)
    await release(day.desk.pool, day.desk.clock, date.fromisoformat(key), found.numbers)


async def _bills(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    await bill_month(day.desk.pool, day.desk.ledger, day.desk.clock, book, month_of(key))


_WORK: Mapping[str, Callable[[Day, str, Sequence[UUID]], Awaitable[timedelta | None]]] = {
    "plan": _plan,
    "statement": standing.statement,
    "returns": standing.returns,
    "upkeep": standing.upkeep,
    "duplicates": standing.duplicates,
    "breaks": standing.breaks,
    "suspense": standing.suspense,
    "payouts": standing.payouts,
    "certificates": standing.certificates,
    "file": _file,
    "settlement": _settlement,
    "close": _close,
    "certificate": _certificate,
    "roll": _roll,
    "statements": _statements,
    "bills": _bills,
}
