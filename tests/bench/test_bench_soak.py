"""A short soak: beside hostile clients every other call is answered as it should be, and health tells of a full disk."""

import json
import subprocess
import sys
from typing import Any

import pytest

from zhangfang_bench.soak.hostile import HUGE, KINDS
from zhangfang_bench.soak.report import GROWTH_MIB, aims


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("soak") / "figures.json"
    command = [sys.executable, "-m", "zhangfang", "bench", "soak", "--json", str(out)]
    done = subprocess.run(
        [*command, "--seconds", "1", "--share", "0.2"], capture_output=True, text=True, check=False
    )
    assert out.exists(), done.stdout[-2000:] + done.stderr[-4000:]
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures | {"code": done.returncode, "shown": done.stdout}


@pytest.mark.drill
def test_beside_every_kind_of_hostile_clients_the_others_are_served_and_memory_stays(
    made: dict[str, Any],
) -> None:
    assert [name for name, one in made["phases"].items() if one["wrong"]] == []
    assert made["aims"]["served"]
    assert made["aims"]["flat"]
    assert made["code"] == 0
    assert "of quiet" in made["shown"]


@pytest.mark.drill
def test_the_hostile_are_refused_by_name_or_parted_from_and_none_is_let_in(made: dict[str, Any]) -> None:
    answers = {kind: set(made["phases"][kind]["hostile"]) for kind in KINDS}
    assert answers["huge"] & {"431", "413"}
    assert answers["huge"] <= {"431", "413", "401", "400", "closed"}
    assert answers["many"] <= {"401", "503"}
    assert answers["slow"] | answers["silent"] <= {"408", "503", "closed"}


@pytest.mark.drill
def test_health_says_what_cannot_be_written_and_that_all_is_well_again(made: dict[str, Any]) -> None:
    said = {name: (one["status"], one["code"]) for name, one in made["health"].items()}
    assert said == {
        "disk full": (503, "database_unavailable"),
        "PostgreSQL stopped": (503, "database_unavailable"),
        "all well again": (200, ""),
    }


def test_an_aim_is_missed_by_what_is_above_it() -> None:
    quiet: dict[str, Any] = {"wrong": {}, "api_mib": 100.0}
    well = {"status": 200, "seconds": 0.0}
    good: dict[str, Any] = {
        "phases": {"quiet": quiet, "huge": quiet | {"p99_of_quiet": 3.0}},
        "health": {"disk full": {"status": 503, "seconds": 2.0}, "all well again": well},
    }
    assert all(aims(good).values())
    for spoilt, missed in (
        ({"wrong": {"503": 1}}, "served"),
        ({"p99_of_quiet": 3.1}, "even"),
        ({"api_mib": 100.1 + GROWTH_MIB}, "flat"),
    ):
        assert not aims(good | {"phases": good["phases"] | {"huge": quiet | spoilt}})[missed]
    for said, missed in (({"status": 200, "seconds": 0}, "told"), ({"status": 503, "seconds": 2.1}, "soon")):
        assert not aims(good | {"health": {"disk full": said, "all well again": well}})[missed]


def test_what_is_huge_is_more_than_any_bound() -> None:
    assert all(len(again) > 16 * 1024 for _, again in HUGE)
