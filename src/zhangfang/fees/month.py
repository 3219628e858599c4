"""Months of the calendar, by their first day."""

import re
from datetime import date, timedelta

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


def month_of(text: str, field: str = "month") -> date:
    """Return the first day of the month `YYYY-MM`, or raise `InvalidInput`."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise InvalidInput(field, f"{len(text)} characters", "YYYY-MM")
    return date(int(found[1]), int(found[2]), 1)


def end_of(month: date) -> date:
    """Return a month's last day."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def not_over(clock: Clock, month: date) -> str:
    """Return why a month cannot be worked out yet, or nothing."""
    last = end_of(month)
    return f"the month ends on {last}" if china_day(clock.now()) <= last else ""
