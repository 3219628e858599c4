"""What the tasks of the timetable work with, and how one says that it has to wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.payments import Desk
from zhangfang.reconciliation import Account

WAIT = timedelta(minutes=5)


class NotYet(ZhangfangError):
    """Something that a task needs is missing. The text becomes the task's note; the task runs again after `again`."""

    def __init__(self, text: str, again: timedelta = WAIT) -> None:
        """Take what is missing, and the time until the next try."""
        super().__init__(text)
        self.again = again


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that the timetable needs."""

    desk: Desk
    accounts: Sequence[Account]
