"""A fee bill that its merchant pays by bank transfer: the line of the company's own account closes it, and no other."""

from pathlib import Path

from tests.bills import Move
from tests.treasury import NEXT, Cut, Treasury, at, cut_off
from tests.unit import test_own_bank as own
from tests.unit.test_fee_bills import BILLED, OVER, SEPTEMBER, paid
from tests.unit.test_fees import agree
from tests.unit.test_own_bank import bring, templates
from zhangfang import fees
from zhangfang.kernel.sql import load
from zhangfang.merchants import get_merchant
from zhangfang.payments import book
from zhangfang.reconciliation.own_bank import book_own

house = own.house  # the fixture
audit = load("zhangfang_audit", "books.sql")


async def some_bills(house: Treasury, count: int) -> list[fees.Bill]:
    """Bill each of some merchants for a payment of September, and post the bills."""
    for _ in range(count):
        await agree(house.desk, (await house.merchant()).id, BILLED)
    house.clock.set(at(NEXT, 9))
    for row in await house.pool.fetch("SELECT id FROM merchant"):
        await paid(house, await get_merchant(house.pool, row["id"]), 10_000)
    house.clock.set(at(OVER, 9))
    await fees.bill_month(house.pool, house.desk.ledger, house.clock, book, SEPTEMBER)
    return await fees.bills(house.pool)


async def state(house: Treasury, one: fees.Bill) -> str:
    found = await fees.bill(house.pool, one.id)
    assert found
    return found[0].state


async def test_a_line_that_names_a_bill_pays_it(house: Treasury, tmp_path: Path) -> None:
    first, second = await some_bills(house, 2)
    assert first.amount == second.amount == 60
    moves = [
        Move(60, "B1", text=f"手续费 {second.shown.upper()}"),
        Move(61, "B2", text=first.shown),
        Move(60, "B3"),
    ]
    await bring(house, tmp_path, 0, moves)
    assert await templates(house) == ["F4.bank", "OX", "OX"], (
        "another amount, or no name: the company's other business"
    )
    assert (await state(house, first), await state(house, second)) == ("posted", "paid")
    assert await house.balances(1122, 1002, 2241) == (60, 181, -121)
    assert (
        await fees.take(house.pool, house.desk.ledger, house.clock, book, second.id) == "it was paid before"
    )
    assert await house.pool.fetch(f"{audit['shared']}\n{audit['subledger_breaks']}") == []


async def test_cut_off_anywhere_a_bill_is_paid_once(house: Treasury, tmp_path: Path) -> None:
    (one,) = await some_bills(house, 1)
    for steps in range(40):
        try:
            if steps:
                await book_own(cut_off(house.desk, steps))
            else:
                desk, house.desk = house.desk, cut_off(house.desk, 10_000)
                house.desk.ledger = cut_off(desk, 0).ledger
                await bring(house, tmp_path, 0, [Move(60, "B1", text=one.shown)])
            break
        except Cut:
            if not steps:
                house.desk = desk
    assert await templates(house) == ["F4.bank"]
    assert (await state(house, one), await house.balance(1122), await house.balance(1002)) == ("paid", 0, 60)
