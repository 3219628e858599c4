"""A home has one owner, its watcher shares nothing with the starter, and its clock is moved in a sandbox alone."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from zhangfang.assembly import house as houses
from zhangfang.assembly import liveness
from zhangfang.assembly.home import HouseError, owner, take
from zhangfang.assembly.house import House, Process
from zhangfang.assembly.sandbox import counter
from zhangfang.cli.machine.programs import PROGRAMS
from zhangfang.cli.main import app
from zhangfang.cli.table import COMMANDS, load
from zhangfang.kernel import start as early
from zhangfang.kernel.clock import CHINA, FileClock, SystemClock, set_clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.postgres import EmbeddedPostgres, PostgresFailed
from zhangfang.kernel.settings import NotSetUp, Settings
from zhangfang_demo import demo

FRIDAY = datetime(2026, 5, 29, 15, 30, tzinfo=CHINA)


def test_whoever_comes_second_is_told_who_holds_the_home_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DEFAULT_HOME", tmp_path)
    first = House(tmp_path, banks=())
    (tmp_path / "kept").touch()
    seconds = (
        partial(House, tmp_path),
        partial(House, tmp_path, fresh=True),
        partial(demo.empty_house, None),
    )
    for second in seconds:
        with pytest.raises(
            HouseError, match=rf"process {os.getpid()} \(.*\) is at work there; stop it first"
        ):
            second()
    assert (tmp_path / "kept").exists()
    first.stop()
    assert owner(tmp_path) == ""
    demo.empty_house(None).stop()
    assert not (tmp_path / "kept").exists(), "the demo's own home is emptied once it is nobody's"


def test_a_process_that_is_killed_gives_its_home_up(tmp_path: Path) -> None:
    code = "import sys, pathlib; from zhangfang.assembly.home import take; take(pathlib.Path(sys.argv[1])); input()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as other:
        while not owner(tmp_path):
            assert other.poll() is None
        assert str(other.pid) in owner(tmp_path)
        other.kill()
    os.close(take(tmp_path))


def test_a_home_can_be_taken_while_others_look_who_owns_it(tmp_path: Path) -> None:
    os.close(take(tmp_path))
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            owner(tmp_path)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(300):
            os.close(take(tmp_path))
    finally:
        done.set()
        looker.join()


def test_a_home_that_a_user_names_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(
        InvalidInput, match=r"--home: got .*, which is not empty; allowed: a folder that is empty or new"
    ):
        demo.empty_house(tmp_path)
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize("place", ["file", "file/below", "none\0"])
def test_a_home_that_cannot_be_made_is_one_clear_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        InvalidInput, match=r"^--home: got .*; allowed: a folder of yours, or a place where one can be"
    ):
        House(tmp_path / place)


@pytest.mark.parametrize("port", ["99999", "65536", "-1"])
def test_a_port_that_is_none_is_named_before_anything_is_made(tmp_path: Path, port: str) -> None:
    done = CliRunner().invoke(app, ["up", "--home", str(tmp_path / "new"), "--port", port])
    assert str(done.exception) == f"--port: got {port}; allowed: a port, 0 to 65535"
    assert not (tmp_path / "new").exists()


def test_a_port_in_the_environment_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANGFANG_PORT", "web")
    with pytest.raises(InvalidInput, match="ZHANGFANG_PORT: got web; allowed: a port, 0 to 65535"):
        Settings()


def test_a_database_that_gives_no_reason_is_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddedPostgres, "_try_launch", lambda *_: "")
    with pytest.raises(PostgresFailed, match="it did not answer within 60 s and said nothing"):
        EmbeddedPostgres(tmp_path)._launch(tmp_path, None)


class _Alive:
    pid = 0

    def poll(self) -> None:
        """Say that it lives."""


def test_a_process_that_is_added_while_the_watcher_looks_is_started_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, banks=())
    house.database_url = "elsewhere"
    added: list[str] = []

    def start(process: Process) -> None:
        assert process.name not in house.processes, "the watcher would start it as well"
        process.child = _Alive()  # type: ignore[assignment]
        process.starts += 1

    def running(process: Process) -> bool:
        if process.name == "first" and not added:
            added.append("audit")
            house._start("audit", ["audit"])
        return process.child is not None

    monkeypatch.setattr(houses.Process, "start", start)
    monkeypatch.setattr(houses.Process, "running", running)
    house._start("first", ["first"])
    house._watching.set()
    house._look()
    assert {name: one.starts for name, one in house.processes.items()} == {"first": 1, "audit": 1}


def test_the_watcher_goes_on_after_any_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, banks=())
    house.database_url = "elsewhere"
    again = threading.Event()

    def broken(_: House) -> None:
        house._look = again.set  # type: ignore[method-assign]
        raise RuntimeError("dictionary changed size during iteration")

    monkeypatch.setattr(House, "_look", broken)
    house.watch()
    assert again.wait(30)
    house.stop()


BEATS = """
import asyncio, os, signal
from zhangfang.kernel.pulse import beating
async def main():
    async with beating():
        await asyncio.sleep(3600)
asyncio.run(main())
"""


def test_a_process_that_hangs_is_started_again_and_one_that_never_beat_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(houses, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(liveness, "LOOKS", 20)  # two seconds: a beat a second is seen in time
    house = House(tmp_path, banks=())
    house.database_url = "elsewhere"
    house._start("beats", [sys.executable, "-c", BEATS])
    house._start("silent", [sys.executable, "-c", "import time; time.sleep(3600)"])
    beats, silent = house.processes.values()
    house.watch()
    try:
        while not (tmp_path / "pulse" / "beats").exists():
            assert beats.running()
        assert beats.child is not None
        os.kill(beats.child.pid, signal.SIGSTOP)
        while beats.starts < 2:
            threading.Event().wait(0.05)
        assert silent.starts == 1
    finally:
        house.stop()
        for one in (beats, silent):
            one.stop()


def test_a_pulse_is_counted_by_looks_and_a_new_start_begins_anew(tmp_path: Path) -> None:
    pulse = liveness.Pulse(tmp_path / "pulse" / "one")
    pulse.begin()
    assert not any(pulse.stopped() for _ in range(liveness.LOOKS * 2)), "it has not begun to beat"
    pulse.path.touch()
    assert [pulse.stopped() for _ in range(liveness.LOOKS + 1)] == [False] * liveness.LOOKS + [True]
    os.utime(pulse.path, (1, 1))
    assert not pulse.stopped(), "it beats again"
    pulse.begin()
    assert not pulse.path.exists()


def test_a_database_that_is_stopped_does_not_answer_and_one_that_is_not_there_neither(
    tmp_path: Path, postgres_url: str
) -> None:
    folder = Path(unquote(postgres_url.partition("host=")[2]))
    assert liveness.postgres_answers(folder / ".s.PGSQL.5432")
    with socket.socket(socket.AF_UNIX) as deaf:  # listens, and never answers, as a stopped server does
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen()
        assert not liveness.postgres_answers(tmp_path / "deaf")
    assert not liveness.postgres_answers(tmp_path / "nobody")


# The clock


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[House, list[str]]:
    """Make a home with two banks that note what they are told."""
    house = House(tmp_path, banks=("cmb", "unionpay"))
    (tmp_path / "banks.json").write_text('{"cmb": {"control": "c"}, "unionpay": {"control": "u"}}')
    set_clock(tmp_path / "clock.json", FRIDAY)
    told: list[str] = []

    def ask(_method: str, url: str, body: Any) -> None:
        assert Settings(home=tmp_path).clock().now() < datetime.fromisoformat(body["now"]), (
            "the banks come first"
        )
        told.append(url)

    monkeypatch.setattr(counter, "ask", ask)
    return house, told


@pytest.mark.parametrize(
    ("move", "moment"),
    [
        ({}, datetime(2026, 6, 1, 12, tzinfo=CHINA)),  # after a Friday the next working day is Monday
        ({"days": 2}, FRIDAY + timedelta(days=2)),
        ({"hours": 5}, FRIDAY + timedelta(hours=5)),
        ({"to": FRIDAY + timedelta(days=9)}, FRIDAY + timedelta(days=9)),
    ],
)
def test_the_clock_goes_on_at_the_banks_and_then_at_the_platform(
    sandbox: tuple[House, list[str]], move: dict[str, Any], moment: datetime
) -> None:
    house, told = sandbox
    shown = counter.advance(house.home, **move)
    assert timedelta(0) <= shown - moment < timedelta(minutes=1)
    assert timedelta(0) <= Settings(home=house.home).clock().now() - shown < timedelta(minutes=1)
    assert told == ["c/clock", "u/clock"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda house: (house.home / "banks.json").unlink(), "no sandbox"),
        (lambda house: house.stop(), "nothing is running there; start `zhangfang up"),
    ],
)
def test_the_clock_is_moved_in_a_running_sandbox_alone(
    sandbox: tuple[House, list[str]], spoil: Callable[[House], None], words: str
) -> None:
    house, told = sandbox
    spoil(house)
    with pytest.raises(HouseError, match=words):
        counter.advance(house.home, 1)
    assert told == []


def test_the_clock_never_goes_back_and_never_moves_beside_a_production_channel(
    sandbox: tuple[House, list[str]],
) -> None:
    house, told = sandbox
    with pytest.raises(InvalidInput, match="--to: got a time that is over"):
        counter.advance(house.home, to=FRIDAY - timedelta(minutes=1))
    (house.home / "channels").mkdir()
    (house.home / "channels" / "cmb.json").write_text('{"allow_production": true}')
    with pytest.raises(HouseError, match="no sandbox"):
        counter.advance(house.home, 1)
    with pytest.raises(NotSetUp, match="a virtual clock beside a production channel"):
        Settings(home=house.home).clock()
    (house.home / "clock.json").unlink()
    assert isinstance(Settings(home=house.home).clock(), SystemClock)
    assert told == []


@pytest.mark.parametrize(
    "words",
    [["--days", "1", "--hours", "1"], ["--to", "tomorrow"], ["--days", "1", "--to", "2026-06-01 12:00"]],
)
def test_a_wrong_way_to_name_the_time_is_refused(words: list[str]) -> None:
    assert isinstance(CliRunner().invoke(app, ["clock", "advance", *words]).exception, InvalidInput)


def test_a_clock_without_a_file_is_the_machines_and_after_a_restart_of_the_machine_it_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "clock.json"
    assert datetime.now(UTC) - FileClock(path).now() < timedelta(minutes=1)
    set_clock(path, FRIDAY)
    path.write_text(
        path.read_text().replace('{"real": ', '{"real": 9')
    )  # a reading later than any of this machine
    assert FileClock(path).now() == FRIDAY


def test_a_process_that_is_started_early_goes_on_when_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, slept = tmp_path / "start", []

    def sleep(_seconds: float) -> None:
        slept.append(may.exists())
        if len(slept) == 2:
            may.touch()

    monkeypatch.setattr(time, "sleep", sleep)
    early.wait_for_start()
    assert slept == [], "nobody says that it has to wait"
    monkeypatch.setenv(early.VARIABLE, str(may))
    early.wait_for_start()
    early.wait_for_start()
    assert slept == [False, False], "once it may, a process that is started again does not wait"


# The command


def test_help_imports_no_part_of_the_platform() -> None:
    code = """
import sys
import time
from typer.testing import CliRunner
from zhangfang.cli.main import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert {"asyncio", "asyncpg", "structlog", "msgspec", "aiohttp", "numpy"} & {*modules} == set()
    ours = {".".join(name.split(".")[:2]) for name in modules if name.startswith("zhangfang")}
    assert ours == {"zhangfang", "zhangfang.assembly", "zhangfang.cli", "zhangfang.kernel"}
    commands = {f"zhangfang.cli.{row['where'].partition(':')[0]}" for row in COMMANDS.values()}
    assert commands & {*modules} == {"zhangfang.cli.machine.programs"}


def test_the_list_says_of_each_command_what_the_command_says() -> None:
    for name, row in COMMANDS.items():
        command = load(name)
        assert " ".join(command.help.partition("\n\n")[0].split()) == row["line"] or name in PROGRAMS, name


def test_the_command_says_its_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("zhangfang 0.")
