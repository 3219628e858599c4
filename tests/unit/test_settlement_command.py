"""What comes next for a merchant, and a run by a person, from the shell."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.clock import SetClock
from tests.people import LIN, sit_down
from tests.treasury import DAY, at, treasury
from zhangfang import channels
from zhangfang.cli.main import app
from zhangfang.kernel.settings import Settings
from zhangfang.vault import create_key_file


async def typed(*words: str) -> tuple[int, str]:
    answer = await asyncio.to_thread(CliRunner().invoke, app, list(words))
    return answer.exit_code, f"{answer.output}{answer.exception or ''}"


async def test_what_comes_next_and_a_run_are_there_from_the_shell(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", database_url)
    monkeypatch.setattr(channels, "open_channels", lambda *_: {})
    create_key_file(Settings(home=tmp_path).key_file)
    await asyncio.to_thread(sit_down, database_url, tmp_path, LIN)
    async with treasury(database_url, clock) as house:
        clock.set(at(DAY, 12))
        merchant = await house.merchant()
        await house.arrived(merchant, 1000)
        await house.paid(merchant, 2000)
        code, said = await typed("settlement", "next", merchant.id)
        assert code == 0, said
        assert [line.split() for line in said.splitlines()] == [
            ["cycle", "T+1", "all", "else"],
            ["due", "2026-09-02", "1", "lines,", "waits", "for", "file", "or", "money", "19.88"],
            ["due", "2026-09-02", "1", "lines", "9.94"],
        ]
        code, said = await typed("settlement", "next", "mer_x")
        assert code != 0
        code, said = await typed("settlement", "run", "--date", "2999-01-01")
        assert (code != 0, "or earlier" in said) == (True, True), said
