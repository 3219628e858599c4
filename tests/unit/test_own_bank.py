"""The company's own bank account: its statement comes by file, 1002 follows it line by line, 1225 closes with both banks."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.bills import Move, camt
from tests.clock import SetClock
from tests.own_money import closed, earned, named, proposed
from tests.people import LIN, WANG, approve_newest, seen
from tests.treasury import DAY, NEXT, Cut, Treasury, cut_off, listed, treasury
from zhangfang import adjustments, payments
from zhangfang.adjustments import Adjustment, Written
from zhangfang.bills import read_statements
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.ledger import open_accounts
from zhangfang.reconciliation import OWN, Cure, bring_statements, propose
from zhangfang.reconciliation.own_bank import book_own

audit = load("zhangfang_audit", "books.sql")


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        await open_accounts(made.desk.ledger, {1002: OWN, 2241: OWN})
        yield made
        for check in ("unowned", "mirror"):
            assert await made.pool.fetch(f"{audit['shared']}\n{audit[check]}") == [], check


async def bring(house: Treasury, folder: Path, opening: int, moves: Sequence[Move]) -> str:
    source = folder / "own.xml"
    source.write_text(camt(opening, moves), "utf-8")
    found = read_statements(source, "camt053")
    return await bring_statements(house.desk, OWN, found, "own.xml", "0" * 64, LIN)


async def announced(house: Treasury, kind: str, fen: int, reference: str = "") -> None:
    said = Written(
        kind, reference or f"{kind}-{fen}", amount=fen, due_on=NEXT, note="as agreed with the bank"
    )
    id_ = await adjustments.propose_entry(house.pool, house.clock, said, LIN)
    args = house.pool, house.desk.ledger, house.clock
    await adjustments.approve_entry(*args, *await seen(house.pool, id_), WANG)


async def templates(house: Treasury, account: str = OWN) -> list[str]:
    rows = await house.pool.fetch(
        "SELECT template FROM bank_line WHERE account = $1 ORDER BY booked_at, length(sequence), sequence",
        account,
    )
    return [row["template"] for row in rows]


async def test_a_withdrawal_arrives_and_own_cash_in_transit_is_nothing_again(
    house: Treasury, tmp_path: Path
) -> None:
    await earned(house)
    await named(house)
    await payments.approve_withdrawal(house.desk, *await seen(house.pool, await proposed(house, 400)), WANG)
    (intent,) = await payments.withdrawals(house.pool)
    await payments.advance(house.desk, intent)
    assert await house.balance(1225) == 400
    said = await bring(
        house, tmp_path, 50_000, [Move(400, "B1", text="自有资金"), Move(400, "B2"), Move(-90, "B3")]
    )
    assert said.startswith("3 new lines")
    assert await templates(house) == ["OX", "D5.own", "OX", "OX-"], (
        "what was there before; the withdrawal; the rest"
    )
    assert await house.balances(1002, 1225, 2241) == (50_710, 0, -50_310)
    own = await adjustments.own_bank(house.pool)
    assert (own.books, own.bank, own.gap, own.transit, own.other) == (50_710, 50_710, 0, 0, 50_310)
    assert (
        await bring(house, tmp_path, 50_000, [Move(400, "B1"), Move(400, "B2"), Move(-90, "B3")])
    ).startswith("0 new")
    assert await house.balance(1002) == 50_710


async def test_a_top_up_leaves_our_bank_and_reaches_the_reserve_in_any_order(
    house: Treasury, tmp_path: Path
) -> None:
    one = await house.paid(await house.merchant(), 10_000)
    await house.filed(DAY, [listed(1, one, fee=300)])
    await house.settled(DAY)
    await announced(house, "top_up", 240)
    await bring(house, tmp_path, 1_000, [Move(-240, "B1"), Move(-240, "B2")])
    assert await templates(house) == ["OX", "D3", "OX-"], "one announcement is one line"
    assert await house.balances(1002, 1225) == (520, 240)
    house.on_bank(240, text="from our own bank")
    await house.read()
    assert await house.balances(1225, 1241) == (0, 60)
    await announced(house, "top_up", 60)
    house.on_bank(60, text="the reserve's line comes first")
    await house.read()
    assert await house.balances(1225, 1241) == (-60, 0)
    await bring(house, tmp_path, 520, [Move(-60, "B3")])
    last = "SELECT template FROM bank_line WHERE account = 'own' AND sequence = 'B3'"
    assert await house.pool.fetchval(last) == "D3"
    assert await house.balances(1002, 1225) == (460, 0)


async def test_own_money_is_prefunded_and_lies_in_the_reserve_as_our_own(
    house: Treasury, tmp_path: Path
) -> None:
    await announced(house, "prefunding", 5_000)
    await bring(house, tmp_path, 9_000, [Move(-5_000, "B1")])
    house.on_bank(5_000, text="own money")
    await house.read()
    assert await templates(house, "reserve") == ["D7"]
    assert await house.balances(1002, 1225, 1003, 2361, 1222) == (4_000, 0, 5_000, -5_000, 5_000)
    await named(house)
    assert await payments.may_leave(house.pool, house.clock, "reserve") == 5_000


async def test_interest_is_the_companys_and_needs_two_before_the_line_or_after_it(house: Treasury) -> None:
    await announced(house, "interest", 370, "Q3")
    house.on_bank(370, text="interest of the quarter")
    house.on_bank(80, text="interest of another account")
    await house.read()
    assert await templates(house, "reserve") == ["I1", "X1"]
    assert await house.balances(1003, 2361, 1222, 6011, 2352) == (450, -370, 370, -370, -80)
    row = await house.one_break()
    await propose(house.pool, house.clock, house.desk.journal, row["id"], Cure("I1.receipt"), LIN)
    await approve_newest(house.desk, row["id"], WANG)
    assert await house.balances(2361, 1222, 6011, 2352, 6001) == (-450, 450, -450, 0, 0)
    await closed_without_fees(house)
    assert await house.balances(6011, 6001) == (-450, 0), "the day-end does not take interest for fees"


async def closed_without_fees(house: Treasury) -> None:
    await house.filed(DAY, [])
    await closed(house)


async def test_what_is_the_companys_other_business_is_moved_on_by_two(
    house: Treasury, tmp_path: Path
) -> None:
    await open_accounts(house.desk.ledger, {2202: "unionpay"})
    await bring(house, tmp_path, 1_000, [Move(-700, "B1", text="unionpay's bill of August")])
    file = await adjustments.keep(house.pool, house.clock, "bill.pdf", b"%PDF-1.7 a bill", LIN)
    said = Adjustment(
        "M1", 700, {"debit": "2202/unionpay", "credit": f"2241/{OWN}"}, "wrong_account", "the bill of August",
        "bill 8", (file,),
    )  # fmt: skip
    id_ = await adjustments.propose(house.pool, house.clock, said, LIN)
    args = house.pool, house.desk.ledger, house.clock
    assert await adjustments.approve(*args, *await seen(house.pool, id_), WANG) == "posted"
    assert await house.balances(2202, 2241, 1002) == (700, -1_000, 300)
    with pytest.raises(InvalidInput, match="accounts"):
        await adjustments.propose(
            house.pool, house.clock,
            Adjustment("M1", 7, {"debit": f"1002/{OWN}", "credit": f"2241/{OWN}"}, "other", "cash by hand", "x-1", (file,)),
            LIN,
        )  # fmt: skip


async def test_cut_off_anywhere_each_line_is_booked_once(house: Treasury, tmp_path: Path) -> None:
    await earned(house)
    await named(house)
    await payments.approve_withdrawal(house.desk, *await seen(house.pool, await proposed(house, 400)), WANG)
    (intent,) = await payments.withdrawals(house.pool)
    await payments.advance(house.desk, intent)
    await announced(house, "prefunding", 90)
    house.clock.advance(seconds=1)
    source = tmp_path / "own.xml"
    source.write_text(camt(1_000, [Move(400, "B1"), Move(-90, "B2"), Move(-90, "B3")]), "utf-8")
    for steps in range(60):
        try:
            await book_own(cut_off(house.desk, steps)) if steps else await bring_cut(house, source)
            break
        except Cut:
            continue
    assert steps > 5
    assert await templates(house) == ["OX", "D5.own", "D3", "OX-"]
    assert await house.balances(1002, 1225, 2241) == (1_220, 90, -910)


async def bring_cut(house: Treasury, source: Path) -> None:
    """Store the statement's lines, and book none."""
    found = read_statements(source, "camt053")
    cut = cut_off(house.desk, 0)
    cut.pool = house.pool
    with pytest.raises(Cut):
        await bring_statements(cut, OWN, found, "own.xml", "0" * 64, LIN)
    raise Cut
