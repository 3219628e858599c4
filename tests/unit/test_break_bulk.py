"""One cure for many breaks: exactly those that were looked at, each once, wherever it is cut off; and suspense by age."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import DAY, NEXT, Cut, Treasury, cut_off, stray, treasury
from tests.unit.test_duplicates_pages import Desk, desk
from zhangfang.approvals import get, proposals
from zhangfang.cli.books import breaks
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.reconciliation import (
    BUCKETS,
    CODES,
    LIMITS,
    Aged,
    Bulk,
    aging,
    approve,
    approve_many,
    fitting,
    go_on_with_bulks,
    propose,
    propose_many,
    results,
    too_much,
    watch,
)
from zhangfang.reconciliation.cures import bulk
from zhangfang.reconciliation.work.suspense import Limit

__all__ = ["desk"]


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def many(house: Treasury, count: int = 12) -> list[Any]:
    """Plant strays, long and short ones."""
    await house.filed(DAY, [stray(n, 100 + n, credit=n % 3 > 0) for n in range(1, count + 1)])
    return await house.breaks()


async def test_only_what_can_have_the_cure_is_proposed_with_count_and_sum(house: Treasury) -> None:
    rows = await many(house)
    ids = [row["id"] for row in rows]
    fit = await fitting(house.pool, house.desk.journal, ids, "B8")
    assert (len(fit.rows), fit.fen, len(fit.others)) == (8, sum(100 + n for n in range(1, 13) if n % 3), 4)
    for wrong, cure, why in (
        (ids, "B2", "not the same for all"),
        ([], "B8", "1 to 10000"),
        (ids[:0], "B8", "breaks"),
    ):
        with pytest.raises(InvalidInput, match=why):
            await fitting(house.pool, house.desk.journal, wrong, cure)
    with pytest.raises(InvalidInput, match="none of them"):
        await propose_many(house.pool, house.clock, house.desk.journal, ids, "O6", LIN, "letter 113")
    with pytest.raises(InvalidInput, match="1 to 10000"):
        await fitting(house.pool, house.desk.journal, ids * 1000, "B8")


async def test_each_is_cured_once_and_has_its_own_result(house: Treasury) -> None:
    rows = await many(house)
    ids = [row["id"] for row in rows]
    id_ = await propose_many(house.pool, house.clock, house.desk.journal, ids, "B8", LIN)
    said = (await get(house.pool, id_)).holds(Bulk)
    assert (said.count, len(said.items)) == (8, 8)
    first, second = [row for row in rows if row["difference"] > 0][:2]
    other = await propose(house.pool, house.clock, house.desk.journal, first["id"], "B3", LIN)

    await approve(house.desk, *await seen(house.pool, other), WANG)
    await house.pool.execute("UPDATE break SET difference = difference + 1 WHERE id = $1", second["id"])
    result = await approve_many(house.desk, *await seen(house.pool, id_), WANG)
    assert result == "6 cured by B8, 2 refused"
    found = await results(house.pool, id_)
    assert "one that B3 now cures" in found[first["id"]]
    assert found[second["id"]] == "refused: it is another than the one that was proposed"
    assert await approve_many(house.desk, *await seen(house.pool, id_), WANG) == result
    assert [row["cure"] for row in await house.breaks()].count("B8") == 6


async def test_what_is_too_much_for_one_answer_goes_on_by_the_timetable(
    house: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 3)
    rows = await many(house)
    id_ = await propose_many(
        house.pool, house.clock, house.desk.journal, [row["id"] for row in rows], "B7", LIN
    )
    assert await approve_many(house.desk, *await seen(house.pool, id_), WANG) == "3 of 4 are carried out"
    assert (await get(house.pool, id_)).result is None
    assert await go_on_with_bulks(house.desk) == 1
    assert (await get(house.pool, id_)).result == "4 cured by B7, 0 refused"
    assert await go_on_with_bulks(house.desk) == 0
    assert await house.balances(1242) == (0,)


async def test_a_bulk_that_is_cut_off_anywhere_is_finished_and_books_each_once(house: Treasury) -> None:
    rows = await many(house, 6)
    id_ = await propose_many(
        house.pool, house.clock, house.desk.journal, [row["id"] for row in rows], "B8", LIN
    )
    for after in range(80):
        try:
            await approve_many(cut_off(house.desk, after), *await seen(house.pool, id_), WANG)
            break
        except Cut:
            continue
    assert after > 3
    assert (await get(house.pool, id_)).result == "4 cured by B8, 0 refused"
    assert await house.balances(2351, 6301) == (0, -sum(100 + n for n in (1, 2, 4, 5)))


async def test_a_list_is_cured_on_the_pages(desk: Desk) -> None:
    house = desk.house
    await many(house)
    page = "/breaks/bulk?class=missing_here&cure=B8"
    text = (await desk.get(page)).text
    assert "Cure 8 breaks of" in text
    assert "missing_here" not in re.sub("<[^>]+>", "", text), (
        "what cannot have it by its kind is only counted"
    )
    await house.filed(NEXT, [stray(1, 77)])
    shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    stale = await desk.http.post("/console/breaks/bulk?class=missing_here", data=shown)
    assert (stale.status_code, "more or fewer now" in stale.text) == (422, True)
    done = await desk.send(page, "/breaks/bulk?class=missing_here")
    assert done.status_code == 303
    (proposal,) = await proposals(house.pool)
    path = f"/proposals/{prefixed('prp', proposal.id)}"
    assert "Cure of many breaks" in (await desk.get(path)).text
    await desk.sit_down("wang")
    assert (await desk.send(path, f"{path}/approve", seen=proposal.seen)).status_code == 303
    over = (await desk.get(f"/breaks/bulk/{proposal.id.hex}")).text
    assert "9 of 9 are over" in over
    assert (await desk.get(f"/breaks/bulk/{'0' * 32}")).status_code == 404


async def test_suspense_is_counted_by_account_and_age_and_says_what_is_too_old(house: Treasury) -> None:
    merchant = await house.merchant()
    lost = await house.paid(merchant, 2_000_000)
    await house.filed(DAY, [stray(1, 500)])
    house.on_bank(-300)
    house.on_bank(7_000)
    await house.read()
    assert lost.amount == 2_000_000
    now = house.clock.now()
    aged = await aging(house.pool, now)
    assert {(one.code, one.count, one.fen) for one in aged if one.count} == {
        (2351, 1, 500), (1242, 1, 2_000_000), (1243, 1, 300), (2352, 1, 7_000),
    }  # fmt: skip
    assert {one.days for one in aged if one.count} == {0}
    for code in set(CODES.values()):
        assert sum(one.fen for one in aged if one.code == code) == abs(await house.balance(code))
    with capture_logs() as said:
        assert await watch(house.pool, now) == ()
        passed = await watch(house.pool, now + timedelta(days=2))
        old = await watch(house.pool, now + timedelta(days=40))
    assert [(one.limit.code, one.limit.days) for one in passed] == [(1242, 2)]
    assert {one.limit.code for one in old} == set(CODES.values())
    assert {line["event"] for line in said} == {"suspense is too old"}


async def test_the_pages_show_suspense_and_today_says_that_it_is_too_old(desk: Desk) -> None:
    house = desk.house
    paid = await house.paid(await house.merchant(), 2_000_000)
    await house.filed(DAY, [])
    assert "None is too old" not in (await desk.get("/breaks/suspense")).text
    house.clock.advance(seconds=9 * 86_400)
    page = (await desk.get("/breaks/suspense")).text
    assert "2 limits are passed" in page
    assert "older=8" in page
    assert str(paid.channel_order_no) not in page
    lines = (await desk.get("/breaks?code=1242&older=8&younger=31")).text
    assert "1 break of" in lines
    assert "have lain in" in (await desk.get("/")).text


ACCOUNTS, FROM = st.sampled_from(sorted(set(CODES.values()))), st.sampled_from(BUCKETS)
ITEMS = st.lists(st.tuples(ACCOUNTS, FROM, st.integers(0, 9)), max_size=20)


def test_the_command_line_shows_suspense_and_fails_where_it_is_too_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aged = (Aged(1242, 0, 1, 100), Aged(1242, 8, 2, 300))
    monkeypatch.setattr("zhangfang.cli.books.breaks.with_pool", lambda _: aged)
    answer = CliRunner().invoke(breaks.app, ["aging"])
    assert (answer.exit_code, "Short items under investigation: 3.00 for 8 days" in answer.output) == (
        1,
        True,
    )
    monkeypatch.setattr("zhangfang.cli.books.breaks.with_pool", lambda _: aged[:1])
    assert CliRunner().invoke(breaks.app, ["aging"]).exit_code == 0


@given(ITEMS, st.lists(st.builds(Limit, ACCOUNTS, FROM, st.integers(0, 30)), max_size=5))
def test_a_limit_counts_all_that_is_as_old_or_older(
    items: list[tuple[int, int, int]], limits: list[Limit]
) -> None:
    aged = [Aged(code, days, 1, fen) for code, days, fen in items]
    passed = {one.limit: one.fen for one in too_much(aged, limits)}
    for limit in limits:
        due = sum(fen for code, days, fen in items if code == limit.code and days >= limit.days)
        assert (limit in passed) == (due > limit.fen)
        assert passed.get(limit, due) == due


def test_every_account_of_suspense_has_a_limit_from_a_bucket_that_there_is() -> None:
    assert {limit.code for limit in LIMITS} == set(CODES.values())
    assert {limit.days for limit in LIMITS} <= set(BUCKETS)


def test_the_hash_of_a_break_is_of_what_it_is_and_not_of_what_becomes_of_it() -> None:
    row = dict.fromkeys(
        ("id", "class", "channel", "settle_date", "key", "difference", "template", "cure", "owner"), "x"
    )
    assert bulk.digest(row) == bulk.digest(row | {"cure": "B8", "owner": "lin"})
    assert all(
        bulk.digest(row) != bulk.digest(row | {name: "y"})
        for name in ("class", "difference", "key", "template")
    )
