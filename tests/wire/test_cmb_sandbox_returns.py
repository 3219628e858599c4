"""Returned payments at the sandbox bank, and how its numbers and days are written."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cmb_sandbox_client import CHINA, Client, act, served_bank
from zhangfang_sandbox.cmb.payments import BusinessError
from zhangfang_sandbox.cmb.wire.fields import fen
from zhangfang_sandbox.common.accounts import yuan
from zhangfang_sandbox.common.times import next_working_day_at_ten, thirteen_months_before

OPENING = 100_000_00


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A bank whose clock stands at a Tuesday morning, with one enterprise."""
    async with served_bank(tmp_path) as client:
        await client.set_time("2026-09-01T10:00:00+08:00")
        await client.join(OPENING)
        yield client


async def returns(client: Client, first: str, last: str, **more: str) -> list[str]:
    query = {"accNbr": client.account, "bgnDat": first, "endDat": last, **more}
    found: list[str] = []
    while True:
        body = await client.good("BB1PAYQB", {"bb1payqby1": [query]})
        found += [row["yurRef"] for row in body["bb1payqbz1"]]
        if "bb1payqby1" not in body:
            return found
        (query,) = body["bb1payqby1"]


async def test_returned_payments_are_listed_by_the_day_of_the_payment(client: Client) -> None:
    for yur_ref, channel in (("P1", "Q"), ("P2", "R"), ("P3", "")):
        await client.pay(yur_ref, stlChn=channel)
    await client.wait(days=1)
    for yur_ref in ("P1", "P2", "P3"):
        await act(client, yur_ref, "FIN", "B")
    await client.pay("P4")
    assert await returns(client, "20260901", "20260901") == ["P1", "P3"]
    assert await returns(client, "20260902", "20260902") == []
    number = (await client.query("P3"))[0]["reqNbr"]
    assert await returns(client, "20260831", "20260930", reqNbr=number) == ["P3"]


async def test_a_long_list_of_returns_comes_in_pages(client: Client) -> None:
    for first in range(0, 230, 46):
        body = client.payment("x", "0.01")
        item = body["bb1payopx1"][0]
        body["bb1payopx1"] = [{**item, "yurRef": f"P{first + n}"} for n in range(46)]
        await client.good("BB1PAYOP", body)
    for n in range(230):
        await act(client, f"P{n}", "FIN", "B")
    found = await returns(client, "20260901", "20260901")
    assert found == [f"P{n}" for n in range(230)]
    assert await client.balance() == OPENING


@given(st.integers(1, 10**15 - 1))
def test_fen_and_yuan_are_each_others_inverse(amount: int) -> None:
    assert fen({"trsAmt": yuan(amount)}) == amount


@given(st.text(alphabet="0123456789.-+eE, １", max_size=20))
def test_an_amount_is_read_exactly_or_refused(text: str) -> None:
    try:
        amount = fen({"trsAmt": text})
    except BusinessError:
        return
    assert Decimal(text) * 100 == amount > 0


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_the_next_working_day_is_after_and_never_on_a_weekend(naive: datetime) -> None:
    moment = naive.replace(tzinfo=CHINA)
    day = next_working_day_at_ten(moment)
    assert (day.hour, day.isoweekday() <= 5) == (10, True)
    assert timedelta() < day.date() - moment.date() <= timedelta(days=3)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)))
def test_thirteen_months_before_exists_for_every_day(naive: datetime) -> None:
    moment = naive.replace(tzinfo=CHINA)
    before = thirteen_months_before(moment)
    assert (moment.year * 12 + moment.month) - (before.year * 12 + before.month) == 13
    assert before.day in (moment.day, 1)
