"""The settlement days of an acquiring bank: which one a moment belongs to, and which are closed.

A day ends at 23:00 China time [K]. Its file is made at 09:00 of the next morning.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from zhangfang_sandbox.common.clock import CHINA, BankClock
from zhangfang_sandbox.common.store import Store

_FILE_AFTER = timedelta(days=1, hours=9)


class Closing:
    """Closes days as the bank's clock passes them. A bank says in `_close` how it makes a day's file."""

    def __init__(self, store: Store, clock: BankClock, merchants: Mapping[str, object]) -> None:
        self._store, self._clock, self._merchants = store, clock, merchants
        if store.get("closed_day", None) is None:
            self.begin(clock.now())

    @property
    def first(self) -> date:
        """The first day the clock has seen."""
        return date.fromisoformat(self._store.get("first_day", ""))

    @property
    def closed(self) -> date:
        """The last day whose file is made."""
        return date.fromisoformat(self._store.get("closed_day", ""))

    def begin(self, now: datetime) -> None:
        """The bank's first day is the one of `now`. Only for a bank without orders."""
        day = settle_date(now)
        self._store.put("first_day", day.isoformat())
        self._store.put("closed_day", (day - timedelta(days=1)).isoformat())
        self._store.write("DELETE FROM days")

    def close_due(self) -> None:
        """Make the files of all days that have become due, oldest first."""
        last = passed(self._clock.now(), _FILE_AFTER)
        day = self.closed + timedelta(days=1)
        while day <= last:
            for mer_id in self._merchants:
                self._close(mer_id, day)
            self._store.put("closed_day", day.isoformat())
            day += timedelta(days=1)

    def _close(self, mer_id: str, day: date) -> None:
        """Make one merchant's file of one day, once."""
        raise NotImplementedError

    def _is_closed(self, mer_id: str, iso: str) -> bool:
        return bool(self._store.read("SELECT 1 FROM days WHERE mer_id=? AND settle_date=?", (mer_id, iso)))


def settle_date(now: datetime) -> date:
    """The settlement day a moment belongs to; from 23:00 China time on it is tomorrow's."""
    return (now.astimezone(CHINA) + timedelta(hours=1)).date()


def passed(now: datetime, after: timedelta) -> date:
    """The last settlement day that began at least `after` ago (days begin at midnight here)."""
    return (now.astimezone(CHINA) - after).date()
