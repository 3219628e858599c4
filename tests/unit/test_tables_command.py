"""The commands for the tables: what they print, what they refuse, and with which exit code."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from tests.clock import SetClock
from tests.people import LIN, WANG, sit_down
from tests.routing import CARD, pay
from zhangfang.cli.main import app
from zhangfang.kernel.database import connect
from zhangfang.vault.keyfile import create_key_file


@pytest.fixture
def home(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", database_url)
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "cmb.json").write_text("{}")
    sit_down(database_url, tmp_path, LIN)
    return tmp_path


def run(*typed: str, group: str = "tables") -> Result:
    return CliRunner().invoke(app, [group, *typed])


def test_a_table_is_exported_changed_and_released_by_two_people_and_taken_back(
    home: Path, database_url: str
) -> None:
    file = home / "types.csv"
    assert run("export", "--kind", "account_types", "--file", str(file)).exit_code == 0
    with file.open("a", encoding="utf-8") as more:
        more.write("cmb,payout,corporate,basic2,corporate,allowed,,,G\n")
    proposed = run("propose", "--kind", "account_types", "--file", str(file), "--reason", "new")
    assert proposed.output.startswith("release 1 of account_types is a draft")
    assert "replayed: it may become a canary" in run("replay", "1").output
    assert run("canary", "1", "--share", "5").exit_code == 0
    assert "canary 5 %" in run("history").output
    create_key_file(home / "vault.json")
    (home / "channels" / "cmb.json").unlink()  # an approval opens every channel, and this one is empty
    id_, hash_, *_ = run("list", group="proposals").output.splitlines()[1].split()
    own = run("approve", id_, hash_, group="proposals")
    assert "lin proposed this; another person has to approve it" in str(own.exception)
    sit_down(database_url, home, WANG)
    other = run("approve", id_, "0" * 16, group="proposals")
    assert "it changed since you looked at it" in str(other.exception)
    for _ in range(2):
        done = run("approve", id_, hash_, group="proposals")
        assert done.output == "approved by wang: release 1 is live\n"
    shown = run("show", "--kind", "account_types")
    assert "basic2" in shown.output
    assert "basic2" not in run("show", "--kind", "account_types", "--version", "0").output
    assert run("export", "--kind", "account_types").output == file.read_text("utf-8")
    back = run("rollback", "--kind", "account_types", "--reason", "oh")
    assert back.output == "account_types: the table that ships is live\n"
    assert "ended by wang: oh" in run("history", "--kind", "account_types").output


async def one_payout(url: str, clock: SetClock) -> None:
    pool: asyncpg.Pool = await connect(url, 2)
    await pay(pool, clock, "payout", CARD, "cmb")
    await pool.close()


def test_a_replay_that_breaks_orders_says_which_and_ends_with_1(
    home: Path, database_url: str, clock: SetClock
) -> None:
    asyncio.run(one_payout(database_url, clock))
    lines = run("export", "--kind", "account_types").output.splitlines(keepends=True)
    file = home / "bad.csv"
    file.write_text("".join(line for line in lines if not line.startswith("cmb,payout,personal,I,card,")))
    run("propose", "--kind", "account_types", "--file", str(file))
    rejected = run("replay", "1")
    assert rejected.exit_code == 1
    assert "1 that went would park" in rejected.output
    assert "payout 123.00 personal/I/card: account type personal/I/card is in no table" in rejected.output
    assert rejected.output.endswith("rejected\n")


def test_what_is_wrong_is_one_clear_line_and_exit_code_2(home: Path) -> None:
    wrong = {
        "replay 7": "version: got 7; allowed: a release that `tables history` lists",
        "show --kind routes --version 7": "version: got 7; allowed: a release of routes",
        "canary 7 --share 100": "share: got a number out of range; allowed: 1 to 99",
        "rollback --kind routes": "routes: the table that ships is live",
        "propose --kind routes --file no": "--file: got No such file or directory",
        "replay x": "VERSION",
        "show --kind prices": "--kind",
    }
    for typed, says in wrong.items():
        answer = run(*typed.split())
        assert answer.exit_code == 2, typed
        assert says in answer.output, typed


def test_a_csv_with_wrong_rows_is_refused_with_each_line_and_column(home: Path) -> None:
    file = home / "routes.csv"
    good = run("export", "--kind", "routes").output.splitlines()
    wrong = good[1].replace("purchase", "refund"), good[2].replace("24:00", "25:00"), good[3] + ",more"
    file.write_text("\n".join([good[0], *wrong]))
    answer = run("propose", "--kind", "routes", "--file", str(file))
    assert answer.exit_code == 2
    assert (
        "line 2: operation: got 6 characters; allowed: one of purchase, collection, payout" in answer.output
    )
    assert "line 3: closes: got 5 characters; allowed: HH:MM in China time" in answer.output
    assert "line 4: row: got 15 fields; allowed: 14" in answer.output
    assert len(run("history").output.splitlines()) == 1, "only the heading"
    for data, said in ((b"a\xff", "bytes that are not UTF-8"), (b"PK\x03\x04\x14", "a workbook (XLSX)")):
        file.write_bytes(data)
        assert said in run("propose", "--kind", "routes", "--file", str(file)).output
