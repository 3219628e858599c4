"""The tasks that come again: each returns the time until its next run.

What they look for they look for since they last were done, so that nothing is missed while they cannot run.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from zhangfang.channels.abilities import ReturningChannel, UpkeepChannel
from zhangfang.channels.port import Notification
from zhangfang.closing.certificate import certify_changed
from zhangfang.closing.day import Day, NotYet
from zhangfang.duplicates import find
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk, StepKind, weigh
from zhangfang.reconciliation import finish_returns, go_on_with_bulks, read, return_late_payments, watch
from zhangfang.settlement import pay_out

queries = load(__package__, "timetable.sql")
log = structlog.get_logger()

STATEMENT_EVERY = timedelta(minutes=1)
PAYOUTS_EVERY = timedelta(hours=1)
RETURNS_EVERY = timedelta(hours=1)
LATE_RETURNS = timedelta(days=3)
RETURNS_AT_ONCE = timedelta(days=30)  # of dates in one question
UPKEEP_EVERY = timedelta(hours=6)
DUPLICATES_EVERY = timedelta(minutes=10)
SUSPENSE_EVERY = timedelta(hours=6)
BREAKS_EVERY = timedelta(minutes=1)
DUPLICATES_OF = timedelta(days=7)
CERTIFICATES_EVERY = timedelta(minutes=30)
CERTIFICATES_OF = timedelta(hours=1)  # before the last look: what was under way then


async def statement(day: Day, key: str, _ids: Sequence[UUID]) -> timedelta:
    """Read what is new on an account's statement, and book it."""
    account = next(account for account in day.accounts if account.alias == key)
    if waiting := await read(day.desk, account):
        raise NotYet(f"{waiting} lines wait for a channel's file", STATEMENT_EVERY)
    return STATEMENT_EVERY


async def returns(day: Day, key: str, _ids: Sequence[UUID]) -> timedelta:
    """Ask which payouts were returned (退票): a bank returns them in the evening, or one or two days later."""
    account = next(account for account in day.accounts if account.alias == key)
    assert isinstance(account.bank, ReturningChannel), "planned for such a bank"
    now = day.desk.clock.now()
    first, today = china_day(await _succeeded(day, "returns", key) or now) - LATE_RETURNS, china_day(now)
    while first <= today:
        last = min(first + RETURNS_AT_ONCE, today)
        for told in await account.bank.late_returns(first, last):
            await _returned(day.desk, account.bank.name, told)
        first = last + timedelta(days=1)
    return RETURNS_EVERY


async def _returned(desk: Desk, bank: str, told: Notification) -> None:
    intent = await desk.journal.by_channel_order(told.order_no)
    if intent is not None and intent.channel == bank and intent.returned_at is None:
        await weigh(desk, intent, StepKind.QUERY, told.answer)


async def _succeeded(day: Day, kind: str, key: str) -> datetime | None:
    """Return when a task that comes again last was done; None if it never was."""
    at: datetime | None = await day.desk.pool.fetchval(queries.succeeded_at, kind, key)
    return at


async def upkeep(day: Day, key: str, _ids: Sequence[UUID]) -> timedelta:
    """Let a channel ask what it must ask regularly."""
    channel = day.desk.channels[key]
    assert isinstance(channel, UpkeepChannel), "planned for such a channel"
    await channel.upkeep()
    return UPKEEP_EVERY


async def duplicates(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Look for payers who were debited twice. People decide about each case."""
    last = await _succeeded(day, "duplicates", "daily") or day.desk.clock.now()
    if found := await find(day.desk.pool, day.desk.clock, last - DUPLICATES_OF):
        log.error("payers may have been debited twice", cases=found)
    return DUPLICATES_EVERY


async def breaks(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Do what breaks need that waits for nobody: returns begin and end, and approved cures of many go on."""
    desk = day.desk
    await return_late_payments(desk.pool, desk.channels, desk.clock)
    await finish_returns(desk.pool, desk.clock)
    await go_on_with_bulks(desk)
    return BREAKS_EVERY


async def suspense(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Say what lies in suspense for too long."""
    await watch(day.desk.pool, day.desk.clock.now())
    return SUSPENSE_EVERY


async def payouts(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Request the automatic payouts that could not be requested in the settlement run of their date."""
    if waiting := await pay_out(day.desk):
        raise NotYet("; ".join(waiting))
    return PAYOUTS_EVERY


async def certificates(day: Day, _key: str, _ids: Sequence[UUID]) -> timedelta:
    """Issue the next version of a certificate that a corrected file, a cure or the money has changed."""
    last = await _succeeded(day, "certificates", "daily") or day.desk.clock.now()
    await certify_changed(day.desk.pool, day.desk.clock, last - CERTIFICATES_OF)
    return CERTIFICATES_EVERY
