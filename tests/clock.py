"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from zhangfang.kernel.clock import CHINA


class SetClock:
    """Shows the moment it was set to: 1 September 2026, 10:00 in China (a Tuesday) at first."""

    def __init__(self) -> None:
        """Start on a working day, in the morning."""
        self._now = datetime(2026, 9, 1, 10, tzinfo=CHINA)

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return self._now.astimezone(UTC)

    def advance(self, step: timedelta | None = None, **parts: float) -> datetime:
        """Go on by a step, or by parts such as `hours=2`; return the new moment."""
        self._now += step if step is not None else timedelta(**parts)
        return self.now()

    def set(self, moment: datetime) -> datetime:
        """Jump to an aware moment; return it."""
        self._now = moment
        return self.now()
