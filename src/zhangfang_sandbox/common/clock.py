"""The bank's own clock. It can be set, and can run faster than real time."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from zhangfang_sandbox.common.store import Store

CHINA = ZoneInfo("Asia/Shanghai")


@dataclass(slots=True)
class BankClock:
    """`now = anchor + (monotonic - anchored_at) * rate`.

    CLOCK_MONOTONIC is the machine's, not the process's, so the anchor holds across a restart.
    """

    anchor: datetime
    anchored_at: float
    rate: float

    @classmethod
    def load(cls, store: Store) -> Self:
        """The stored clock; at the first start real time at its normal pace."""
        kept = store.get("clock", None)
        mono = time.monotonic()
        if kept is None:
            return cls(datetime.now(UTC), mono, 1.0)
        # After a reboot the machine's monotonic clock starts again: go on from the anchor.
        return cls(datetime.fromisoformat(kept["anchor"]), min(kept["anchored_at"], mono), kept["rate"])

    def now(self) -> datetime:
        """Aware, UTC."""
        return self.anchor + timedelta(seconds=(time.monotonic() - self.anchored_at) * self.rate)

    def set(self, now: datetime, rate: float) -> None:
        """Set the time to `now`; `rate` seconds pass per real second."""
        self.anchor, self.anchored_at, self.rate = now.astimezone(UTC), time.monotonic(), rate

    def save(self, store: Store) -> None:
        """Keep the anchor for the next start."""
        kept = {"anchor": self.anchor.isoformat(), "anchored_at": self.anchored_at, "rate": self.rate}
        store.put("clock", kept)
