"""Random days of payments, random files with planted differences: exactly those are found, and every fen has its place.

The expectation is counted from what was planted, in plain sums; nothing of the code under test is asked.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.search import MORE
from tests.treasury import (
    DAY,
    NEXT,
    Acquirer,
    Cut,
    Treasury,
    corrected,
    cut_off,
    listed,
    open_channel,
    stray,
    treasury,
)
from zhangfang.channels.port import Answer, FileLine, Operation, Verdict
from zhangfang.merchants import Merchant
from zhangfang.payments import Desk, Intent
from zhangfang.reconciliation import files, reconcile

LATER = NEXT + timedelta(days=1)
_numbers = count(1)

# What is planted with one payment or refund. `late` ones are in the next day's file, `corrected` ones have an
# adjustment there, `twice` have a second line, `lost` are in no file, `open` end by the file's own evidence.
PLANTS = (
    "none", "none", "none", "open", "lost", "late", "late and differing", "twice", "twice later", "differing",
    "corrected", "reversed",
)  # fmt: skip
PLANTED = st.tuples(
    st.sampled_from(PLANTS),
    st.booleans(),
    st.integers(1, 5000),
    st.integers(-400, 400).filter(bool),
    st.integers(0, 30),
)
STRAYS = st.tuples(st.integers(1, 5000), st.booleans(), st.integers(0, 30))
ADJUSTMENTS = st.integers(-50, 50).filter(bool)


@dataclass
class Expected:
    """What has to be true after both files."""

    breaks: list[tuple[str, int | None, int | None, bool]] = field(default_factory=list)
    first: list[FileLine] = field(default_factory=list)
    second: list[FileLine] = field(default_factory=list)
    in_3013: int = 0
    long: int = 0  # in 2351
    short: int = 0  # in 1242

    def open(self, kind: str, ours: int | None, theirs: int | None, *, cured: bool = False) -> None:
        """Expect a break; unless it is cured, its difference stays in suspense."""
        self.breaks.append((kind, ours, theirs, cured))
        difference = (theirs or 0) - (ours or 0)
        if cured:
            return
        if kind == "missing_there" and difference > 0:
            self.in_3013 += difference  # a refund that no file lists stays where it is
        elif difference > 0:
            self.long += difference
        else:
            self.short -= difference


@pytest.fixture
async def house(
    database_url: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Treasury]:
    """Chunks and requests are so small that a file takes several."""
    monkeypatch.setattr(files, "CHUNK", 4)
    monkeypatch.setattr(files, "PAGE", 2)
    async with treasury(database_url, clock) as made:
        yield made


@settings(max_examples=25 * MORE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    planted=st.lists(PLANTED, max_size=9),
    strays=st.lists(STRAYS, max_size=3),
    adjustments=st.lists(ADJUSTMENTS, max_size=2),
    order=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    again=st.lists(st.sampled_from([DAY, NEXT]), max_size=5),
)
async def test_exactly_what_was_planted_is_found_and_every_fen_has_its_place(
    house: Treasury,
    planted: list[Any],
    strays: list[Any],
    adjustments: list[int],
    order: Any,
    cuts: list[int],
    again: list[date],
) -> None:
    house = await another_channel(house)
    merchant = await house.merchant()
    expected = Expected()
    for plant, pay_in, amount, difference, fee in planted:
        intent = await stored(house, merchant, pay_in, amount + 400, unknown=plant == "open")
        plant_one(expected, plant, intent, difference, fee)
    for amount, credit, fee in strays:
        expected.first.append(stray(0, amount, credit=credit, fee=fee))
        expected.open("missing_here", None, amount if credit else -amount)
    for signed in adjustments:
        expected.second.append(corrected(0, stray(0, 1), signed))
        expected.open("missing_here", None, signed)
    for day, lines in ((DAY, expected.first), (NEXT, expected.second)):
        order.shuffle(lines)
        house.acquirer.files[day] = [replace(line, line_no=n) for n, line in enumerate(lines, 1)]
        for after in cuts:
            await attempt(cut_off(house.desk, after), house.acquirer, day)
        await reconcile(house.desk, house.acquirer, day)
    await check(house, expected)
    await nothing_changes(house, again)
    await money_arrives(house, expected)
    await nothing_changes(house, again)


async def nothing_changes(house: Treasury, days: Sequence[date]) -> None:
    """Days that are done again, in any order and any number of times, leave books, breaks and states as they stand."""
    before = await everything(house)
    for day in days:
        await reconcile(house.desk, house.acquirer, day)
        assert await house.read() == 0
    assert await everything(house) == before


async def everything(house: Treasury) -> list[Any]:
    """Return how many entries the books have, and every row of the channel."""
    tables = ("break", "intent", "channel_file", "file_line")
    rows = [
        await house.pool.fetch(f"SELECT * FROM {table} t WHERE channel = $1 ORDER BY t", house.acquirer.name)
        for table in tables
    ]
    return [await house.last_entry(), *rows]


async def another_channel(house: Treasury) -> Treasury:
    """Return the platform with a channel that no other example has."""
    acquirer = Acquirer(f"up{next(_numbers)}")
    desk = house.desk
    await open_channel(desk.ledger, acquirer.name)
    channels: Any = {acquirer.name: acquirer, house.bank.name: house.bank}
    other = Desk(desk.pool, desk.ledger, channels, desk.vault, desk.clock, desk.alias)
    return Treasury(other, acquirer, house.bank, house.clock)


async def stored(house: Treasury, merchant: Merchant, pay_in: bool, amount: int, *, unknown: bool) -> Intent:
    """Store a pay-in, or a refund of one that is of a later day; of the last, the answer is unknown or success."""
    if pay_in:
        return await (house.asked(merchant, amount) if unknown else house.paid(merchant, amount))
    house.acquirer.answer = Answer(Verdict.UNKNOWN) if unknown else Answer(Verdict.SUCCESS, settle_date=DAY)
    return await house.undo(merchant, await house.paid(merchant, amount, LATER), amount)


def plant_one(expected: Expected, plant: str, intent: Intent, difference: int, fee: int) -> None:
    """Write the lines of one intent into the files, and what has to be found."""
    sign = 1 if intent.kind is Operation.COLLECTION else -1
    ours = sign * intent.amount
    right = listed(0, intent, fee=fee)
    wrong = listed(0, intent, intent.amount + difference, fee=fee)
    theirs = sign * wrong.amount
    match plant:
        case "none" | "open":
            expected.first.append(right)
        case "lost":
            expected.open("missing_there", ours, None)
        case "late":
            expected.second.append(right)
            expected.open("missing_there", ours, None, cured=True)
        case "late and differing":
            expected.second.append(wrong)
            expected.open("missing_there", ours, None, cured=True)
            expected.open("amount_differs", ours, theirs)
        case "twice":
            expected.first += [right, right]
            expected.open("duplicate", None, ours)
        case "twice later":
            expected.first.append(right)
            expected.second.append(right)
            expected.open("duplicate", None, ours)
        case "differing":
            expected.first.append(wrong)
            expected.open("amount_differs", ours, theirs)
        case "corrected":
            expected.first.append(wrong)
            expected.second.append(corrected(0, wrong, ours - theirs))
            expected.open("amount_differs", ours, theirs, cured=True)
        case "reversed":
            expected.first.append(replace(right, credit=not right.credit))
            expected.open("missing_here", None, -ours)
            expected.open("missing_there", ours, None)


async def attempt(desk: Desk, acquirer: Acquirer, day: Any) -> None:
    """Reconcile until the process ends."""
    with contextlib.suppress(Cut):
        await reconcile(desk, acquirer, day)


def net(lines: list[FileLine]) -> int:
    """Return what lines come to before the channel's fee, in fen."""
    return sum(line.amount if line.credit else -line.amount for line in lines)


async def check(house: Treasury, expected: Expected) -> None:
    name = house.acquirer.name
    rows = await house.pool.fetch("SELECT * FROM break WHERE channel = $1", name)
    found = [(row["class"], row["ours"], row["theirs"], row["cleared_at"] is not None) for row in rows]
    assert sorted(map(str, found)) == sorted(map(str, expected.breaks))
    both = [*expected.first, *expected.second]
    refunded = "SELECT coalesce(sum(amount), 0)::bigint FROM intent WHERE channel = $1 AND settle_date > $2"
    assert await house.balance(3011, name) == await house.pool.fetchval(refunded, name, NEXT)
    assert await house.balance(3012, name) == net(both)
    assert await house.balance(3013, name) == -expected.in_3013
    assert await house.balance(2351, name) == -expected.long
    assert await house.balance(1242, name) == expected.short
    assert await house.balance(2202, name) == -sum(line.fee for line in both)


async def money_arrives(house: Treasury, expected: Expected) -> None:
    """The bank brings both nets less fee: no position is left."""
    name, before = house.acquirer.name, await house.balance(1003)
    nets = []
    for day, lines in ((DAY, expected.first), (NEXT, expected.second)):
        nets.append(net(lines) - sum(line.fee for line in lines))
        if nets[-1]:
            house.on_bank(nets[-1], text=f"{name} settles {day}")
    assert await house.read() == 0
    assert await house.balance(1003) - before == sum(nets)
    assert await house.balance(3012, name) == 0
