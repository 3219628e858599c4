"""The timetable of a day: tasks that run automatically, once, when they are due and their evidence is complete.

A task is a row, and a job of the driver. It is planned before it is due, and its note says what it waits for.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import structlog

from zhangfang.channels.abilities import ReturningChannel, UpkeepChannel
from zhangfang.closing.dayend import close_day
from zhangfang.closing.roll import NotOver, roll
from zhangfang.duplicates import find
from zhangfang.kernel.calendar import china_day, is_working_day, settlement_day
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.driver import Job
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk, StepKind, weigh
from zhangfang.reconciliation import Account, read, reconcile
from zhangfang.settlement import release, settle

queries = load(__package__, "timetable.sql")
log = structlog.get_logger()

FILE_AT = time(9, 0)  # UnionPay's file is available in the morning
SETTLE_AT = time(10, 30)
CLOSE_AT = time(11, 0)
ROLL_AT = time(11, 15)
STATEMENTS_AT = time(11, 30)
PLAN_EVERY = timedelta(minutes=10)
STATEMENT_EVERY = timedelta(minutes=1)
RETURNS_EVERY = timedelta(hours=1)
LATE_RETURNS = timedelta(days=3)
UPKEEP_EVERY = timedelta(hours=6)
DUPLICATES_EVERY = timedelta(minutes=10)
DUPLICATES_OF = timedelta(days=7)
WAIT = timedelta(minutes=5)


class NotYet(ZhangfangError):
    """Something that a task needs is missing. The text becomes the task's note; the task runs again after `again`."""

    def __init__(self, text: str, again: timedelta = WAIT) -> None:
        """Take what is missing, and the time until the next try."""
        super().__init__(text)
        self.again = again


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that the timetable needs; statements of account are written below `folder`."""

    desk: Desk
    accounts: Sequence[Account]
    folder: Path


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
    now = day.desk.clock.now()
    next_at = now + again if again else None
    await day.desk.pool.execute(queries.ran, row["kind"], row["key"], row["fence"], next_at, note, now)


async def _plan(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Plan all days from the last planned one up to today, so that a platform that was stopped for a week catches up."""
    now = day.desk.clock.now()
    for account in day.accounts:
        await _add(day, "statement", account.alias, now)
        if isinstance(account.bank, ReturningChannel):
            await _add(day, "returns", account.alias, now)
    for name, channel in day.desk.channels.items():
        if isinstance(channel, UpkeepChannel):
            await _add(day, "upkeep", name, now)
    await _add(day, "duplicates", "daily", now)
    today = settlement_day(now)
    first = await day.desk.pool.fetchval(queries.last_planned) or min(today, china_day(now))
    for n in range((today - first).days + 1):
        await _plan_day(day, first + timedelta(days=n))
    return PLAN_EVERY


async def _plan_day(day: Day, business: date) -> None:
    morrow = business + timedelta(days=1)
    for name in day.desk.acquirers:
        await _add(day, "file", f"{name}/{business}", _at(morrow, FILE_AT))
    if is_working_day(business):
        await _add(day, "settlement", str(business), _at(business, SETTLE_AT))
    await _add(day, "close", str(business), _at(morrow, CLOSE_AT))
    await _add(day, "roll", str(business), _at(morrow, ROLL_AT))
    await _add(day, "statements", str(business), _at(morrow, STATEMENTS_AT))


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, CHINA)


async def _add(day: Day, kind: str, key: str, due: datetime) -> None:
    clock = day.desk.clock
    await day.desk.pool.execute(queries.add, kind, key, due, [new_id(clock), new_id(clock)])


async def _statement(day: Day, key: str, _ids: Sequence[UUID]) -> timedelta:
    account = next(account for account in day.accounts if account.alias == key)
    if waiting := await read(day.desk, account):
        raise NotYet(f"{waiting} lines wait for a channel's file", STATEMENT_EVERY)
    return STATEMENT_EVERY


async def _returns(day: Day, key: str, _ids: Sequence[UUID]) -> timedelta:
    """Ask which payouts were returned (退票): a bank returns them in the evening, or one or two days later."""
    account = next(account for account in day.accounts if account.alias == key)
    assert isinstance(account.bank, ReturningChannel), "planned for such a bank"
    today = china_day(day.desk.clock.now())
    for told in await account.bank.late_returns(today - LATE_RETURNS, today):
        intent = await day.desk.journal.by_channel_order(told.order_no)
        if intent is not None and intent.channel == account.bank.name and intent.returned_at is None:
            await weigh(day.desk, intent, StepKind.QUERY, told.answer)
    return RETURNS_EVERY


async def _upkeep(day: Day, key: str, _ids: Sequence[UUID]) -> timedelta:
    channel = day.desk.channels[key]
    assert isinstance(channel, UpkeepChannel), "planned for such a channel"
    await channel.upkeep()
    return UPKEEP_EVERY


async def _duplicates(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Look for payers who were debited twice. People decide about each case."""
    if found := await find(day.desk.pool, day.desk.clock, day.desk.clock.now() - DUPLICATES_OF):
        log.error("payers may have been debited twice", cases=found)
    return DUPLICATES_EVERY


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


async def _statements(day: Day, key: str, _ids: Sequence[UUID]) -> None:
    if not await day.desk.pool.fetchval(queries.done, "close", key):
        raise NotYet(f"business date {key} is not closed yet")
    await release(day.desk.pool, day.desk.clock, date.fromisoformat(key), day.folder)


_WORK: Mapping[str, Callable[[Day, str, Sequence[UUID]], Awaitable[timedelta | None]]] = {
    "plan": _plan,
    "statement": _statement,
    "returns": _returns,
    "upkeep": _upkeep,
    "duplicates": _duplicates,
    "file": _file,
    "settlement": _settlement,
    "close": _close,
    "roll": _roll,
    "statements": _statements,
}
