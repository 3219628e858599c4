"""A person brings a channel's file: it is stored and reconciled like one that was fetched, and twice is once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bills import Trade, wechat
from tests.clock import SetClock
from tests.people import LIN
from tests.treasury import DAY, Treasury, treasury
from zhangfang.bills import SHIPPED, Bill, read_file
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import State
from zhangfang.reconciliation import bring_file


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
    assert (await house.now(good)).matched_on == DAY
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
    with pytest.raises(InvalidInput, match="file: got other bytes"):
        await bring_file(house.desk, "unionpay", DAY, other, "bill.csv", LIN)
    acts = await house.pool.fetch("SELECT operator, act, target FROM operator_act ORDER BY seq")
    assert ("lin", "take file", f"unionpay/{DAY}") in [tuple(row) for row in acts]
