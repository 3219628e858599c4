"""A bank line that pays several files at once, by a declared rule: one set of files or none, and never twice."""

import contextlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import combinations, count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import ALIAS, DAY, NEXT, Cut, Treasury, at, cut_off, listed, stray, treasury
from zhangfang.kernel.errors import InvalidInput
from zhangfang.reconciliation import MatchRule, approve_rule, list_rules, propose_rule, read
from zhangfang.reconciliation.combining import MOST, SHOWN, combinations_of

THIRD = NEXT + timedelta(days=1)
RULE = MatchRule(ALIAS, ("unionpay",), "clearing house", 3)


@given(st.lists(st.integers(-9, 9), max_size=9), st.integers(-20, 20))
def test_every_set_that_comes_to_the_total_is_found(amounts: list[int], total: int) -> None:
    """Against plain enumeration: as many as there are, up to the bound, and each one right."""
    every = {
        one
        for size in range(1, len(amounts) + 1)
        for one in combinations(range(len(amounts)), size)
        if sum(amounts[n] for n in one) == total
    }
    found = combinations_of(amounts, total)
    assert len(found) == len(set(found)) == min(len(every), SHOWN)
    assert set(found) <= every


def test_the_search_is_bounded() -> None:
    assert len(combinations_of([1] * MOST, MOST // 2)) == SHOWN
    with pytest.raises(ValueError, match="at most"):
        combinations_of([1] * (MOST + 1), 1)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def ruled(house: Treasury, rule: MatchRule = RULE) -> None:
    made = await propose_rule(
        house.pool, house.clock, rule, ("unionpay",), LIN, "they pay several days at once"
    )
    await approve_rule(house.pool, house.clock, *await seen(house.pool, made), WANG)


async def file(house: Treasury, day: date, *amounts: int, fee: int = 3) -> None:
    """Let a day's file list new payments (or refunds of nobody, below zero)."""
    merchant = await house.merchant()
    numbers = count(1)
    lines = [
        listed(next(numbers), await house.paid(merchant, fen, day), fee=fee) if fen > 0
        else stray(next(numbers), -fen, credit=False, fee=fee)
        for fen in amounts
    ]  # fmt: skip
    await house.filed(day, lines)


async def test_a_line_pays_two_days_less_their_fees_and_once_only(house: Treasury) -> None:
    await ruled(house)
    await file(house, DAY, 10_000)
    await file(house, NEXT, 500, 70)
    await file(house, THIRD, 4_000)
    house.on_bank(9_997 + 564, text="ＣＬＥＡＲＩＮＧ HOUSE transfer", day=THIRD)
    for after in range(12):
        with contextlib.suppress(Cut):
            await read(cut_off(house.desk, after), house.account)
    for _ in range(2):
        assert await house.read() == 0
    assert await house.breaks() == []
    assert await house.balances(1003, 1241, 3012) == (10_561, 9, 4_000)
    (rule,) = await list_rules(house.pool)
    rows = await house.pool.fetch("SELECT settle_date, rule, sequence FROM bank_match ORDER BY settle_date")
    assert [tuple(row) for row in rows] == [(DAY, rule["id"], "1"), (NEXT, rule["id"], "1")]
    arrived = await house.pool.fetch("SELECT settle_date FROM channel_file WHERE arrived_at IS NOT NULL")
    assert {row["settle_date"] for row in arrived} == {DAY, NEXT}
    house.on_bank(3_997, text="clearing house transfer", day=THIRD)
    assert await house.read() == 0
    assert await house.balances(1003, 3012) == (14_558, 0)


async def test_a_day_below_zero_is_set_off_in_the_same_line(house: Treasury) -> None:
    await ruled(house)
    await file(house, DAY, 10_000, fee=0)
    await file(house, NEXT, -2_500, fee=0)
    house.on_bank(7_500, text="clearing house", day=THIRD)
    assert await house.read() == 0
    assert await house.balances(1003, 3012) == (7_500, 0)


async def test_several_possible_sets_are_a_break_that_lists_them(house: Treasury) -> None:
    await ruled(house)
    await file(house, DAY, 900)
    await file(house, NEXT, 900)
    house.on_bank(897, text="clearing house", day=THIRD)
    assert await house.read() == 0
    row = await house.one_break()
    assert row["class"] == "unknown_receipt"
    assert row["note"] == f"it may pay: unionpay {DAY}; or unionpay {NEXT}"
    assert await house.balances(1003, 2352, 3012) == (897, -897, 1_800)


@pytest.mark.parametrize(
    ("fen", "text", "day"),
    [(996, "clearing house", NEXT), (997, "another house", NEXT), (997, "clearing house", DAY + timedelta(days=4))],
)  # fmt: skip
async def test_another_sum_another_text_and_another_date_are_unknown(
    house: Treasury, fen: int, text: str, day: date
) -> None:
    await ruled(house)
    await file(house, DAY, 1_000)
    house.clock.set(at(day + timedelta(days=4), 12))
    house.on_bank(fen, text=text, day=day)
    assert await house.read() == 0
    assert (await house.one_break())["class"] == "unknown_receipt"


async def test_a_line_waits_for_its_file_as_long_as_the_rule_reaches(house: Treasury) -> None:
    await ruled(house)
    house.clock.set(at(NEXT, 12))
    house.on_bank(997, text="clearing house", day=NEXT)
    assert await house.read() == 1
    await file(house, DAY, 1_000)
    assert await house.read() == 0
    assert await house.breaks() == []
    house.on_bank(555, text="clearing house", day=NEXT)
    assert await house.read() == 1
    house.clock.set(at(NEXT + timedelta(days=4), 12))
    assert await house.read() == 0
    assert (await house.one_break())["difference"] == 555


async def test_a_rule_that_has_ended_matches_nothing(house: Treasury) -> None:
    await ruled(house)
    (rule,) = await list_rules(house.pool)
    await ruled(house, MatchRule(ends=str(rule["id"])))
    await file(house, DAY, 1_000)
    house.on_bank(997, text="clearing house")
    assert await house.read() == 0
    assert (await house.one_break())["class"] == "unknown_receipt"
    with pytest.raises(InvalidInput, match="ends: got no rule"):
        await ruled(house, MatchRule(ends=str(rule["id"])))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"says": " x "}, "says"), ({"channels": ()}, "channels"), ({"channels": ("other",)}, "channels"),
     ({"days": 32}, "days"), ({"alias": ""}, "alias"), ({"channels": ("unionpay", "unionpay")}, "channels")],
)  # fmt: skip
async def test_a_rule_out_of_bounds_is_refused_by_its_field(house: Treasury, wrong: Any, field: str) -> None:
    made = {"alias": ALIAS, "channels": ("unionpay",), "says": "clearing", "days": 3} | wrong
    with pytest.raises(InvalidInput, match=field):
        await propose_rule(house.pool, house.clock, MatchRule(**made), ("unionpay",), LIN, "a good reason")
