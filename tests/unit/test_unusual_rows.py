"""One unusual row stops no day: what cannot be read is a break with its bytes, and a fee that is given back is booked."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import ALIAS, DAY, NEXT, Treasury, at, listed, stray, treasury
from zhangfang.channels.port import FileLine
from zhangfang.closing.dayend import check_over
from zhangfang.console.reading import reconciliation
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import account
from zhangfang.payments import State
from zhangfang.reconciliation import approve, propose
from zhangfang.reconciliation.books import subjects, with_fee

WHY = "ZM_ file, line 2, column 7 (amount): 1 characters that are no number; allowed: digits, in fen"
UNREAD = FileLine(2, "", "", None, 0, credit=False, fee=0, note="S56 \\xb0 x", unread=WHY)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def test_a_row_that_cannot_be_read_is_a_break_and_the_date_is_closed(house: Treasury) -> None:
    merchant = await house.merchant()
    good, lost = await house.paid(merchant, 10_000), await house.paid(merchant, 3_000)
    await house.filed(DAY, [listed(1, good), UNREAD])
    assert await house.listed_on(good) == [DAY]
    found = {row["class"]: row for row in await house.breaks()}
    assert found.keys() == {"unread", "missing_there"}
    row = found["unread"]
    assert (row["note"], row["template"], row["difference"]) == (WHY, "", 0)
    (shown,) = [one for one in await reconciliation.breaks(house.pool, DAY) if one.cls == "unread"]
    assert (shown.their_line, shown.their_text) == (2, "S56 \\xb0 x")
    house.on_bank(13_000, text=f"unionpay settles {DAY}")  # the bank brings the row's payment too
    assert await house.read() == 0
    assert await house.settle() == []
    assert (await house.now(good)).settlement is not None
    assert await house.balances(3012, 2351) == (0, -3_000)
    house.clock.set(at(NEXT, 23, 30))
    await house.read()
    await check_over(house.pool, DAY, ("unionpay",), (ALIAS,))
    assert (await house.now(lost)).state is State.SUCCESS


async def test_two_people_clear_a_row_that_they_have_seen_and_nothing_is_booked(house: Treasury) -> None:
    await house.filed(DAY, [stray(1, 100), UNREAD])
    before = await house.last_entry()
    (row,) = [row for row in await house.breaks() if row["class"] == "unread"]
    made = await propose(house.pool, house.clock, house.desk.journal, row["id"], "seen", LIN)
    await approve(house.desk, *await seen(house.pool, made), WANG)
    row = await house.pool.fetchrow("SELECT * FROM break WHERE id = $1", row["id"])
    assert (row["cure"], row["cleared_by"]) == ("seen", "lin and wang")
    assert await house.last_entry() == before


@pytest.mark.parametrize(("lines", "absent"), [([], True), ([stray(1, 5), UNREAD], False)])
async def test_a_file_with_an_unread_row_does_not_prove_that_it_lacks_an_order(
    house: Treasury, lines: list[FileLine], absent: bool
) -> None:
    intent = await house.asked(await house.merchant(), 10_000)
    await house.filed(DAY, lines)
    await house.filed(NEXT, [])
    assert ((await house.now(intent)).absent_since is not None) is absent


async def test_a_refund_that_gives_the_fee_back_leaves_no_rest_at_the_channel(house: Treasury) -> None:
    merchant = await house.merchant()
    (paid,) = await house.arrived(merchant, 10_000)
    cost = await house.balance(6401)
    back = await house.undo(merchant, paid, 4_000)
    await house.filed(NEXT, [listed(1, back, fee=-24)])
    assert (
        await house.pool.fetchval("SELECT net_fen FROM channel_file WHERE settle_date = $1", NEXT) == -3_976
    )
    house.on_bank(-3_976, text=f"unionpay settles {NEXT}")
    assert await house.read() == 0
    assert await house.breaks() == []
    assert await house.balances(3012, 3013) == (0, 0)
    assert await house.balance(6401) == cost - 24, "the channel's cost falls by what it gave back"
    due, owed = await house.balances(1241, 2242)
    assert due + owed == 0
    assert due == -24


@given(fee=st.integers(-1000, 1000), net=st.integers(0, 1000), template=st.sampled_from(["S4", "S5", "S9"]))
def test_what_a_fee_moves_has_its_sign(fee: int, net: int, template: str) -> None:
    """The same accounts move by K, up or down; a fee of the other sign undoes it."""
    names = subjects(ALIAS, "unionpay")
    id_ = new_id(SetClock())

    def moved(amount: int) -> dict[UUID, int]:
        sums: dict[UUID, int] = {}
        for one in with_fee(template, id_, names, DAY, fee=amount, net=net):
            sums[one.debit] = sums.get(one.debit, 0) + one.amount
            sums[one.credit] = sums.get(one.credit, 0) - one.amount
        return sums

    code = 6401 if template == "S4" else 1241
    assert moved(fee).get(account(code, names[code]).id, 0) == fee
    with_it, without, undone = moved(fee), moved(0), moved(-fee)
    for key in with_it.keys() | without.keys() | undone.keys():
        assert with_it.get(key, 0) + undone.get(key, 0) == 2 * without.get(key, 0)
