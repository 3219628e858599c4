"""A clock that stands still until the simulator moves it."""

from datetime import UTC, datetime


class StandingClock:
    """Shows the moment that it was set to; every simulated process of the platform reads the same one."""

    def __init__(self, moment: datetime) -> None:
        """Stand at an aware moment."""
        self._now = moment.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to an aware moment; it never goes back."""
        self._now = max(moment.astimezone(UTC), self._now)
