"""The tables in the documents agree with the data, cell by cell."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "render-tables"
REFERENCE = ROOT / "docs" / "reference"


def run(script: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), *more], capture_output=True, text=True, check=False, encoding="utf-8"
    )


def test_the_documents_show_what_the_data_says() -> None:
    done = run(SCRIPT, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Make a small copy of the repository with the script, its pages and their data; return its folder."""
    data = tmp_path / "src" / "zhangfang" / "routing" / "data"
    for folder in (data, tmp_path / "scripts", tmp_path / "docs" / "reference"):
        folder.mkdir(parents=True)
    (tmp_path / "scripts" / "render-tables").write_text(SCRIPT.read_text("utf-8"), "utf-8")
    for name in ("account_types.csv", "routes.csv"):
        source = ROOT / "src" / "zhangfang" / "routing" / "data" / name
        (data / name).write_text(source.read_text("utf-8"), "utf-8")
    for name in ("account-types.md", "routing.md", "codes.md"):
        text = (REFERENCE / name).read_text("utf-8")
        (tmp_path / "docs" / "reference" / name).write_text(text, "utf-8")
    return tmp_path


def test_a_page_that_is_behind_its_data_is_named_and_rewritten(copy: Path) -> None:
    script, page = copy / "scripts" / "render-tables", copy / "docs" / "reference" / "account-types.md"
    run(script)
    assert run(script, "--check").returncode == 0
    data = copy / "src" / "zhangfang" / "routing" / "data" / "account_types.csv"
    row = "cmb,payout,personal,III,card,allowed,200000,,K"
    data.write_text(data.read_text("utf-8").replace(row, row.replace("200000", "150001")), "utf-8")
    stale = run(script, "--check")
    assert (stale.returncode, stale.stdout.split(":")[0]) == (1, "account-types.md")
    assert "≤ 1,500.01" not in page.read_text("utf-8")
    run(script)
    assert page.read_text("utf-8").count("yes, ≤ 1,500.01 [K]") == 1


def test_every_cell_of_the_shipped_matrix_stands_in_the_page() -> None:
    with (ROOT / "src/zhangfang/routing/data/account_types.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    text = (REFERENCE / "account-types.md").read_text("utf-8").split("<!-- table: account_types -->")[1]
    marks = ("V", "K", "G")
    shown = {mark: text.count(f"yes [{mark}]") + text.count(f"no [{mark}]") for mark in marks}
    plain = [row for row in rows if not row["limit_fen"] and not row["bound_only"]]
    assert shown == {mark: sum(row["mark"] == mark for row in plain) for mark in marks}
    assert text.count("≤") + text.count("bound only") == len(rows) - len(plain)
