"""Logs are bounded, whoever writes them, and a process that goes on writing goes on in the same file."""

from pathlib import Path

import pytest

from zhangfang.assembly import logs


def test_a_log_that_grows_for_ever_takes_a_bounded_place_and_keeps_what_came_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    path = tmp_path / "serve.log"
    with path.open("ab", buffering=0) as process:
        for n in range(1000):
            process.write(b"line %06d\n" % n)
            logs.rotate(tmp_path.glob("*.log"))
    kept = sorted(tmp_path.iterdir(), reverse=True)
    assert [one.name for one in kept] == [*(f"serve.log.{n}" for n in range(logs.KEPT, 0, -1)), "serve.log"]
    assert max(one.stat().st_size for one in kept) <= 1000 + len(b"line 000000\n")
    lines = b"".join(one.read_bytes() for one in kept).splitlines()
    assert lines == [b"line %06d" % n for n in range(1000 - len(lines), 1000)], "in order, and none is lost"


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "work.log").write_text("a line\n")
    logs.rotate(tmp_path.glob("*.log"))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("work.log", "a line\n")]
