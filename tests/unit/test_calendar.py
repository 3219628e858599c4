from datetime import UTC, date, datetime, time, timedelta

import pytest

from zhangfang.kernel import calendar
from zhangfang.kernel.calendar import (
    add_working_days,
    china_day,
    is_working_day,
    known,
    settlement_day,
    unannounced,
)
from zhangfang.kernel.clock import CHINA

YEARS = calendar._KNOWN_YEARS


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 2, 14), True),  # a Saturday worked in exchange for the Spring Festival
        (date(2026, 2, 28), True),  # and the one after it
        (date(2026, 9, 20), True),  # a Sunday worked in exchange for the National Day week
        (date(2026, 10, 10), True),
        (date(2026, 10, 11), False),  # the Sunday after it is a plain one
        (date(2026, 10, 1), False),  # a Thursday
        (date(2026, 10, 8), True),
        (date(2026, 1, 2), False),  # a Friday between New Year and the weekend
        (date(2026, 1, 4), True),  # the Sunday worked for it
        (date(2026, 11, 23), True),  # a plain Monday
    ],
)
def test_holidays_and_weekends_worked_in_exchange_are_known(day: date, worked: bool) -> None:
    assert is_working_day(day) is worked


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        (date(2026, 11, 23), 0, date(2026, 11, 23)),
        (date(2026, 11, 28), 0, date(2026, 11, 28)),  # T+0 on a Saturday is that Saturday
        (date(2026, 11, 23), 1, date(2026, 11, 24)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # over a weekend
        (date(2026, 11, 28), 1, date(2026, 11, 30)),  # from inside it
        (date(2026, 9, 30), 1, date(2026, 10, 8)),  # over the National Day week
        (date(2026, 9, 30), 3, date(2026, 10, 10)),  # into the Saturday worked in exchange
        (date(2026, 9, 30), 4, date(2026, 10, 12)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # Friday to a worked Saturday
        (date(2026, 2, 13), 2, date(2026, 2, 24)),  # over nine days of Spring Festival
        (date(2025, 12, 31), 1, date(2026, 1, 4)),
    ],
)
def test_t_plus_n_counts_working_days_only(day: date, n: int, expected: date) -> None:
    assert add_working_days(day, n) == expected


def test_working_days_cannot_be_subtracted() -> None:
    with pytest.raises(ValueError, match="-1 working days"):
        add_working_days(date(2026, 1, 5), -1)


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        (date(2027, 12, 31), 1, date(2028, 1, 3)),  # a Friday; New Year's Day is a Saturday
        (date(2098, 12, 31), 1, date(2099, 1, 2)),  # New Year's Day is a Thursday
        (date(2099, 9, 30), 1, date(2099, 10, 5)),  # 1 to 3 October, and a Sunday
        (date(2099, 4, 30), 1, date(2099, 5, 4)),  # 1 and 2 May, and a Sunday
        (date(2099, 4, 3), 1, date(2099, 4, 6)),  # Qingming is Saturday the 4th
        (date(2097, 4, 3), 1, date(2097, 4, 5)),  # and here a Thursday
    ],
)
def test_fixed_holidays_hold_in_a_year_without_a_decree(day: date, n: int, expected: date) -> None:
    assert not known(2027)
    assert not known(expected.year)
    assert add_working_days(day, n) == expected


def test_the_holidays_that_are_held_without_a_decree_are_holidays_by_every_decree() -> None:
    """Those of the present law; the second of May is one since 2025. Qingming is one since 2008."""
    for year in range(2025, max(YEARS) + 1):
        fixed = [date(year, month, day) for month, day in calendar._FIXED]
        assert not any(is_working_day(day) for day in (*fixed, calendar._qingming(year)))
    for year in range(2008, max(YEARS) + 1):
        assert not is_working_day(calendar._qingming(year)), year


def test_a_year_not_announced_is_an_alarm_from_november_on() -> None:
    last = max(YEARS)
    assert unannounced(date(last, 10, 31)) is None
    assert unannounced(date(last, 11, 1)) == last + 1
    assert unannounced(date(last, 12, 31)) == last + 1
    assert unannounced(date(last + 1, 1, 1)) == last + 1
    assert unannounced(date(last - 1, 11, 1)) is None


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (datetime(2026, 11, 23, 22, 59, 59), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 22, 59, 59, 999999), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 23, 0, 0), date(2026, 11, 24)),
        (datetime(2026, 11, 23, 23, 59, 59), date(2026, 11, 24)),
        (datetime(2026, 11, 24, 0, 0, 0), date(2026, 11, 24)),
        (datetime(2026, 12, 31, 22, 59, 59), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, 0), date(2027, 1, 1)),
        (datetime(2028, 2, 28, 23, 0, 0), date(2028, 2, 29)),
    ],
)
def test_the_settlement_day_turns_at_23_00_in_china(local: datetime, expected: date) -> None:
    moment = local.replace(tzinfo=CHINA)
    assert settlement_day(moment) == expected
    assert settlement_day(moment.astimezone(UTC)) == expected


def test_another_channel_may_turn_its_day_elsewhere() -> None:
    moment = datetime(2026, 11, 23, 22, 30, tzinfo=CHINA)
    assert settlement_day(moment, time(22, 30)) == date(2026, 11, 24)
    assert settlement_day(moment - timedelta(microseconds=1), time(22, 30)) == date(2026, 11, 23)


def test_a_calendar_day_in_china_begins_at_16_00_utc() -> None:
    assert china_day(datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)) == date(2026, 12, 31)
    assert china_day(datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC)) == date(2027, 1, 1)


@pytest.mark.parametrize("function", [china_day, settlement_day])
def test_a_moment_without_a_zone_is_refused(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="aware"):
        function(datetime(2026, 11, 23, 12))
