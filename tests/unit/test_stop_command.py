"""The stop switches work from the shell, for operations that there are."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import AsyncMock

import asyncpg
import pytest
from typer.testing import CliRunner

from tests.people import LIN, sit_down
from zhangfang import channels
from zhangfang.channels.port import Operation
from zhangfang.cli.main import app


@pytest.fixture
def _home(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up a platform that has one channel, which takes collections alone."""
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", database_url)
    unionpay = SimpleNamespace(rules={Operation.COLLECTION: None}, close=AsyncMock())
    sit_down(database_url, tmp_path, LIN)
    monkeypatch.setattr(channels, "open_channels", lambda *_: {"unionpay": unionpay})


async def typed(*words: str) -> tuple[int, str]:
    answer = await asyncio.to_thread(CliRunner().invoke, app, list(words))
    return answer.exit_code, f"{answer.output}{answer.exception or ''}"


@pytest.mark.usefixtures("_home")
async def test_an_operation_is_stopped_and_opened_from_the_shell_and_both_are_recorded(
    database_url: str,
) -> None:
    assert (await typed("stop", "unionpay", "collection", "--reason", "they are down"))[0] == 0
    db = await asyncpg.connect(database_url)
    try:
        (row,) = await db.fetch("SELECT channel, operation, reason, stopped_by FROM channel_stop")
        assert tuple(row)[:3] == ("unionpay", "collection", "they are down")
        assert (await typed("open", "unionpay", "collection", "--reason", "a slip"))[0] == 0
        assert await db.fetchval("SELECT count(*) FROM channel_stop") == 0
        acts = await db.fetch("SELECT act, operator FROM operator_act ORDER BY id")
        assert [tuple(act) for act in acts] == [("stop", row["stopped_by"]), ("open", row["stopped_by"])]
    finally:
        await db.close()


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("unionpai", "collection"), "CHANNEL: got unionpai; allowed: one that is set up: unionpay"),
        (("unionpay", "payout"), "OPERATION: got payout; allowed: of unionpay: collection"),
    ],
)
async def test_a_slip_of_the_pen_is_refused_and_not_taken_for_a_stop(
    words: tuple[str, str], said: str
) -> None:
    code, text = await typed("stop", *words, "--reason", "they are down")
    assert code == 1
    assert said in text
