"""A day's certificate says what was compared, and its next version says what has changed since."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, at, listed, stray, treasury
from zhangfang.closing import certificate
from zhangfang.closing.certificate import Breaks, Certificate, NotComparedYet
from zhangfang.closing.day import Day
from zhangfang.closing.timetable import begin, job
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.ids import new_id


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def certify(house: Treasury, day: date = DAY) -> Certificate:
    return await certificate.certify(house.pool, house.clock, "unionpay", day)


def canonical(rows: list[list[Any]]) -> str:
    """Return the hash over the lines as the documentation describes it: JSON arrays without spaces, a line each."""
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


async def test_a_certificate_says_what_both_sides_hold(house: Treasury) -> None:
    merchant = await house.merchant()
    paid, other = await house.paid(merchant, 10_000), await house.paid(merchant, 500)
    back = await house.undo(merchant, paid, 300)
    lines = [listed(1, paid, fee=30), listed(2, other), listed(3, back)]
    await house.filed(DAY, lines)
    found = (await certify(house)).content
    assert (found.lines, found.matched, found.ours) == (3, 3, 3)
    assert (found.pay_in, found.refund, found.fee, found.net) == (10_500, 300, 30, 10_170)
    assert (found.ours_pay_in, found.ours_refund, found.difference) == (10_500, 300, 0)
    assert (found.breaks, found.arrived_on) == ({}, None)
    told = [
        ["line", n, "matched", i.kind.value, fen, fee, i.channel_order_no, line.channel_ref, str(i.id)]
        for n, i, fen, fee, line in (
            (1, paid, 10_000, 30, lines[0]), (2, other, 500, 0, lines[1]), (3, back, -300, 0, lines[2])
        )
    ]  # fmt: skip
    assert found.lines_sha256 == canonical([*told, ["arrived", None]])


async def test_its_hash_is_of_its_bytes_and_its_number_quotes_it(house: Treasury) -> None:
    await house.filed(DAY, [])
    made = await certify(house)
    content = await house.pool.fetchval("SELECT content FROM certificate")
    assert made.hash == hashlib.sha256(content.encode()).digest()
    assert made.number == f"ZM-0901-unionpay-{made.hash.hex()[:8]}"
    assert made.content.arrived_on == ""  # nothing was to come


async def test_a_day_whose_file_is_not_matched_is_not_certified(house: Treasury) -> None:
    with pytest.raises(NotComparedYet, match=f"the file of unionpay for {DAY} is not matched yet"):
        await certify(house)


async def test_the_same_day_twice_is_one_version(house: Treasury) -> None:
    await house.arrived(await house.merchant(), 1000)
    first = await certify(house)
    house.clock.advance(hours=5)
    assert await certify(house) == first
    assert await house.pool.fetchval("SELECT count(*) FROM certificate") == 1


async def test_money_and_cures_make_a_next_version_that_says_so(house: Treasury) -> None:
    merchant = await house.merchant()
    paid, late = await house.paid(merchant, 1000), await house.paid(merchant, 70)
    await house.filed(DAY, [listed(1, paid), stray(2, 55)])
    first = (await certify(house)).content
    assert first.breaks == {"missing_here": Breaks(open=1), "missing_there": Breaks(open=1)}
    assert first.difference == -15
    await house.settled(DAY)
    second = (await certify(house)).content
    assert (second.version, second.arrived_on) == (2, "1")
    house.clock.set(at(NEXT + timedelta(days=1), 9))
    await house.filed(NEXT, [listed(1, late)])
    third = (await certify(house)).content
    assert third.breaks["missing_there"] == Breaks(cured=1)
    assert [one.content.version for one in await certificate.versions(house.pool, "unionpay", DAY)] == [
        3,
        2,
        1,
    ]
    assert len({first.lines_sha256, second.lines_sha256, third.lines_sha256}) == 3


async def test_a_corrected_file_is_certified_again(house: Treasury) -> None:
    await house.filed(DAY, [])
    await house.pool.execute("INSERT INTO task (kind, key, done_at) VALUES ('close', $1, now())", str(DAY))

    async def changed() -> int:
        house.clock.advance(hours=2)
        since = house.clock.now() - timedelta(hours=3)
        return await certificate.certify_changed(house.pool, house.clock, since)

    assert [await changed(), await changed()] == [1, 0]
    await house.pool.execute("UPDATE channel_file SET digest = 'other'")
    assert [await changed(), await changed()] == [1, 0]
    house.clock.advance(hours=2)
    columns = "id, channel, settle_date, number, name, digest, replaces, offered_at, vouchers, applied_at"
    row = f"INSERT INTO file_version ({columns}) VALUES ($1, 'unionpay', $2, 2, 'x', 'other', 'y', $3, '{{}}', $3)"
    await house.pool.execute(row, new_id(house.clock), DAY, house.clock.now())
    assert [await changed(), await changed()] == [1, 0]
    # What the correction changed was certified with its digest already: there is no further version.
    assert len(await certificate.versions(house.pool, "unionpay", DAY)) == 2


async def test_the_platform_cannot_change_a_certificate(house: Treasury) -> None:
    await house.filed(DAY, [])
    await certify(house)
    async with house.pool.acquire() as connection:
        await connection.execute("SET ROLE zhangfang_platform")
        for sql in ("UPDATE certificate SET number = 'x'", "DELETE FROM certificate"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
        await connection.execute("RESET ROLE")


async def test_statements_wait_for_the_certificate_which_the_timetable_issues_and_issues_again(
    house: Treasury, tmp_path: Path
) -> None:
    day = Day(house.desk, (house.account,))
    merchant = await house.merchant()
    paid, late = await house.paid(merchant, 1000), await house.paid(merchant, 70)
    await begin(day)

    async def tick(moment: Any) -> None:
        house.clock.set(moment)
        for _ in range(4):
            while await run_due(house.pool, house.clock.now(), job(day)):
                await house.quiet()

    async def numbers() -> list[tuple[date, int]]:
        rows = await house.pool.fetch("SELECT settle_date, version FROM certificate ORDER BY 1, 2")
        return [tuple(row) for row in rows]

    await tick(house.clock.now())
    house.acquirer.files = {DAY: [listed(1, paid)], NEXT: [listed(1, late)]}
    house.on_bank(1000, text=f"unionpay settles {DAY}")
    for hour, minute in ((9, 5), (10, 31), (10, 40)):
        await tick(at(NEXT, hour, minute))
    assert await numbers() == []
    await house.pool.execute(
        "UPDATE task SET next_action_at = $1 WHERE kind LIKE 'certificate%'", at(NEXT, 11, 38)
    )
    await tick(at(NEXT, 11, 35))
    note = await house.pool.fetchval("SELECT note FROM task WHERE kind = 'statements' ORDER BY key")
    assert note == f"business date {DAY} has no certificate of unionpay yet"
    await tick(at(NEXT, 11, 42))
    assert await numbers() == [(DAY, 1)]
    assert await house.pool.fetchval("SELECT done_at FROM task WHERE kind = 'statements' ORDER BY key")
    third = NEXT + timedelta(days=1)
    house.on_bank(70, text=f"unionpay settles {NEXT}", day=third)
    for hour, minute in ((9, 5), (10, 31), (11, 12), (11, 50)):
        await tick(at(third, hour, minute))
    assert await numbers() == [(DAY, 1), (DAY, 2), (NEXT, 1)]
