"""`zhangfang batches`: a file goes in by its control totals, and comes out as results."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.batch_bank import batch_bank, settle_down
from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from zhangfang.cli.money import batches
from zhangfang.kernel.clock import set_clock
from zhangfang.kernel.errors import ZhangfangError


@pytest.fixture
async def shop(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", database_url)
    set_clock(tmp_path / "clock.json", clock.now())
    async with open_shop(database_url, tmp_path, clock) as shop:
        yield shop


async def typed(*words: str) -> Any:
    """Type a command, in a thread: it runs a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, batches.app, list(words))


async def test_a_file_goes_in_once_is_watched_and_its_results_are_written(shop: Shop, tmp_path: Path) -> None:
    merchant = await shop.merchant()
    batch_bank(shop)
    file, out = tmp_path / "rent.csv", tmp_path / "out.csv"
    rows = [f"O-{n},{100 + n},{PAYER.number},{PAYER.name}\n" for n in range(8)]
    file.write_text("order_no,amount,number,name\n" + "".join(rows))
    words = ["submit", str(file), "--merchant", merchant.id, "--number", "B-1", "--amount", "828"]
    wrong = await typed(*words, "--count", "9")
    assert wrong.exit_code == 1
    assert "announced 9" in str(wrong.exception)
    done = await typed(*words, "--count", "8")
    assert done.stdout.rstrip().endswith("8 items, 8.28 yuan, accepted"), done.exception
    assert (await typed(*words, "--count", "8")).stdout.rstrip().endswith("handed in before")
    id_ = done.stdout.split(":")[0]
    assert "WAITING           8              8.28" in (await typed("show", id_)).stdout
    await settle_down(shop)
    shown = await typed("show", id_, "--wait")
    assert "FINISHED" in shown.stdout
    assert "SUCCESS           8" in shown.stdout
    assert (await typed("results", id_, "--out", str(out))).exit_code == 0
    assert len(out.read_text().splitlines()) == 9
    again = await typed("results", id_, "--out", str(out))
    assert isinstance(again.exception, ZhangfangError)
    missing = await typed("submit", str(tmp_path / "no.csv"), *words[2:], "--count", "8")
    assert isinstance(missing.exception, ZhangfangError)
