"""Working days in China, and the day to which a moment belongs.

Each autumn the State Council decides next year's holidays, and the weekends worked in exchange for them. The library
`chinesecalendar` contains these decisions. In a year that it does not know, Monday to Friday count as working days. A
settlement date may then be too early, so check `known` before planning ahead.
"""

from datetime import date, datetime, time, timedelta

import chinese_calendar

from zhangfang.kernel.clock import CHINA

UNIONPAY_CUTOFF = time(23, 0)
_KNOWN_YEARS = frozenset(day.year for day in chinese_calendar.constants.holidays)
_SATURDAY = 5


def known(year: int) -> bool:
    """Whether the holidays of `year` are known; otherwise its working days are Monday to Friday."""
    return year in _KNOWN_YEARS


def is_working_day(day: date) -> bool:
    """Whether `day` is a working day in China. Weekends worked in exchange for holidays are working days."""
    if known(day.year):
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < _SATURDAY


def add_working_days(day: date, n: int) -> date:
    """Return the `n`th working day after `day` (T+n); for `n` = 0 `day` itself. Raises `ValueError` if `n` is below 0."""
    if n < 0:
        raise ValueError(f"{n} working days: only 0 or more can be added")
    while n:
        day += timedelta(days=1)
        n -= is_working_day(day)
    return day


def china_day(moment: datetime) -> date:
    """Return the calendar day in China of an aware `moment`. Raises `ValueError` if it has no time zone."""
    return _china(moment).date()


def settlement_day(moment: datetime, cutoff: time = UNIONPAY_CUTOFF) -> date:
    """Return the settlement date of an aware `moment`: the next day if it is at or after `cutoff` in China.

    UnionPay's day runs from 23:00:00 to 22:59:59 (ACP 5.1.0). Its messages have month and day only. This date has the
    year too: the last hour of 31 December belongs to 1 January of the next year.
    """
    local = _china(moment)
    return local.date() + timedelta(days=local.time() >= cutoff)


def _china(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone: pass an aware datetime")
    return moment.astimezone(CHINA)
