"""Each settlement date is due on one day, whatever the cycle, and no run forgets it or takes it early."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search import MORE
from zhangfang.kernel.calendar import is_working_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants.cycles import check_cycle, due, falling_due, latest

CYCLES = [
    "D+0",
    *(f"T+{n}" for n in range(31)),
    *(f"W{n}" for n in range(1, 8)),
    *(f"M{n}" for n in range(1, 32)),
]
DAYS = st.dates(date(2025, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize(
    ("cycle", "settled", "expected"),
    [
        ("D+0", "2026-10-01", "2026-10-01"),  # on a holiday too
        ("T+0", "2026-10-01", "2026-10-08"),
        ("T+1", "2026-09-04", "2026-09-07"),  # Friday's money on Monday
        ("T+1", "2026-09-30", "2026-10-08"),  # over the national holiday
        ("W5", "2026-09-03", "2026-09-04"),
        ("W5", "2026-09-04", "2026-09-11"),  # what settles on a Friday belongs to the next one
        ("W5", "2026-09-24", "2026-09-28"),  # the 25th is Mid-Autumn: the next working day
        ("W7", "2026-09-14", "2026-09-20"),  # a Sunday that is worked
        ("M1", "2026-09-05", "2026-10-08"),
        ("M31", "2026-02-03", "2026-02-28"),  # the last day of a short month: a worked Saturday
        ("M31", "2026-04-30", "2026-06-01"),  # 31 May is a Sunday
        ("M30", "2028-02-28", "2028-02-29"),
        ("M15", "2026-12-15", "2027-01-15"),
    ],
)
def test_a_settlement_date_is_due_by_cycle_and_calendar(cycle: str, settled: str, expected: str) -> None:
    assert str(due(cycle, date.fromisoformat(settled))) == expected


@given(cycle=st.sampled_from(CYCLES), day=DAYS)
def test_it_is_due_on_one_working_day_and_never_before_it_settles(cycle: str, day: date) -> None:
    when = due(check_cycle(cycle), day)
    assert when >= day
    assert is_working_day(when) or cycle == "D+0"
    assert due(cycle, day + timedelta(days=1)) >= when
    if cycle[0] in "WM":
        assert when > day
        # no day of the cycle lies between, so nothing was left out
        before = [day + timedelta(days=n) for n in range(1, (when - day).days)]
        assert not any(is_working_day(one) and _of(cycle, one) for one in before)


def _of(cycle: str, day: date) -> bool:
    """Whether a cycle names a day; written anew."""
    number = int(cycle[1:])
    if cycle[0] == "W":
        return day.isoweekday() == number
    return day.day == number or (day.day < number and (day + timedelta(days=1)).day == 1)


@given(cycle=st.sampled_from(CYCLES), day=DAYS, shift=st.integers(-5, 70))
def test_a_run_takes_what_is_due_by_then_and_nothing_else(cycle: str, day: date, shift: int) -> None:
    run = day + timedelta(days=shift)
    assert (day <= latest(cycle, run)) == (due(cycle, day) <= run)


@settings(max_examples=20 * MORE)
@given(
    terms=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(CYCLES)), min_size=1, max_size=5),
    lines=st.lists(st.tuples(st.integers(0, 50), st.integers(-1, 3)), min_size=1, max_size=20),
    first=DAYS,
)
def test_whatever_terms_follow_each_other_a_line_is_taken_in_one_run(
    terms: list[tuple[int, str]], lines: list[tuple[int, int]], first: date
) -> None:
    """A line keeps the cycle of the day on which it was accepted. Runs of all days take each line exactly once."""

    def cycle_on(n: int) -> str:
        begun = [one for one in terms if one[0] <= n]
        return max(begun, key=lambda one: one[0])[1] if begun else "T+1"

    open_ = [(cycle_on(n), first + timedelta(days=n + later)) for n, later in lines]
    taken: list[tuple[tuple[str, date], date]] = []
    for n in range(-1, 50 + 3 + 70):
        run = first + timedelta(days=n)
        until = dict(zip(*falling_due({cycle for cycle, _ in open_}, run), strict=True))
        now = [line for line in open_ if line[0] in until and line[1] <= until[line[0]]]
        open_ = [line for line in open_ if line not in now]
        taken += [(line, run) for line in now]
    assert not open_, "nothing is forgotten"
    assert len(taken) == len(lines)
    for (cycle, day), run in taken:
        assert run == due(cycle, day)


@pytest.mark.parametrize("bad", ["", "D+1", "T+31", "T+01", "W0", "W8", "M0", "M32", "m1", "T+１", "T+1\n"])
def test_another_text_is_no_cycle(bad: str) -> None:
    with pytest.raises(InvalidInput, match="cycle"):
        check_cycle(bad)
