"""A year whose holidays are not known is shown where people and programs look."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from tests.clock import SetClock
from tests.unit.test_console_pages import Browser, console, seeded
from zhangfang.api.app import metrics
from zhangfang.kernel.clock import CHINA

__all__ = ["console", "seeded"]
NOVEMBER = datetime(2026, 11, 1, tzinfo=CHINA)


async def test_today_says_from_november_on_that_the_next_year_is_not_announced(console: Browser) -> None:
    assert "The holidays of" not in (await console.get("/")).text
    console.clock.set(NOVEMBER)
    assert "The holidays of 2027 are not known" in (await console.get("/")).text


class Away:
    """A database that does not answer: what the process knows by itself is shown all the same."""

    async def fetch(self, *_: Any) -> None:
        """Answer nothing."""
        raise ConnectionError


async def test_the_metric_is_the_year_that_is_not_announced_or_0(clock: SetClock) -> None:
    state = SimpleNamespace(desk=SimpleNamespace(clock=clock, pool=Away()))
    http: Any = SimpleNamespace(app=SimpleNamespace(state=state))
    assert b"\nzhangfang_holidays_unknown_year 0.0\n" in (await metrics(http)).body
    clock.set(NOVEMBER)
    assert b"\nzhangfang_holidays_unknown_year 2027.0\n" in (await metrics(http)).body
