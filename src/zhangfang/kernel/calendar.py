"""Which days are worked in China, and to which day a moment belongs.

Holidays, and the weekends worked in exchange for them, are decreed by the State Council each autumn for the year that
follows; `chinesecalendar` carries the decrees. For a year that it does not know, Monday to Friday count as working
days: too early a settlement date is then possible, so whoever plans ahead asks `known` first.
"""

from datetime import date, datetime, time, timedelta

import chinese_calendar

from zhangfang.kernel.clock import CHINA

UNIONPAY_CUTOFF = time(23, 0)
_KNOWN_YEARS = frozenset(day.year for day in chinese_calendar.constants.holidays)
_SATURDAY = 5


def known(year: int) -> bool:
    """Say whether the holidays of `year` are known; otherwise its working days are Monday to Friday."""
    return year in _KNOWN_YEARS


def is_working_day(day: date) -> bool:
    """Say whether offices and banks in China work on `day`, weekends worked in exchange included."""
    if known(day.year):
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < _SATURDAY


def add_working_days(day: date, n: int) -> date:
    """Return the `n`th working day after `day` (T+n). `n` = 0 gives `day` itself; below 0 is a `ValueError`."""
    if n < 0:
        raise ValueError(f"{n} working days: only 0 or more can be added")
    while n:
        day += timedelta(days=1)
        n -= is_working_day(day)
    return day


def china_day(moment: datetime) -> date:
    """Return the calendar day in China of an aware `moment`; a moment without a zone is a `ValueError`."""
    return _china(moment).date()


def settlement_day(moment: datetime, cutoff: time = UNIONPAY_CUTOFF) -> date:
    """Return the settlement date of an aware `moment`: from `cutoff` in China on, it is the next day.

    UnionPay's day runs from 23:00:00 to 22:59:59 (ACP 5.1.0). Its messages carry month and day only: this date has
    the year too, so the last hour of 31 December belongs to 1 January of the next year.
    """
    local = _china(moment)
    return local.date() + timedelta(days=local.time() >= cutoff)


def _china(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone: pass an aware datetime")
    return moment.astimezone(CHINA)
