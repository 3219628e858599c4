"""A person brings a channel's file: it is stored and reconciled like one that was fetched, and twice is once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from typer.testing import CliRunner, Result

from tests.bills import Trade, wechat
from tests.clock import SetClock
from tests.people import LIN, WANG, seen, sit_down
from tests.treasury import DAY, Treasury, treasury
from zhangfang.approvals import SecondPerson, proposals
from zhangfang.bills import SHIPPED, Bill, approve_map, live_map, map_versions, propose_map, read_file
from zhangfang.cli.main import app
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import State
from zhangfang.reconciliation import VERSION, approve_version, bring_file, differences


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def billed(folder: Path, *trades: Trade) -> Bill:
    source = folder / "bill.csv"
    await asyncio.to_thread(source.write_text, wechat(trades), "utf-8")
    return await asyncio.to_thread(read_file, source, SHIPPED["wechat"], DAY, folder / "lines.csv")


async def test_a_file_that_a_person_brings_is_matched_and_booked_once(
    house: Treasury, tmp_path: Path
) -> None:
    merchant = await house.merchant()
    good, open_ = await house.paid(merchant, 10_000), await house.asked(merchant, 3_000)
    bill = await billed(
        tmp_path,
        Trade(good.channel_order_no, 10_000, 60),
        Trade(open_.channel_order_no, 3_000),
        Trade("stray", 5),
    )
    done = await bring_file(house.desk, "unionpay", DAY, bill, "bill.csv", LIN)
    assert done == "3 lines are taken"
    assert await house.listed_on(good) == [DAY]
    assert (await house.now(open_)).state is State.SUCCESS, "the file is evidence"
    assert [(row["class"], row["theirs"]) for row in await house.breaks()] == [("missing_here", 5)]
    assert await house.balances(3012, 2351) == (13_005, -5)
    entries = await house.last_entry()
    assert (
        await bring_file(house.desk, "unionpay", DAY, bill, "bill.csv", LIN)
        == "it was taken before, and changes nothing"
    )
    assert await house.last_entry() == entries
    other = await billed(tmp_path, Trade(good.channel_order_no, 10_001, 60))
    said = await bring_file(house.desk, "unionpay", DAY, other, "corrected.csv", LIN)
    assert said.startswith("other bytes than bill.csv: proposed as prp_")
    assert await house.last_entry() == entries, "nothing moves before another person approves the differences"
    (waiting,) = await proposals(house.pool, kind=VERSION)
    lines = await differences(house.pool, waiting.id)
    assert sorted((one["what"], one["amount"]) for one in lines) == [
        ("added", 10_001), ("gone", 5), ("gone", 3_000), ("gone", 10_000),
    ]  # fmt: skip
    await approve_version(house.desk, waiting.id, waiting.seen, WANG)
    assert {row["theirs"] for row in await house.breaks() if row["cleared_at"] is None} == {10_001, None}
    assert "changes nothing" in await bring_file(house.desk, "unionpay", DAY, other, "corrected.csv", LIN)
    acts = await house.pool.fetch("SELECT operator, act, target FROM operator_act ORDER BY seq")
    assert ("lin", "take file", f"unionpay/{DAY}") in [tuple(row) for row in acts]


def test_the_commands_take_a_file_and_release_a_map(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", database_url)
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    sit_down(database_url, tmp_path, LIN)
    shown = run("map", "wechat")
    assert '"交易时间"' in shown.output
    file = tmp_path / "map.json"
    file.write_text(shown.output.replace('"wechat"', '"ours"'), "utf-8")
    assert run("propose", str(file), "--reason", "a new contract").output.startswith(
        "version 1 of the map ours is proposed as prp_"
    )
    assert isinstance(run("map", "ours").exception, InvalidInput), "a draft reads nothing"
    listed = run("maps").output.splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [
        ["ours", "1", "draft"],
        ["alipay", "0", "live"],
        ["wechat", "0", "live"],
    ]
    asked = run(
        "take", str(file), "--channel", "unionpay", "--date", "2026-09-01", "--map", "ours", "--count", "1"
    )
    assert "--count and --sum: got one of them; allowed: both or neither" in str(asked.exception)


def run(*typed: str) -> Result:
    return CliRunner().invoke(app, ["files", *typed])


async def test_a_map_that_another_person_approved_is_live_and_the_next_one_takes_its_place(
    house: Treasury,
) -> None:
    text = msgspec.json.encode(msgspec.structs.replace(SHIPPED["wechat"], strip="'"))
    for version in (1, 2):
        made = await propose_map(house.pool, house.clock, text, LIN, "a new contract")
        assert made.version == version
        with pytest.raises(SecondPerson):
            await approve_map(
                house.pool, house.clock, *await seen(house.pool, made.proposal or UUID(int=0)), LIN
            )
        await approve_map(
            house.pool, house.clock, *await seen(house.pool, made.proposal or UUID(int=0)), WANG
        )
    assert (await live_map(house.pool, "wechat")).strip == "'"
    states = [(one.version, one.state) for one in await map_versions(house.pool) if one.map.name == "wechat"]
    assert states == [(2, "live"), (1, "retired"), (0, "retired")]
