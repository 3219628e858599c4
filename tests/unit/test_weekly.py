"""A played week comes out at the fen and at the second; what was not measured is never up; a milder grade needs two."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import Treasury, treasury
from zhangfang import approvals, bills, papers, weekly
from zhangfang.approvals import SecondPerson
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.reconciliation import MatchRule, approve_rule, propose_rule
from zhangfang.weekly import Ending, percent
from zhangfang.weekly.figures import uptime
from zhangfang.weekly.rules import MINUTE_MS, days_of, down_ms, week_of

WEEK = "2026-W35"  # 24 to 30 August
MONDAY = date(2026, 8, 24)
TUESDAY = datetime(2026, 8, 25, 10, 33, tzinfo=CHINA)
AFTER = datetime(2026, 8, 31, 9, tzinfo=CHINA)
PAY_IN = """
INSERT INTO intent (
    id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel, channel_order_no,
    requested_at, business_date, template, voucher, undo_voucher, state, code, created_at, updated_at
)
SELECT gen_random_uuid(), $1, 'm', $2 || n, $2 || n, '', 100, 1, '', 'unionpay', $2 || n, at, $3::date, 'P2',
    gen_random_uuid(), gen_random_uuid(), $4, $5, at, at
FROM generate_series(1, $6::int) AS n, LATERAL (SELECT $7::timestamptz + n * interval '1 second' AS at) AS moment
"""


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as opened:
        yield opened


async def asked(
    pool: asyncpg.Pool, kind: str, state: str, count: int, code: str = "", at: datetime = TUESDAY
) -> None:
    name = f"{kind}-{state}-{code}-{at:%d}-"
    await pool.execute(PAY_IN, kind, name, MONDAY, state, code, count, at)


async def play(house: Treasury) -> None:
    """2,152 pay-ins of which 3 fail and 40 are declined, 717 payouts, and an outage of 95 s in a measured hour."""
    pool = house.pool
    await asked(pool, "collection", "SUCCESS", 2109)
    await asked(pool, "collection", "FAILED", 3, "05")
    await asked(pool, "collection", "FAILED", 40, "61")
    await asked(pool, "payout", "SUCCESS", 717)
    await asked(pool, "collection", "FAILED", 9, "05", TUESDAY - timedelta(days=7))  # the week before
    for n in range(60):
        failed = {20: 60, 21: 35}.get(n, 0)
        minute = TUESDAY.astimezone(UTC) + timedelta(minutes=n)
        await pool.execute("INSERT INTO probe_minute VALUES ($1, 'api', 60, $2, 9)", minute, failed)


async def test_a_played_week_comes_out_as_it_was(house: Treasury) -> None:
    await play(house)
    house.clock.set(AFTER)
    made = await weekly.report(house.pool, house.clock, WEEK)
    f = made.figures
    assert (f.first, f.last) == (MONDAY, MONDAY + timedelta(days=6))
    assert weekly.success(f.pay_in) == "99.85 %, 2109 of 2112"
    assert weekly.success(f.payout) == "100.00 %, 717 of 717"
    assert (f.refund, f.breaks, weekly.success(f.refund)) == (None, None, "—")
    assert (f.uptime.measured, f.uptime.unmeasured, f.uptime.down_ms) == (60, 7 * 1440 - 60, 95_000)
    assert weekly.available(f.uptime) == "97.361 %"
    assert f.year.unmeasured == 242 * 1440 - 60  # 1 January to 30 August, and what was measured
    assert f.peak is not None
    assert (f.peak.minute, f.peak.payments) == (TUESDAY, 59 + 3 + 40 + 59)


async def test_the_week_in_the_departments_form(house: Treasury) -> None:
    await play(house)
    house.clock.set(AFTER)
    made = await weekly.report(house.pool, house.clock, WEEK)
    text = weekly.markdown(made)
    for line in (
        "# 第35周 2026-08-24 – 2026-08-30",
        "| 入金有效成功率 Pay-in success | 99.85 %, 2109 of 2112 |",
        "| 出金有效成功率 Payout success | 100.00 %, 717 of 717 |",
        "| 退款有效成功率 Refund success | — |",
        "| 本周可用性 Availability, week | 97.361 % | 自 since 2026-08-24：已测 measured 60 min，停 down 95 s，"
        "未测 unmeasured 10020 min |",
        "| 事故数 Incidents | AB级 0 次，CD级 0 次 |",
    ):
        assert line in text
    pdf = papers.as_bytes("pdf", weekly.paper(made))
    assert pdf == papers.as_bytes("pdf", weekly.paper(await weekly.report(house.pool, house.clock, WEEK)))


async def test_by_volume_the_core_operations_count_and_the_worst_stands_first(house: Treasury) -> None:
    for name, minute, answered, failed in (
        ("pay_in", 0, 1500, 1), ("pay_in", 1, 500, 0), ("payout", 0, 10, 1), ("query", 3, 90, 0), ("page", 0, 7, 7),
        ("other", 0, 50, 50),
    ):  # fmt: skip
        at = TUESDAY + timedelta(minutes=minute)
        await house.pool.execute(
            "INSERT INTO request_minute VALUES ($1, $2, $3, $4)", at, name, answered, failed
        )
    late = AFTER + timedelta(days=1)
    await house.pool.execute("INSERT INTO request_minute VALUES ($1, 'query', 9, 9)", late)
    house.clock.set(AFTER)
    made = await weekly.report(house.pool, house.clock, WEEK)
    assert weekly.by_volume(weekly.core(made.figures.volume)) == "99.904 %, 2098 of 2100"
    assert [one.operation for one in weekly.core(made.figures.volume)] == ["payout", "pay_in", "query"]
    (line,) = [line for line in weekly.lines(made) if "by volume" in line[0]]
    assert line[1:] == (
        "99.904 %, 2098 of 2100",
        "最差在前 worst first: payout 90.000 %, 9 of 10；pay_in 99.950 %, 1999 of 2000；query 100.000 %, 90 of 90；"
        "页面 pages 0.000 %, 0 of 7",
    )


async def test_whatever_two_people_put_into_force_is_released_and_an_ended_rule_is_taken_back(
    house: Treasury,
) -> None:
    pool, clock = house.pool, house.clock
    clock.set(TUESDAY)
    wanted = MatchRule("cmb", ("unionpay",), "银联商务", 3)
    rule = await propose_rule(pool, clock, wanted, ["unionpay"], LIN, "the bank writes so")
    await propose_rule(pool, clock, replace(wanted, says="other"), ["unionpay"], LIN, "nobody approves it")
    await approve_rule(pool, clock, *await seen(pool, rule), WANG)
    columns = [{"name": name, "field": name} for name in ("order_no", "amount", "time")]
    one = msgspec.json.encode({"name": "ours", "columns": columns})
    made = (await bills.propose_map(pool, clock, one, LIN, "a contract")).proposal
    assert made is not None
    await bills.approve_map(pool, clock, *await seen(pool, made), WANG)
    end = await propose_rule(pool, clock, MatchRule(ends=str(rule)), ["unionpay"], LIN, "it was wrong")
    await approve_rule(pool, clock, *await seen(pool, end), WANG)
    clock.set(AFTER)
    found = (await weekly.report(pool, clock, WEEK)).figures.releases
    told = {(one.table, one.about, one.live_at is not None, one.ended_at is not None) for one in found}
    assert told == {
        ("match rule", "cmb/银联商务", True, False), ("match rule", "cmb/银联商务", False, True),
        ("map", "map/ours/1", True, False),
    }  # fmt: skip
    assert all(one.proposal.startswith("prp_") for one in found)


async def test_a_week_without_any_evidence_is_dashes(house: Treasury) -> None:
    house.clock.set(AFTER)
    made = await weekly.report(house.pool, house.clock, "2026-W02")
    values = [value for _, value, _ in weekly.lines(made)]
    assert values == ["—"] * 6 + ["AB级 0 次，CD级 0 次"] + ["—"] * 4


async def test_a_week_is_kept_as_printed_and_restated_when_something_has_ended(house: Treasury) -> None:
    await play(house)
    await asked(house.pool, "payout", "UNKNOWN", 1)
    house.clock.set(datetime(2026, 8, 26, 9, tzinfo=CHINA))
    assert (await weekly.report(house.pool, house.clock, WEEK)).version == 0, "it is not over"
    assert await weekly.reports(house.pool, WEEK) == ()
    house.clock.set(AFTER)
    first = await weekly.report(house.pool, house.clock, WEEK)
    assert weekly.success(first.figures.payout) == "99.86 %, 717 of 718"
    house.clock.advance(hours=1)
    assert await weekly.report(house.pool, house.clock, WEEK) == first, "printed twice, it is the same"
    await house.pool.execute("UPDATE intent SET state = 'SUCCESS' WHERE state = 'UNKNOWN'")
    second = await weekly.report(house.pool, house.clock, WEEK)
    assert (first.version, second.version) == (1, 2)
    assert weekly.success(second.figures.payout) == "100.00 %, 718 of 718"
    assert await weekly.reports(house.pool, WEEK) == (first, second)
    assert "重述 restated" in weekly.title(second)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await house.pool.execute("UPDATE weekly_report SET figures = ''")


async def ended(house: Treasury, **size: Any) -> tuple[Any, str]:
    id_ = await weekly.open_incident(house.pool, house.clock, LIN, "payouts", "717 笔出金失败", TUESDAY)
    said = Ending(
        ended_at=TUESDAY + timedelta(minutes=52),
        cause="二类户",
        effect="717 笔出金",
        handling="11:15 回滚",
        **size,
    )
    return id_, await weekly.end_incident(house.pool, house.clock, LIN, id_, said)


async def test_the_rules_propose_a_grade_by_the_size(house: Treasury) -> None:
    house.clock.set(AFTER)
    sizes: list[tuple[dict[str, Any], str]] = [
        ({}, "D"), ({"payments_hit": 99}, "D"), ({"payments_hit": 717}, "C"), ({"minutes_down": 1}, "C"),
        ({"payments_hit": 11744}, "B"), ({"minutes_down": 10}, "B"), ({"on_statement": True}, "B"),
        ({"minutes_down": 60}, "A"), ({"fen_wrong": 1}, "A"),
    ]  # fmt: skip
    for size, grade in sizes:
        assert (await ended(house, **size))[1] == grade, size


async def test_one_person_grades_and_a_milder_grade_needs_another(house: Treasury) -> None:
    house.clock.set(AFTER)
    id_, proposed = await ended(house, payments_hit=717, fen_hit=4_719_998)
    assert proposed == "C"
    assert await weekly.grade_incident(house.pool, house.clock, LIN, id_, "B", "客户投诉") is None
    proposal = await weekly.grade_incident(house.pool, house.clock, LIN, id_, "D", "都已补付")
    assert proposal is not None
    seen = (await approvals.get(house.pool, proposal)).seen
    with pytest.raises(SecondPerson):
        await weekly.approve_grade(house.pool, house.clock, proposal, seen, LIN)
    shown = (await weekly.report(house.pool, house.clock, WEEK)).figures
    assert (shown.graded("AB"), shown.graded("CD")) == (1, 0)
    assert await weekly.approve_grade(house.pool, house.clock, proposal, seen, WANG) == "D"
    shown = (await weekly.report(house.pool, house.clock, WEEK)).figures
    assert (shown.graded("AB"), shown.graded("CD"), shown.incidents[0].decided) == (0, 1, True)
    await weekly.add_note(house.pool, house.clock, LIN, id_, "复盘完成")
    assert [row["text"] for row in await weekly.course(house.pool, id_)] == ["复盘完成"]


async def test_an_incident_that_has_not_ended_has_no_grade_and_none_ends_before_it_began(
    house: Treasury,
) -> None:
    house.clock.set(AFTER)
    id_ = await weekly.open_incident(house.pool, house.clock, LIN, "payouts", "失败", TUESDAY)
    with pytest.raises(InvalidInput, match="has not ended"):
        await weekly.grade_incident(house.pool, house.clock, LIN, id_, "C", "why not")
    early = Ending(ended_at=TUESDAY - timedelta(minutes=1), cause="a", effect="b", handling="c")
    with pytest.raises(InvalidInput, match="before it began"):
        await weekly.end_incident(house.pool, house.clock, LIN, id_, early)
    with pytest.raises(InvalidInput, match="future"):
        await weekly.open_incident(house.pool, house.clock, LIN, "x", "y", AFTER + timedelta(hours=1))


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 3))
def test_a_share_is_cut_off_and_whole_only_where_everything_is(part: int, whole: int, digits: int) -> None:
    part = min(part, whole)
    shown = percent(part, whole, digits or 2).removesuffix(" %")
    exact, units = part * 100 * 10 ** (digits or 2), int(shown.replace(".", ""))
    assert units * whole <= exact < (units + 1) * whole
    assert (units == 100 * 10 ** (digits or 2)) == (part == whole)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 500), st.integers(0, 500))
def test_a_minute_is_down_for_no_longer_than_it_is_and_without_witness_not_measured(
    asked: int, failed: int, requests: int, errors: int
) -> None:
    failed, errors = min(failed, asked), min(errors, requests)
    down = down_ms(asked, failed, requests, errors)
    assert (down is None) == (asked < 3 and requests < 20)
    assert down is None or 0 <= down <= MINUTE_MS
    if asked >= 3 and failed == asked:
        assert down == MINUTE_MS
    if failed == errors == 0:
        assert not down


def test_stopping_the_prober_raises_no_availability() -> None:
    begin = datetime(2026, 8, 24, tzinfo=CHINA)
    rows = [
        {"minute": begin + timedelta(minutes=n), "asked": 60, "failed": 60 if n == 5 else 0, "answered": 0, "errors": 0}
        for n in range(60)
    ]  # fmt: skip
    end = begin + timedelta(hours=1)
    whole, parted = uptime(begin, end, rows), uptime(begin, end, [*rows[:30], *rows[40:]])
    assert (whole.unmeasured, parted.unmeasured) == (0, 10)
    assert parted.down_ms == whole.down_ms
    assert weekly.available(parted) < weekly.available(whole)


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_every_day_is_in_its_week(day: date) -> None:
    first, last = days_of(week_of(day))
    assert first <= day <= last
    assert (last - first).days == 6


@pytest.mark.parametrize("week", ["", "2026-W54", "2026W21", "2026-W00", "W21", "2026-W2١"])
def test_what_is_no_week_is_refused(week: str) -> None:
    with pytest.raises(InvalidInput, match="such as 2026-W21"):
        days_of(week)
