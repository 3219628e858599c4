"""The arithmetic of the week: its dates, truncated shares, down time, grades. `docs/concepts/figures.md` explains it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from zhangfang.kernel.errors import InvalidInput
from zhangfang.weekly.model import Rate, Uptime, Volume

MINUTE_MS = 60_000
GRADES = "ABCD"  # from the worst
DASH = "—"
CORE = ("pay_in", "payout", "query")  # operations whose availability by volume is the platform's
_WEEK = re.compile(r"(20\d\d)-W(\d\d)", re.ASCII)


def week_of(day: date) -> str:
    """Return the ISO week of a day: `2026-W21`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def days_of(week: str) -> tuple[date, date]:
    """Return Monday and Sunday of a week. Raises `InvalidInput`."""
    found = _WEEK.fullmatch(week)
    try:
        assert found
        first = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except (AssertionError, ValueError):
        raise InvalidInput("week", f"{len(week)} characters", "a week such as 2026-W21") from None
    return first, first + timedelta(days=6)


def percent(part: int, whole: int, digits: int = 2) -> str:
    """Return a share in percent, cut off and never rounded: 99.996 prints 99.99, and 100.00 only what is whole."""
    if not whole:
        return DASH
    units = part * 100 * 10**digits // whole
    return f"{units // 10**digits}.{units % 10**digits:0{digits}d} %"


def success(rate: Rate | None) -> str:
    """Return the effective success rate with its counts: `99.85 %, 2109 of 2112`."""
    if rate is None or not rate.able:
        return DASH
    return f"{percent(rate.succeeded, rate.able)}, {rate.succeeded} of {rate.able}"


def available(uptime: Uptime) -> str:
    """Return the availability of the measured minutes, with three decimals; a dash if none was measured."""
    whole = uptime.measured * MINUTE_MS
    return percent(max(whole - uptime.down_ms, 0), whole, 3)


def by_volume(volume: Iterable[Volume]) -> str:
    """Return the share of requests that did not fail by an error of ours, with its counts; a dash if none was answered."""
    several = list(volume)
    answered, failed = (sum(getattr(one, name) for one in several) for name in ("answered", "failed"))
    good = answered - failed
    return f"{percent(good, answered, 3)}, {good} of {answered}" if answered else DASH


def core(volume: Iterable[Volume]) -> list[Volume]:
    """Return the core operations, the one with the largest share of failed requests first."""
    found = [one for one in volume if one.operation in CORE]
    return sorted(found, key=lambda one: (-one.failed / one.answered, one.operation))


def down_ms(asked: int, failed: int, requests: int, failed_requests: int) -> int | None:
    """Return for how many milliseconds of a minute an operation was down; None: not measured.

    A minute counts as down if of three probes or more at least half failed, or of 20 requests or more at least a
    twentieth; for the share of it that the worse of the two witnesses says.
    """
    if asked < 3 and requests < 20:
        return None
    by_probe = MINUTE_MS * failed // asked if asked >= 3 and 2 * failed >= asked else 0
    by_request = 0
    if requests >= 20 and 20 * failed_requests >= requests:
        by_request = MINUTE_MS * failed_requests // requests
    return max(by_probe, by_request)


@dataclass(frozen=True, slots=True)
class Size:
    """How large an incident was."""

    minutes_down: int
    payments_hit: int
    fen_wrong: int
    on_statement: bool


def graded(size: Size, rules: Sequence[Mapping[str, object]]) -> str:
    """Return the worst grade whose rule has a bound that the incident reaches; D if none."""
    for rule in sorted(rules, key=lambda rule: str(rule["grade"])):
        for name in Size.__slots__:
            bound = rule[name]
            if bound is not None and getattr(size, name) >= bound:
                return str(rule["grade"])
    return "D"


def milder(grade: str, proposed: str | None) -> bool:
    """Whether a grade is below the proposed one: then a second person has to agree."""
    return proposed is not None and GRADES.index(grade) > GRADES.index(proposed)
