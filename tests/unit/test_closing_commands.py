"""The commands of month-end and inspection, on a database with two played days: what they print, write and refuse."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.console import TODAY, YESTERDAY, make_seeded
from tests.people import LIN, sit_down
from zhangfang.cli.main import app


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return make_seeded(postgres_url).url


@pytest.fixture
def home(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", url)
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    return tmp_path


def run(*typed: str) -> Result:
    return CliRunner().invoke(app, [*typed])


def test_the_checklist_says_what_is_in_the_way_and_whose_it_is(home: Path) -> None:
    done = run("close", "check", "2026-08")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[1].split()[:2] == ["NO", "rolled"]
    assert any(line.startswith("no") and "seals" in line and "Audit" in line for line in lines)
    assert lines[-1].startswith("2026-08 cannot be closed: rolled, ")
    assert "month: got 7 characters" in str(run("close", "check", "2026-00").exception)


def test_a_close_needs_somebody_who_is_signed_in_and_nothing_hard_in_the_way(home: Path, url: str) -> None:
    assert "nobody is signed in here" in str(run("close", "month", "2026-08").exception)
    sit_down(url, home, LIN)
    assert "rolled: Every business date is rolled" in str(run("close", "month", "2026-08").exception)
    wrong = run("close", "month", "2026-08", "--except", "rolled", "--reason", "because")
    assert "except: got rolled" in str(wrong.exception)


def test_the_books_and_the_package_are_written_for_who_is_signed_in(home: Path, url: str) -> None:
    out, dates = home / "books", ("--from", str(YESTERDAY), "--to", str(TODAY))
    assert "nobody is signed in here" in str(
        run("books", "export", "--month", "2026-08", "--out", str(out)).exception
    )
    sit_down(url, home, LIN)
    done = run("books", "export", "--month", "2026-08", "--out", str(out))
    assert done.exception is None, done.exception
    assert done.stdout.splitlines()[-1].endswith(f"vouchers of 2026-08 in 9 files in {out}")
    key = run("inspection", "key").stdout
    made = run("inspection", "export", *dates, "--out", str(home / "package"))
    assert made.exit_code == 0, made.exception
    digest = key.split("sha256 ")[1].strip()
    assert digest in made.stdout
    command = [sys.executable, "-I", str(home / "package" / "verify.py")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, digest in said.stdout) == (0, True), said.stdout
    again = run("inspection", "export", *dates, "--out", str(home / "package"))
    assert "an empty or new folder" in str(again.exception)
