"""The bench of reconciliation finds exactly what it planted, and would say so if it did not."""

import json
from collections import Counter
from pathlib import Path

import pytest

from zhangfang.kernel.errors import InvalidInput
from zhangfang_bench.reconcile import bench, report


def test_a_small_run_finds_what_was_planted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three thousand lines, of which each planted class is found three times; and the peers find what they can see."""
    out = tmp_path / "r.json"
    assert bench.run(out, "3000") == 0
    (one,) = json.loads(out.read_text())["sizes"].values()
    assert (one["lines"], one["wrong"]) == (3000, [])
    assert one["steps"].keys() == {"receiving", "weighing", "placing", "booking"}
    assert one["duckdb"]["differences"] == one["pandas"]["differences"] == 3 * 4, (
        "a line twice is no difference to a join"
    )
    assert "exactly what was planted is found" in capsys.readouterr().out


def test_what_is_planted_is_told_apart() -> None:
    found = bench.planted(2000)
    assert len(found) == 10
    assert set(found.values()) == {1}
    assert Counter(one.split()[0] for one in found) == dict.fromkeys(
        ("missing_there", "amount_differs", "duplicate", "missing_here", "unread"), 2
    )


def test_the_aims_are_judged_by_the_figures() -> None:
    size = {
        "lines": 10,
        "seconds": 3.0,
        "wrong": [],
        "memory_mb": {"platform": 9},
        "duckdb": {"seconds": 1.0},
    }
    met = report.aims({"sizes": {"10": size | {"pandas": {"seconds": 15.0}}}})
    assert all(met.values())
    slow = size | {
        "seconds": 62.0,
        "lines": 100,
        "wrong": ["x"],
        "memory_mb": {"x": 2000},
        "pandas": {"seconds": 15.0},
    }
    assert not any(report.aims({"sizes": {"10": size | {"pandas": {"seconds": 15.0}}, "100": slow}}).values())


@pytest.mark.parametrize("lines", ["", "999", "1000,x", "-1000"])
def test_a_size_that_cannot_be_measured_is_refused(lines: str) -> None:
    with pytest.raises(InvalidInput, match="--lines"):
        bench.check(None, lines)
