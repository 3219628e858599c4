"""Time is passed in, never called: a day can then be played in a minute and a crash repeated.

Times are aware and in UTC; China time exists at the edges only.
"""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time of the business."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


class FileClock:
    """A virtual clock shared by all processes of one machine through a small file; without the file, the machine's time.

    The file says which business moment belongs to which reading of CLOCK_MONOTONIC (which is one for the whole
    machine) and how many business seconds pass in a second. It outlives any process that is killed.
    """

    def __init__(self, path: Path) -> None:
        """Read the clock that `set_clock` wrote to `path`, or that it will write there."""
        self._path = path
        self._stamp = (0, 0)
        self._checked = 0.0
        self._anchor: tuple[float, datetime, float] | None = None
        self._load()

    def now(self) -> datetime:
        """Return the present moment of the business, aware, in UTC."""
        real = time.monotonic()
        if real - self._checked > 0.02:  # a jump of the clock is seen within 20 ms
            self._load()
            self._checked = real
        if self._anchor is None:
            return datetime.now(UTC)
        anchor, moment, rate = self._anchor
        passed = max(real - anchor, 0.0)  # a machine that was started again counts from 0: the clock goes on
        return moment + timedelta(seconds=passed * rate)

    def _load(self) -> None:
        try:
            stat = os.stat(self._path)
        except FileNotFoundError:
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            held = json.loads(self._path.read_text())
            self._anchor = (held["real"], datetime.fromisoformat(held["now"]).astimezone(UTC), held["rate"])
            self._stamp = stamp


def set_clock(path: Path, now: datetime, rate: float = 1.0) -> None:
    """Make every `FileClock` on `path` show `now` and run at `rate` business seconds a second."""
    held = {"real": time.monotonic(), "now": now.isoformat(), "rate": rate}
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(held))
    draft.replace(path)


def in_china(moment: datetime) -> datetime:
    """Return `moment` in China time, for the edges where a bank or a person reads it."""
    return moment.astimezone(CHINA)
