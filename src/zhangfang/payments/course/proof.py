"""Whether a piece of evidence is whole: it is read here, whatever it is and whatever state its intent is in.

What says that money moved has to say how much, in our currency, for this very order, and with a date that can be. If it does
not, it proves nothing and counts as UNKNOWN. That the amount is the intent's is compared by `rules.decide`: another amount
proves that something happened which nobody asked for, and people have to look.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from zhangfang.channels.port import DEFINITE, MOVED, Answer, Operation, Verdict
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.payments.model import Intent

EARLY = timedelta(days=1)  # a settlement date may be so long before the day of the request
AHEAD = timedelta(days=10)  # and so long after today: longer than the longest holidays

Judged = Callable[[Intent, Answer, date], bool]
_FLAWS: tuple[
    tuple[str, frozenset[Verdict], Judged], ...
] = (  # what is wrong, in which verdicts, if this holds
    ("it names no amount", MOVED, lambda _, answer, __: answer.amount is None),
    ("only a payout comes back", MOVED, lambda intent, answer, _: _no_return(intent, answer)),
    ("its settlement date cannot be", MOVED, lambda intent, answer, day: not _may_be(intent, answer, day)),
    ("it is about another order", DEFINITE, lambda intent, answer, _: _another(intent, answer)),
)


def whole(intent: Intent, answer: Answer, now: datetime) -> Answer:
    """Return an answer as it counts: as it is, or as UNKNOWN with what is wrong in front of its message."""
    today = settlement_day(now)
    flaws = (
        what
        for what, verdicts, holds in _FLAWS
        if answer.verdict in verdicts and holds(intent, answer, today)
    )
    lacks = answer.lacks if answer.verdict in DEFINITE else ""
    flaw = lacks or next(flaws, "")
    if not flaw:
        return answer
    return replace(answer, verdict=Verdict.UNKNOWN, message=f"proves nothing: {flaw}; {answer.message}")


def _no_return(intent: Intent, answer: Answer) -> bool:
    return answer.verdict is Verdict.RETURNED and intent.kind is not Operation.PAYOUT


def _may_be(intent: Intent, answer: Answer, today: date) -> bool:
    """Whether the settlement date, if the answer names one, is near the days on which the order can be settled."""
    day = answer.settle_date
    return day is None or china_day(intent.requested_at) - EARLY <= day <= today + AHEAD


def _another(intent: Intent, answer: Answer) -> bool:
    return answer.requested_at not in (None, intent.requested_at)
