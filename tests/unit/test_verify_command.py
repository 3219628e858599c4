"""The command `verify`: where it reads, what it prints, and what it says when it cannot read."""

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest

from tests.unit.verify_world import connected, play
from zhangfang_audit.__main__ import main
from zhangfang_audit.verify.report import Bar


async def verified(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["verify", *arguments])


@pytest.fixture
async def history_url(database_url: str, tmp_path: Path) -> str:
    """Return a database with a right history in shard 0, and the head of an empty shard 1."""
    async with connected(database_url) as connection:
        await play(connection, database_url, tmp_path)
        await connection.execute("INSERT INTO head (shard, epoch, seq, at) VALUES (1, 1, 0, 'epoch')")
    return database_url


async def test_a_table_of_checks_is_printed_for_each_shard(
    history_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verified("--database", history_url) == 0
    printed = capsys.readouterr()
    assert "shard 0: 36 entries, 6 accounts, 2 holds open, 2 refusals" in " ".join(printed.out.split())
    assert "shard 1: 0 entries" in printed.out
    assert printed.out.count("余额重算") == 2
    assert "账平" in printed.out
    assert printed.err == ""  # no progress bar where there is no terminal


async def test_a_difference_is_printed_with_its_transfer(
    history_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(history_url) as connection:
        update = (
            "UPDATE transfer SET debit_balance = debit_balance + 1 WHERE seq = 4 RETURNING id, debit_balance"
        )
        id_, stored = await connection.fetchrow(update)
    assert await verified("--database", history_url) == 1
    out = capsys.readouterr().out
    line = f"balances: seq 4 {id_} debit_balance: is {stored}, should be {stored - 1}"
    assert line in " ".join(out.split())  # lines are wrapped
    assert "账不平" in out


async def test_one_shard_can_be_asked_for_and_the_json_has_what_was_printed(
    history_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    assert await verified("--database", history_url, "--shard", "1", "--json", str(out)) == 0
    found = json.loads(out.read_text())
    assert found["ok"]
    assert [(one["shard"], one["rows"], one["ok"]) for one in found["shards"]] == [(1, 0, True)]
    assert found["shards"][0]["checks"]["limits"] == {"differences": 0, "lines": []}
    assert found["shards"][0]["seconds"] >= 0


async def test_the_home_folder_says_where_the_database_is(
    history_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZHANGFANG_DATABASE_URL", raising=False)
    (tmp_path / "database-url").write_text(history_url + "\n")
    assert await verified("--home", str(tmp_path)) == 0


async def test_a_shard_without_a_head_cannot_be_verified(
    history_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verified("--database", history_url, "--shard", "7") == 2
    assert capsys.readouterr().err == "cannot verify: shard 7: it has no head; allowed: 0, 1\n"


async def test_entries_of_a_shard_that_lost_its_head_are_not_passed_over(
    history_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(history_url) as connection:
        await connection.execute("DELETE FROM head WHERE shard = 0; DELETE FROM account")
    assert await verified("--database", history_url) == 2
    assert "shard 0: it has no head; allowed: 1" in capsys.readouterr().err


async def test_a_database_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert await verified("--database", "postgresql://nobody@/nothing?host=/nowhere") == 2
    assert capsys.readouterr().err.startswith("cannot verify: database: ")


async def test_a_database_without_a_ledger_is_said(
    empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verified("--database", empty_database_url) == 2
    assert (
        capsys.readouterr().err
        == "cannot verify: database: it has no ledger; allowed: migration 9 or later\n"
    )


async def test_an_older_schema_is_said(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with connected(database_url) as connection:
        await connection.execute("DELETE FROM schema_migration WHERE number > 8")
    assert await verified("--database", database_url) == 2
    assert "the schema of migration 8; allowed: migration 9 or later" in capsys.readouterr().err


async def test_a_table_that_is_not_as_expected_is_said(
    history_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(history_url) as connection:
        await connection.execute("ALTER TABLE transfer ALTER COLUMN timeout TYPE integer")
    assert await verified("--database", history_url) == 2
    assert "table transfer has other columns than the ones known" in capsys.readouterr().err


async def test_a_file_that_cannot_be_written_is_said(
    history_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verified("--database", history_url, "--json", "/nowhere/out.json") == 2
    assert "--json /nowhere/out.json" in capsys.readouterr().err


def test_a_bar_moves_on_stderr_where_that_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bar() as bar:
        bar(3, 50, 200)
    assert "shard 3" in terminal.getvalue()
    assert "50/200" in terminal.getvalue()
