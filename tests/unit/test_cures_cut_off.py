"""A cure is cut off, and a file lists the payment before it goes on: each line moves 3012 by exactly its amount."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import DAY, Cut, Treasury, at, corrected, cut_off, listed, treasury
from tests.unit.test_cures_carried_out import by_acquirer
from zhangfang.approvals import NoProposal
from zhangfang.channels.port import Answer, FileLine, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import Merchant
from zhangfang.reconciliation import Cure, propose

FUNDS = 1_000_000
Make = Callable[[Treasury, Merchant, date], Awaitable[tuple[list[FileLine], FileLine]]]


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def lost(house: Treasury, merchant: Merchant, day: date) -> tuple[list[FileLine], FileLine]:
    return [], listed(1, await house.paid(merchant, 1_000, day))


async def refund(house: Treasury, merchant: Merchant, day: date) -> tuple[list[FileLine], FileLine]:
    paid = await house.paid(merchant, 1_000, day)
    return [listed(1, paid)], listed(1, await house.undo(merchant, paid, 1_000))


async def payout(house: Treasury, merchant: Merchant, day: date) -> tuple[list[FileLine], FileLine]:
    return [], listed(1, await by_acquirer(house, merchant, 1_000 + (day - DAY).days))


async def differs(house: Treasury, merchant: Merchant, day: date) -> tuple[list[FileLine], FileLine]:
    line = listed(1, await house.paid(merchant, 1_000, day), 1_007)
    return [line], corrected(1, line, -7)


@pytest.mark.parametrize(
    ("cure", "make"), [("B6", lost), ("B7", lost), ("R5", refund), ("O6", payout), ("B8", differs)]
)
async def test_a_file_between_an_approval_and_its_end_books_each_line_in_full(
    house: Treasury, cure: str, make: Make
) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, FUNDS)
    await house.settle()
    after, begun = 0, True
    while begun:
        day = DAY + timedelta(days=2 * after + 2)
        house.clock.set(at(day, 12))
        house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=day)
        first, later = await make(house, merchant, day)
        await house.filed(day, first)
        row = await house.one_break()
        said = Cure(cure, proof="letter 113" if cure in ("B6", "R5", "O6") else "")
        await propose(house.pool, house.clock, house.desk.journal, row["id"], said, LIN)
        begun = False
        try:
            await approve(cut_off(house.desk, after), row["id"], WANG)
        except Cut:
            begun = True
        await house.filed(day + timedelta(days=1), [later])
        with suppress(InvalidInput, NoProposal):  # the file has ended the break before anybody did
            await approve(house.desk, row["id"], WANG)
        await in_full(house)
        after += 1
    assert after > 4


async def in_full(house: Treasury) -> None:
    """Compare what the channel owes by the books with what its files say, and end what is open."""
    owed = await house.pool.fetchval("SELECT sum(net_fen)::bigint FROM channel_file WHERE arrived_at IS NULL")
    assert await house.balance(3012) == owed
    for row in await house.breaks():
        assert row["cleared_at"] or row["cure"] is None, "no cure is left on its way"
        if row["cleared_at"] is None:
            await write_off(house, row)
    assert await house.balances(2351, 1242, 3011, 3013, 3014) == (0, 0, 0, 0, 0)


async def write_off(house: Treasury, row: Any) -> None:
    cure = "B8" if row["template"] == "B1" else "B7"
    await propose(house.pool, house.clock, house.desk.journal, row["id"], Cure(cure), LIN)
    await approve(house.desk, row["id"], WANG)
