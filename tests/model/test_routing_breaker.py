"""The breaker against a plain reading of its rules, over random outcomes, times and pauses."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from zhangfang.channels.port import Verdict
from zhangfang.routing.breaker import Count, Standing, is_bad, judge, standing

START = datetime(2026, 9, 1, 2, tzinfo=UTC)
VERDICTS = st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=14)
PAUSES = st.sampled_from([0, 1, 15, 29, 30, 31, 59, 60, 120])


@dataclass
class Plain:
    """The rules as a person would keep them: every outcome with its time in a list, and one word for where it stands."""

    word: str = "closed"
    since: datetime = START
    heard: list[tuple[datetime, bool]] = field(default_factory=list)

    def at(self, now: datetime) -> str:
        if self.word == "open" and now - self.since >= timedelta(seconds=30):
            return "half_open"
        return self.word

    def hear(self, now: datetime, verdicts: list[Verdict]) -> None:
        bads = [verdict in (Verdict.UNKNOWN, Verdict.NOT_SENT) for verdict in verdicts]
        self.heard += [(now, bad) for bad in bads]
        before = self.at(now)
        if before == "half_open":
            self.word, self.since = ("open", now) if any(bads) else ("closed", now)
            if self.word == "closed":
                self.heard = []
        elif before == "closed":
            minute = now.replace(second=0, microsecond=0)
            lately = [bad for at, bad in self.heard if at >= minute - timedelta(minutes=1)]
            if sum(lately) >= 10 and sum(lately) * 2 > len(lately):
                self.word, self.since = "open", now


@given(st.lists(st.tuples(PAUSES, VERDICTS), max_size=25))
def test_the_breaker_stands_where_a_plain_reading_of_its_rules_says(
    story: list[tuple[int, list[Verdict]]],
) -> None:
    plain, opened_at, now = Plain(), None, START
    minutes: dict[datetime, Count] = {}
    for pause, verdicts in story:
        now += timedelta(seconds=pause)
        assert standing(opened_at, now).value == plain.at(now)
        bad = sum(map(is_bad, verdicts))
        fresh = Count(len(verdicts) - bad, bad)
        minute = now.replace(second=0, microsecond=0)
        had = minutes.get(minute, Count())
        minutes[minute] = Count(had.good + fresh.good, had.bad + fresh.bad)
        kept = [one for at, one in minutes.items() if at > minute - timedelta(minutes=2)]
        window = Count(sum(one.good for one in kept), sum(one.bad for one in kept))
        was, opened_at = opened_at, judge(opened_at, fresh, window, now)
        if was is not None and opened_at is None:
            minutes = {}
        plain.hear(now, verdicts)
        assert standing(opened_at, now).value == plain.at(now)


def test_an_open_breaker_rests_for_thirty_seconds() -> None:
    assert standing(START, START + timedelta(seconds=29, microseconds=999_999)) is Standing.OPEN
    assert standing(START, START + timedelta(seconds=30)) is Standing.HALF_OPEN
