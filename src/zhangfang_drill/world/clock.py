"""A clock that stands still until the simulator moves it."""

from datetime import UTC, datetime


class StandingClock:
    """Shows the moment that it was set to; every simulated process of the platform reads the same clock."""

    def __init__(self, moment: datetime) -> None:
        """Stand at `moment`, which has a time zone."""
        self._now = moment.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment in UTC."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to `moment`, which has a time zone; an earlier moment is ignored."""
        self._now = max(moment.astimezone(UTC), self._now)
