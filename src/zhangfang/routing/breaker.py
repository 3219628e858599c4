"""The circuit breaker of one operation of a channel: it stops orders that would probably end as unknown.

Closed: every order goes. Open: after too many bad outcomes, no order goes for `REST`. Half open: after that, up to
`PROBES` orders go in each `REST`, and the first outcomes decide. State and counts are in the database, so all
processes share them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from zhangfang.channels.port import Verdict

REST = timedelta(seconds=30)
PROBES = 3
WINDOW = timedelta(minutes=2)  # counted by the minute: the current one and the one before
LATELY = timedelta(minutes=5)
_BAD_AT_LEAST = 10
_ASKED_AT_LEAST = 20
_BAD = frozenset({Verdict.UNKNOWN, Verdict.NOT_SENT})


class Standing(StrEnum):
    """What a breaker lets through: everything, nothing, or a few."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Count:
    """How many outcomes were good and how many bad."""

    good: int = 0
    bad: int = 0


def is_bad(verdict: Verdict) -> bool:
    """Whether an outcome counts against the channel: unknown, or nothing could be sent. A definite failure does not."""
    return verdict in _BAD


def standing(opened_at: datetime | None, now: datetime) -> Standing:
    """Return what a breaker lets through now. `opened_at` None means that it is closed."""
    if opened_at is None:
        return Standing.CLOSED
    return Standing.OPEN if now < opened_at + REST else Standing.HALF_OPEN


def judge(opened_at: datetime | None, fresh: Count, window: Count, now: datetime) -> datetime | None:
    """Return since when the breaker is open after `fresh` outcomes, None if it is closed.

    `window` counts the last minutes, `fresh` included. An outcome that arrives while the breaker is open belongs to an
    order sent earlier, so it changes nothing. While it is half open, one bad outcome opens it again, and good outcomes
    without a bad one close it.
    """
    at = standing(opened_at, now)
    if at is Standing.CLOSED:
        return now if window.bad >= _BAD_AT_LEAST and window.bad > window.good else None
    if at is Standing.OPEN:
        return opened_at
    if fresh.bad:
        return now
    return None if fresh.good else opened_at


def clearly_worse(lately: Count) -> bool:
    """Whether so many orders fail that a dearer channel is better: less than 90 % good, of at least 20."""
    asked = lately.good + lately.bad
    return asked >= _ASKED_AT_LEAST and lately.good * 10 < asked * 9
