"""Bank lines that pay files together, by a declared rule: one solution or none, and never twice."""

import contextlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import combinations, count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import ALIAS, DAY, NEXT, Cut, Treasury, at, cut_off, listed, stray, treasury
from zhangfang.kernel.errors import InvalidInput
from zhangfang.reconciliation import MatchRule, approve_rule, list_rules, propose_rule, read
from zhangfang.reconciliation.bank.combining import MOST, SHOWN, clear, combinations_of, pairs, parts

THIRD = NEXT + timedelta(days=1)
RULE = MatchRule(ALIAS, ("unionpay",), "clearing house", 3)
TOGETHER = replace(RULE, lines=3, apart=1)


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


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3), st.lists(st.integers(-3, 8).filter(bool), max_size=6)
)
def test_lines_pay_what_plain_enumeration_says(lines: list[int], files: list[int]) -> None:
    """All numbers of first lines, with all sets of files: the only solution, up to more lines for more of the same."""
    every = [
        (n, frozenset(one))
        for n in range(1, len(lines) + 1)
        for size in range(1, len(files) + 1)
        for one in combinations(range(len(files)), size)
        if sum(lines[:n]) == sum(files[at] for at in one)
    ]
    found = pairs(lines, files)
    assert bool(found) == bool(every)
    if found:
        first = every[0]  # of the fewest lines
        only = all(first[1] <= places for _, places in every)
        assert clear(found) == only
        assert not only or (found[0][0], frozenset(found[0][1])) == first


@given(st.data())
def test_parts_pay_each_line_and_each_file_in_full_to_the_fen(data: st.DataObject) -> None:
    files = data.draw(st.lists(st.integers(-500, 900).filter(bool), min_size=1, max_size=6))
    sign = 1 if sum(files) > 0 else -1
    if not sum(files):
        return
    cuts = data.draw(st.lists(st.integers(1, abs(sum(files))), max_size=4).map(sorted))
    ends = [0, *cuts, abs(sum(files))]
    lines = [sign * (b - a) for a, b in pairwise(ends) if b > a]
    made = parts(lines, files)
    assert [sum(fen for line, _, fen in made if line == n) for n in range(len(lines))] == lines
    assert [sum(fen for _, file, fen in made if file == n) for n in range(len(files))] == files
    assert all(fen for *_, fen in made)
    assert len({(line, file) for line, file, _ in made}) == len(made) < len(lines) + len(files)
    assert made == sorted(made, key=lambda part: part[:2])
    last = {file: line for line, file, _ in made}
    open_ended = [line for line, file, _ in made if last[file] != line]
    assert len(open_ended) == len(set(open_ended)), "a line's own voucher books one part at most"
    if all(fen * sign > 0 for fen in files):
        assert all(fen * sign > 0 for *_, fen in made)


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


async def test_two_lines_pay_one_day_each_on_its_own_date(house: Treasury) -> None:
    await ruled(house, TOGETHER)
    await file(house, DAY, 10_000)
    house.clock.set(at(NEXT, 12))
    house.on_bank(4_000, text="clearing house 1/2", day=NEXT)
    assert await house.read() == 1, "the rest may come until the next day"
    house.on_bank(700, text="租金", day=NEXT)
    house.clock.set(at(THIRD, 12))
    house.on_bank(5_997, text="clearing house 2/2", day=THIRD)
    for after in range(14):
        with contextlib.suppress(Cut):
            await read(cut_off(house.desk, after), house.account)
    assert await house.read() == 0
    assert [row["class"] for row in await house.breaks()] == ["unknown_receipt"], "that of another line"
    assert await house.balances(1003, 3012, 1241, 2352) == (10_697, 0, 3, -700)
    assert await cash(house) == {NEXT: 4_700, THIRD: 5_997}
    assert await house.pool.fetchval("SELECT arrived_seq FROM channel_file") == "3"
    entries = await house.last_entry()
    assert (await house.read(), await house.last_entry()) == (0, entries)


async def cash(house: Treasury) -> dict[date, int]:
    """Return what came by date, as the books say. The bank's own book must say the same."""
    rows = await house.pool.fetch(
        "SELECT t.business_date AS day, sum(CASE WHEN a.id = t.debit THEN t.amount ELSE -t.amount END)::bigint AS fen"
        " FROM transfer t JOIN account a ON a.id IN (t.debit, t.credit) WHERE a.code = 1003 GROUP BY 1 ORDER BY 1"
    )
    return {row["day"]: row["fen"] for row in rows}


async def test_two_days_in_one_line_and_the_rest_in_another(house: Treasury) -> None:
    await ruled(house, TOGETHER)
    await file(house, DAY, 1_000)
    await file(house, NEXT, 5_000)
    house.clock.set(at(THIRD, 12))
    house.on_bank(997 + 3_000, text="clearing house", day=THIRD)
    house.on_bank(1_997, text="clearing house", day=THIRD)
    assert await house.read() == 0
    assert (await house.breaks(), await house.balances(1003, 3012, 1241)) == ([], (5_994, 0, 6))
    (rule,) = await list_rules(house.pool)
    rows = await house.pool.fetch("SELECT settle_date, sequence FROM bank_match ORDER BY settle_date")
    assert ([tuple(row) for row in rows], rule["lines"]) == ([(DAY, "1"), (NEXT, "1")], 3)


async def test_a_day_that_is_debited_in_two_lines(house: Treasury) -> None:
    await ruled(house, TOGETHER)
    await file(house, DAY, -900, fee=0)
    await file(house, NEXT, 100, fee=0)
    house.clock.set(at(THIRD, 12))
    for fen in (-300, -500):
        house.on_bank(fen, text="clearing house", day=THIRD)
    assert await house.read() == 0
    assert await house.balances(1003, 3012, 1243) == (-800, 0, 0)


async def test_lines_wait_for_each_other_no_longer_than_the_rule_says(house: Treasury) -> None:
    await ruled(house, replace(TOGETHER, days=0))
    house.clock.set(at(NEXT, 12))
    house.on_bank(400, text="clearing house", day=NEXT)
    assert await house.read() == 1
    house.clock.set(at(THIRD, 23, 59))
    assert await house.read() == 1
    house.clock.set(at(THIRD + timedelta(days=1), 0))
    assert await house.read() == 0
    assert (await house.one_break())["difference"] == 400


async def test_more_lines_than_the_rule_allows_do_not_go_together(house: Treasury) -> None:
    await ruled(house, replace(TOGETHER, lines=2, days=1))
    await file(house, DAY, 1_000)
    house.clock.set(at(THIRD, 12))
    for fen in (300, 300, 397):
        house.on_bank(fen, text="clearing house", day=NEXT)
    assert await house.read() == 1, "the last may still get a further one"
    house.clock.set(at(THIRD + timedelta(days=2), 12))
    assert await house.read() == 0
    assert sorted(row["difference"] for row in await house.breaks()) == [300, 300, 397]


@pytest.mark.parametrize(("second", "alone"), [("clearing house 77", False), ("clearing house 78", True)])
async def test_lines_with_another_text_do_not_go_together_if_the_rule_says_so(
    house: Treasury, second: str, alone: bool
) -> None:
    await ruled(house, replace(TOGETHER, same_text=True, days=1))
    await file(house, DAY, 1_000)
    for fen, text in ((500, "clearing house 77"), (497, second)):
        house.on_bank(fen, text=text)
    house.clock.set(at(THIRD + timedelta(days=1), 12))
    assert await house.read() == 0
    assert sorted(row["difference"] for row in await house.breaks()) == [497, 500] * alone


async def test_one_line_or_two_for_different_files_are_a_break_that_lists_both(house: Treasury) -> None:
    await ruled(house, TOGETHER)
    await file(house, DAY, 403)
    await file(house, NEXT, 1_003)
    for fen in (400, 600):
        house.on_bank(fen, text="clearing house", day=THIRD)
    house.clock.set(at(THIRD + timedelta(days=4), 12))
    assert await house.read() == 0
    first, _ = sorted(await house.breaks(), key=lambda row: row["difference"])
    assert first["note"] == f"it may pay: unionpay {DAY}; or with the next 1 of its kind unionpay {NEXT}"
    assert await house.balances(1003, 2352) == (1_000, -1_000)


async def test_a_credit_and_a_debit_do_not_go_together(house: Treasury) -> None:
    await ruled(house, TOGETHER)
    await file(house, DAY, 1_000, fee=0)
    for fen in (1_400, -400):
        house.on_bank(fen, text="clearing house", day=NEXT)
    house.clock.set(at(THIRD + timedelta(days=4), 12))
    assert await house.read() == 0
    assert await house.balances(2352, 1243) == (-1_400, 400)


async def test_a_reversal_goes_with_nothing(house: Treasury) -> None:
    await ruled(house)
    await file(house, DAY, 1_000)
    house.on_bank(997, text="clearing house", reversal=True)
    assert await house.read() == 0
    assert (await house.one_break())["class"] == "unknown_receipt"


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


async def test_a_new_version_ends_the_one_that_it_replaces(house: Treasury) -> None:
    await ruled(house)
    (first,) = await list_rules(house.pool)
    await ruled(house, replace(TOGETHER, ends=str(first["id"])))
    (second,) = await list_rules(house.pool)
    assert (second["version"], second["replaces"], second["lines"]) == (2, first["id"], 3)
    told = [(row["version"], row["ended_by"]) for row in await list_rules(house.pool, every=True)]
    assert told == [(2, None), (1, "lin and wang")]
    await file(house, DAY, 1_000)
    house.on_bank(997, text="clearing house")
    await house.read()
    assert [row["files"] for row in await list_rules(house.pool, every=True)] == [1, 0]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"says": " x "}, "says"), ({"channels": ()}, "channels"), ({"channels": ("other",)}, "channels"),
     ({"days": 32}, "days"), ({"lines": 6}, "lines"), ({"lines": 2, "apart": 8}, "apart"),
     ({"same_text": True}, "lines"), ({"alias": ""}, "alias"), ({"channels": ("unionpay", "unionpay")}, "channels")],
)  # fmt: skip
async def test_a_rule_out_of_bounds_is_refused_by_its_field(house: Treasury, wrong: Any, field: str) -> None:
    made = {"alias": ALIAS, "channels": ("unionpay",), "says": "clearing", "days": 3} | wrong
    with pytest.raises(InvalidInput, match=field):
        await propose_rule(house.pool, house.clock, MatchRule(**made), ("unionpay",), LIN, "a good reason")
