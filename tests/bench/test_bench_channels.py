"""The bench of the channels measures what it says: real banks, real answers, every figure there. No word about how fast."""

import json
import subprocess
import sys
from typing import Any

import pytest

from zhangfang_bench.channels.report import lines, message_verdict
from zhangfang_bench.channels.wire import BARE, Costs, Gauge, bare_operations, figures

ORDERS, ITEMS, EXCHANGES, PACED = 70, 300, 3, 2


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "zhangfang", "bench", "channels", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("bench") / "figures.json"
    sizes = {"--orders": ORDERS, "--items": ITEMS, "--exchanges": EXCHANGES, "--paced": PACED}
    done = bench("--json", str(out), *(text for pair in sizes.items() for text in map(str, pair)))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures | {"shown": done.stdout}


@pytest.mark.drill
def test_every_channel_has_its_messages_measured_beside_its_own_operation(made: dict[str, Any]) -> None:
    assert set(made["messages"]) == set(BARE)
    for name, channel in made["messages"].items():
        assert all(one["us"] > 0 for one in channel.values())
        assert channel["build_sign"]["bare"] == BARE[name][0]
        assert channel["build_sign"]["ratio"] > 0
    assert made["messages"]["chinaums"]["verify_parse"]["ratio"] is None


@pytest.mark.drill
def test_every_unknown_collection_was_healed_by_a_query_of_its_own(made: dict[str, Any]) -> None:
    healed = made["healing"]
    assert healed["orders"] == ORDERS
    assert healed["queries"] >= ORDERS
    assert healed["per_s"] > 0
    assert set(healed["bank_per_s"]) == {"before", "after"}


@pytest.mark.drill
def test_at_the_banks_pace_all_is_resolved_and_no_throttle_code_is_provoked(made: dict[str, Any]) -> None:
    paced = made["paced"]
    assert (paced["unknown"], paced["resolved"], paced["statements"]) == (PACED, PACED, 2)
    assert paced["throttled"] == 0


@pytest.mark.drill
def test_the_batch_file_is_stored_whole_and_its_parts_are_told(made: dict[str, Any]) -> None:
    file = made["batch_file"]
    assert file["items"] == ITEMS
    assert set(file["us_per_item"]) == {"reading_and_validation", "sealing", "storing"}
    assert "A batch file of 300 items" in " ".join(made["shown"].split())


def test_a_gauge_tells_what_is_spent_before_the_wire_from_what_is_spent_behind_it() -> None:
    made = figures("genericbank", Costs([3.0], [2.0], [9.0], [4.0]), {"rsa_sign": 2.0, "rsa_verify": 1.0})
    assert {what: one["ratio"] for what, one in made.items()} == {
        "build_sign": 1.5,
        "build_sign_query": 1.0,
        "verify_parse": 4.0,
        "query_and_answer": 2.0,
    }
    assert [message_verdict(one) for one in made.values()] == ["met", "met", "missed", "missed"]


async def test_work_on_the_other_side_of_the_wire_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0.0

    def work(seconds: float) -> None:
        nonlocal spent
        spent += seconds

    class Bank:
        name = "genericbank"

        async def _post(self) -> None:
            work(100)

        async def query(self) -> str:
            work(1)
            await self._post()
            work(2)
            return "answer"

    monkeypatch.setattr("zhangfang_bench.channels.wire.time.thread_time", lambda: spent)
    bank = Bank()
    gauge = Gauge(bank)
    assert [await gauge.time(bank.query) for _ in range(2)] == ["answer", "answer"]
    assert (gauge.made_us, gauge.read_us) == ([1e6, 1e6], [2e6, 2e6])


def test_the_bare_operations_are_those_that_the_channels_name() -> None:
    assert set(bare_operations(1)) == {operation for pair in BARE.values() for operation in pair if operation}


def test_a_missed_aim_is_called_missed() -> None:
    heal = {"orders": 10, "per_s": 69.0, "bank_per_s": {"before": 100.0, "after": 100.0}, "ratio": 0.69}
    pace = {"resolved": 3, "payouts": 3, "statements": 2, "seconds": 9.0, "throttled": 1}
    file = {"items": 10, "per_s": 5, "us_per_item": {"sealing": 3}}
    said = list(lines({"healing": heal, "paced": pace, "batch_file": file}))
    assert "69%, the aim of 70% is missed" in said[0]
    assert "1 throttle codes: the aim of 0 is missed" in said[1]
    good = {"healing": heal | {"ratio": 0.7}, "paced": pace | {"throttled": 0}, "batch_file": file}
    assert [line.endswith("met.") for line in lines(good)][:2] == [True, True]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--orders", "0"), ("--items", "0"), ("--items", "100001"), ("--exchanges", "0"), ("--paced", "0")],
)
def test_a_size_that_measures_nothing_is_refused_by_name(option: str, value: str) -> None:
    done = bench(option, value)
    assert done.returncode == 1
    assert f"{option}: got" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_written_is_refused_before_anything_starts() -> None:
    done = bench("--json", "/no/such/folder/figures")
    assert done.returncode == 1
    assert "--json: got" in done.stderr
