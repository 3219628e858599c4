"""Forms of bank time: China time on the wire; in the store ISO-8601 in UTC with microseconds, which sorts as text."""

from datetime import UTC, datetime, timedelta

from zhangfang_sandbox.common.clock import CHINA


def stored(moment: datetime) -> str:
    """Write `moment` the way the book keeps times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def in_china(moment: datetime | str) -> datetime:
    """Return a moment (or a stored time) in China time."""
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(CHINA)


def china_day(moment: datetime | str | None) -> str:
    """Return the China date of a moment as yyyyMMdd, "" for none."""
    return f"{in_china(moment):%Y%m%d}" if moment else ""


def thirteen_months_before(moment: datetime) -> datetime:
    """Return the China midnight 13 months before the day of `moment`; a day its month lacks becomes the month's 1st."""
    here = in_china(moment)
    month = here.year * 12 + here.month - 1 - 13
    first = datetime(month // 12, month % 12 + 1, 1, tzinfo=CHINA)
    try:
        return first.replace(day=here.day)
    except ValueError:
        return first


def next_working_day_at_ten(moment: datetime) -> datetime:
    """Return 10:00 China time of the next Monday–Friday after `moment`; public holidays are not looked at."""
    day = in_china(moment).date() + timedelta(days=1)
    while day.isoweekday() > 5:
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, 10, tzinfo=CHINA)
