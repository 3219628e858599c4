"""What the tasks of the timetable work with, and how one says that it has to wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.payments import Desk
from zhangfang.reconciliation import Account

WAIT = timedelta(minutes=5)
RARELY = timedelta(days=1)
_TRIES = 12  # at WAIT: an hour


class NotYet(ZhangfangError):
    """Something that a task needs is missing. The text becomes the task's note; the task runs again after `again`."""

    def __init__(self, text: str, again: timedelta = WAIT) -> None:
        """Take what is missing, and the time until the next try."""
        super().__init__(text)
        self.again = again


def patience(tries: int) -> timedelta:
    """Return how long a task that others hold up waits after so many tries: 5 minutes for an hour, then ever longer."""
    return min(RARELY, WAIT * (1 << max(0, min(tries - _TRIES, 9))))


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that the timetable needs."""

    desk: Desk
    accounts: Sequence[Account]
