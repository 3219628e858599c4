"""The breaker of an operation of a channel: it stops what would most likely end as unknown, and tries again with few.

Closed: everything goes. Open for `REST` after too many bad outcomes: nothing goes. Then half open: up to `PROBES` go in
each `REST`; the first outcomes decide. Its state and the counts stand in the database, so every process has the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from zhangfang.channels.port import Verdict

REST = timedelta(seconds=30)
PROBES = 3
WINDOW = timedelta(minutes=2)  # counted by the minute: the minute that runs and the one before
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
    """How many requests fared well and how many did not."""

    good: int = 0
    bad: int = 0


def is_bad(verdict: Verdict) -> bool:
    """Whether an outcome speaks against the channel: it is unknown, or nothing could be sent. A definite no does not."""
    return verdict in _BAD


def standing(opened_at: datetime | None, now: datetime) -> Standing:
    """Return what a breaker that opened at a moment (None: it is closed) lets through now."""
    if opened_at is None:
        return Standing.CLOSED
    return Standing.OPEN if now < opened_at + REST else Standing.HALF_OPEN


def judge(opened_at: datetime | None, fresh: Count, window: Count, now: datetime) -> datetime | None:
    """Return since when the breaker is open after `fresh` outcomes, None if it is closed.

    `window` counts the last minutes, `fresh` included. What comes in while it is open was sent before, and proves
    nothing of the present; while it is half open one bad outcome opens it anew, and good ones alone close it.
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
    """Whether an operation fails so often that a dearer channel is the better one: below 90 % of 20 or more."""
    asked = lately.good + lately.bad
    return asked >= _ASKED_AT_LEAST and lately.good * 10 < asked * 9
