"""Working days in China, and the day to which a moment belongs.

Each November or so the State Council announces next year's holidays, and the weekends worked in exchange for them. The
library `chinesecalendar` contains these decrees. In a year that it does not know, Monday to Friday are working days,
except the holidays whose date the law itself fixes (全国年节及纪念日放假办法, as of 1 January 2025): 1 January, 1 and 2
May, 1 to 3 October, and Qingming, which the library computes. Spring Festival, Dragon Boat and Mid-Autumn follow the
moon and are not known then. Until the library has the decree, `unannounced` names the year: an alarm.

No date of the future is stored: what is due is worked out when it falls due, by what is known then.
"""

from datetime import date, datetime, time, timedelta
from functools import cache

import chinese_calendar

from zhangfang.kernel.clock import CHINA

UNIONPAY_CUTOFF = time(23, 0)
_KNOWN_YEARS = frozenset(day.year for day in chinese_calendar.constants.holidays)
_FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})  # month and day
_SATURDAY = 5
_NOVEMBER = 11


def known(year: int) -> bool:
    """Whether the decree with the holidays of `year` is known."""
    return year in _KNOWN_YEARS


def unannounced(day: date) -> int | None:
    """Return the year whose decree is missing on `day`: this year, or from 1 November on the next one; None if none is."""
    due = (day.year, day.year + 1) if day.month >= _NOVEMBER else (day.year,)
    return next((year for year in due if not known(year)), None)


def is_working_day(day: date) -> bool:
    """Whether `day` is a working day in China. Weekends worked in exchange for holidays are working days."""
    if known(day.year):
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < _SATURDAY and (day.month, day.day) not in _FIXED and day != _qingming(day.year)


@cache
def _qingming(year: int) -> date:
    ((day, _name),) = chinese_calendar.get_solar_terms(
        date(year, 4, 1), date(year, 4, 10)
    )  # the one term of these days
    return date(year, 4, day.day)


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
