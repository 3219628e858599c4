"""The timetable: each task once, in its order, caught up with after a sleep, and saying what it waits for."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, at, listed, treasury
from zhangfang import statements
from zhangfang.channels.port import Answer, MalformedMessage, Verdict
from zhangfang.closing.day import Day, patience
from zhangfang.closing.timetable import begin, job
from zhangfang.kernel.driver import run_due
from zhangfang.payments import StepKind, weigh

FRIDAY = date(2026, 9, 4)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


@pytest.fixture
async def day(house: Treasury) -> Day:
    made = Day(house.desk, (house.account,))
    await begin(made)
    return made


async def tick(house: Treasury, day: Day) -> None:
    """Run what is due until nothing is."""
    while await run_due(house.pool, house.clock.now(), job(day)):
        await house.quiet()


async def tasks(house: Treasury, kind: str) -> list[tuple[str, str, str]]:
    """Return key, state and note of the tasks of a kind."""
    rows = await house.pool.fetch("SELECT key, state, note FROM task WHERE kind = $1 ORDER BY key", kind)
    return [(row["key"], row["state"], row["note"]) for row in rows]


async def test_a_day_is_planned_once(house: Treasury, day: Day) -> None:
    await tick(house, day)
    planned = await house.pool.fetch("SELECT kind, key, next_action_at FROM task WHERE kind <> 'plan'")
    await begin(day)
    house.clock.advance(minutes=30)
    await tick(house, day)
    again = await house.pool.fetch(
        "SELECT kind, key, next_action_at FROM task WHERE kind NOT IN ('plan', 'statement')"
    )
    due = {(row["kind"], row["key"]): row["next_action_at"] for row in planned}
    del due["statement", "reserve"]
    assert {
        (row["kind"], row["key"]): row["next_action_at"] for row in again if row["kind"] != "settlement"
    } == {
        ("duplicates", "daily"): house.clock.now() + timedelta(minutes=10),
        ("breaks", "daily"): house.clock.now() + timedelta(minutes=1),
        ("suspense", "daily"): house.clock.now() + timedelta(hours=5, minutes=30),
        ("payouts", "daily"): house.clock.now() + timedelta(minutes=30),
        ("certificates", "daily"): house.clock.now() + timedelta(minutes=30),
        ("file", f"unionpay/{DAY}"): at(NEXT, 9),
        ("close", str(DAY)): at(NEXT, 11),
        ("certificate", f"unionpay/{DAY}"): at(NEXT, 11, 10),
        ("roll", str(DAY)): at(NEXT, 11, 15),
        ("statements", str(DAY)): at(NEXT, 11, 30),
    }
    assert due["settlement", str(DAY)] == at(DAY, 10, 30)
    assert len(again) == 11


async def test_after_23_00_the_next_day_is_planned_already(house: Treasury, day: Day) -> None:
    house.clock.set(at(DAY, 23, 30))
    await tick(house, day)
    assert [key for key, _, _ in await tasks(house, "close")] == [str(DAY), str(NEXT)]


async def test_a_day_runs_by_itself_from_file_to_statement(house: Treasury, day: Day) -> None:
    merchant = await house.merchant(external_ref="M1", auto_payout=True)
    paid = await house.paid(merchant, 10_000)
    await tick(house, day)
    house.acquirer.files[DAY] = [listed(1, paid, fee=30)]
    house.on_bank(9970, text=f"unionpay settles {DAY}")
    for hour, minute in ((9, 5), (9, 40), (10, 35), (11, 5), (11, 20), (11, 35)):
        house.clock.set(at(NEXT, hour, minute))
        await tick(house, day)
    for kind in ("file", "close", "roll", "statements"):
        assert (await tasks(house, kind))[0][1:] == ("DONE", ""), kind
    assert await house.balances(2321, 2322, 3014) == (0, 0, -9840)
    assert (await statements.get(house.pool, merchant.id, DAY)).closing == 9940


async def test_a_platform_that_slept_for_days_catches_up_in_order(house: Treasury, day: Day) -> None:
    merchant = await house.merchant()
    await tick(house, day)
    days = [DAY + timedelta(days=n) for n in range(7)]
    for one in days:
        paid = await house.paid(merchant, 1000, one)
        house.acquirer.files[one] = [listed(1, paid)]
        house.on_bank(1000, text=f"unionpay settles {one}", day=one + timedelta(days=1))
    house.clock.set(at(days[-1] + timedelta(days=1), 12))
    for _ in range(6):
        await tick(house, day)
        house.clock.advance(minutes=6)
    each = [str(one) for one in (*days, date(2026, 9, 8))]  # at the weekend too, for D+0
    assert [(key, state) for key, state, _ in await tasks(house, "settlement")] == [
        (key, "DONE") for key in each
    ]
    closed = await tasks(house, "close")
    assert [key for key, state, _ in closed if state == "DONE"] == [str(one) for one in days]
    assert [key for key, state, _ in await tasks(house, "statements") if state == "DONE"] == [
        str(d) for d in days
    ]
    assert await house.balances(2321, 3012) == (0, 0)
    rows = await house.pool.fetch("SELECT opening, closing FROM statement ORDER BY business_date")
    assert [row["closing"] for row in rows[:-1]] == [row["opening"] for row in rows[1:]]


async def test_a_file_that_is_not_ready_is_asked_for_again(house: Treasury, day: Day) -> None:
    await tick(house, day)
    house.clock.set(at(NEXT, 9, 1))
    await tick(house, day)
    assert (await tasks(house, "file"))[0] == (f"unionpay/{DAY}", "WAITING", f"no file of {DAY} yet")
    house.acquirer.files[DAY] = []
    house.clock.advance(minutes=6)
    await tick(house, day)
    assert (await tasks(house, "file"))[0] == (f"unionpay/{DAY}", "DONE", "")


async def test_a_file_that_is_cut_in_half_leaves_nothing_half_done(house: Treasury, day: Day) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000)
    await tick(house, day)
    before = await house.last_entry()
    house.acquirer.files[DAY] = MalformedMessage("fileContent: 900 bytes are not one whole DEFLATE stream")
    house.clock.set(at(NEXT, 9, 1))
    await tick(house, day)
    (_, state, note) = (await tasks(house, "file"))[0]
    assert (state, note) == ("WAITING", "fileContent: 900 bytes are not one whole DEFLATE stream")
    assert await house.pool.fetchval("SELECT count(*) FROM channel_file") == 0
    assert await house.last_entry() == before
    house.acquirer.files[DAY] = [listed(1, paid)]
    house.clock.advance(minutes=6)
    await tick(house, day)
    assert await house.listed_on(paid) == [DAY]


async def test_tasks_say_what_they_wait_for(house: Treasury, day: Day) -> None:
    merchant = await house.merchant()
    await house.paid(merchant, 1000)
    await tick(house, day)
    house.on_bank(1000, text=f"unionpay settles {DAY}")
    house.clock.set(at(NEXT, 11, 35))
    await tick(house, day)
    waiting: dict[str, Any] = {}
    for kind in ("file", "statement", "settlement", "close", "roll", "statements"):
        waiting[kind] = next(note for _, state, note in await tasks(house, kind) if state == "WAITING")
    assert waiting == {
        "file": f"no file of {DAY} yet",
        "statement": "1 lines wait for a channel's file",
        "settlement": f"1 lines of {DAY} wait for file or money",
        "close": f"the file of unionpay for {DAY} is not matched yet",
        "roll": f"the day-end of {DAY} is not done yet: the file of unionpay for {DAY} is not matched yet",
        "statements": f"business date {DAY} is not closed yet",
    }


async def test_dates_behind_one_that_is_held_up_are_tried_rarely_and_at_once_when_it_is_over(
    house: Treasury, day: Day
) -> None:
    merchant = await house.merchant()
    unknown = await house.asked(merchant, 1000)
    days = [DAY + timedelta(days=n) for n in range(4)]
    house.acquirer.files |= {one: [] for one in days}
    for one in days:
        house.clock.set(at(one + timedelta(days=1), 12))
        await tick(house, day)
    held = "SELECT key, attempts FROM task WHERE kind = ANY($1) AND done_at IS NULL AND attempts > 0"
    kinds = ["close", "roll", "certificate", "statements"]
    await house.pool.execute("UPDATE task SET attempts = 40 WHERE kind = ANY($1) AND attempts > 0", kinds)
    for _ in range(24):  # two hours
        house.clock.advance(minutes=5)
        await tick(house, day)
    tried = {row["key"]: row["attempts"] - 40 for row in await house.pool.fetch(held, kinds[:1])}
    assert tried == {str(DAY): 24, **{str(one): 1 for one in days[1:]}}
    await weigh(house.desk, unknown, StepKind.ANSWER, Answer(Verdict.FAILED))
    house.clock.advance(minutes=5)
    await tick(house, day)
    assert await house.pool.fetch(held, kinds) == []


def test_who_waits_for_others_waits_five_minutes_for_an_hour_and_a_day_in_the_end() -> None:
    waits = [patience(tries) for tries in range(1, 60)]
    assert waits == sorted(waits)
    assert sum(waits[:12], timedelta()) == timedelta(hours=1)
    assert waits[-1] == patience(10**6) == timedelta(days=1)


async def test_a_day_does_not_close_while_its_settlement_run_is_not_done(house: Treasury, day: Day) -> None:
    await tick(house, day)
    house.acquirer.files[DAY] = []
    house.clock.set(at(NEXT, 11, 5))
    await house.pool.execute(
        "UPDATE task SET next_action_at = $1, state = 'WAITING', done_at = NULL WHERE kind = 'settlement' AND key = $2",
        at(FRIDAY, 9), str(DAY),
    )  # fmt: skip
    await tick(house, day)
    assert (await tasks(house, "close"))[0][2] == f"the settlement run of {DAY} is not done yet"


async def test_a_year_whose_holidays_are_not_known_is_an_alarm_and_the_day_is_planned_all_the_same(
    house: Treasury, day: Day
) -> None:
    house.clock.set(at(date(2026, 11, 2), 10))
    await tick(house, day)
    assert await tasks(house, "plan") == [
        ("daily", "WAITING", "the holidays of 2027 are not known: update chinesecalendar")
    ]
    assert [key for key, _, _ in await tasks(house, "close")] == ["2026-11-02"]
