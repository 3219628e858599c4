"""The books of a day that the real writer has paged: every reader finds in pages what stands in `transfer`."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, at, treasury
from zhangfang.closing import roll, trial
from zhangfang.console.reading import books, merchants, reconciliation
from zhangfang.statements import statement

RAW = """
SELECT
    e.account,
    coalesce(sum(debit_amount - credit_amount) FILTER (WHERE business_date < $1), 0)::bigint AS opening,
    coalesce(sum(debit_amount) FILTER (WHERE business_date = $1), 0)::bigint AS debit,
    coalesce(sum(credit_amount) FILTER (WHERE business_date = $1), 0)::bigint AS credit
FROM ledger_entry e GROUP BY e.account
"""
OWN_LINES = """
SELECT e.seq, e.debit_amount, e.credit_amount FROM ledger_entry e JOIN account a ON a.id = e.account
WHERE a.subject = $1 AND a.code BETWEEN 2321 AND 2324 AND e.business_date = $2 ORDER BY e.seq, e.credit_amount
"""


@pytest.fixture
async def house(
    database_url: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Treasury]:
    monkeypatch.setattr("zhangfang.ledger.writer.writer.CHECKPOINT_S", 0.05)
    async with treasury(database_url, clock) as made:
        yield made


async def paged(house: Treasury) -> None:
    """Wait until every entry is on a page."""
    left = (
        "SELECT h.seq - coalesce(c.paged, 0) FROM head h LEFT JOIN ledger_checkpoint c ON c.shard = h.shard"
    )
    for _ in range(500):
        if not await house.pool.fetchval(left):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the writer lays down no pages")


async def check(house: Treasury, *days: date) -> None:
    for day in days:
        raw = {row["account"]: tuple(row)[1:] for row in await house.pool.fetch(RAW, day)}
        for balance in await trial.trial_balance(house.pool, day):
            found = (balance.opening, balance.debit, balance.credit)
            assert found == raw.get(balance.account, (0, 0, 0)), (day, balance)
    now = await house.pool.fetchval(
        "SELECT count(*) FROM books_now n WHERE n.debits - n.credits <> (SELECT coalesce(sum(debit_amount - credit_amount),"
        " 0) FROM ledger_entry e WHERE e.account = n.account)"
    )
    assert now == 0


async def test_a_day_on_pages_reads_as_it_stands_in_the_entries(house: Treasury) -> None:
    merchant, other = await house.merchant(), await house.merchant()
    paid, *_ = await house.arrived(merchant, 10_000, 500)
    await paged(house)
    await check(house, DAY, NEXT)
    house.clock.set(at(NEXT, 10, 30))
    await roll.roll(house.pool, house.clock, DAY)
    await house.settle()
    await house.payout(merchant, 3000)
    await house.paid(other, 700)  # dated into the day that is rolled
    await check(house, DAY, NEXT)
    await paged(house)
    await check(house, DAY, NEXT)
    await house.undo(merchant, paid, 100)  # on no page yet, or on one: it must not matter
    await check(house, DAY, NEXT)
    for whose in (merchant, other):
        for day in (DAY, NEXT):
            made = await statement(house.desk.pool, whose.id, "x", day)
            raw = [tuple(row) for row in await house.pool.fetch(OWN_LINES, whose.id, day)]
            assert [(line.seq, line.debit, line.credit) for line in made.entries] == raw


async def test_an_account_s_pages_give_its_history_and_a_voucher_its_lines(house: Treasury) -> None:
    merchant = await house.merchant()
    paid, *_ = await house.arrived(merchant, 10_000, 500)
    await house.settle()
    await paged(house)
    shown = await merchants.accounts(house.pool, merchant.id)
    assert {b.code: -b.closing for b in shown if b.book == 1} == {2321: 0, 2322: 10_437, 2323: 0, 2324: 0}
    pending = next(balance for balance in shown if balance.code == 2321)
    assert pending.account
    whole = [entry.balance async for page in books.every_entry(house.pool, pending.account) for entry in page]
    assert whole[0] == 0
    assert (await books.history(house.pool, pending.account, None, 2))[0].balance == 0
    lines = await books.voucher(house.pool, paid.voucher)
    assert [(line.code, line.debit, line.credit) for line in lines] == [
        (3011, 10_000, None), (2321, None, 10_000), (2321, 60, None), (2361, None, 60),
    ]  # fmt: skip


async def test_a_statement_of_the_bank_agrees_with_cash_whatever_vouchers_booked_it(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 10_000)  # booked by the file's voucher
    house.on_bank(4200, text="who knows")  # booked by the break's
    await house.read()
    await paged(house)
    for day in {line.booked_at.date() for line in house.bank.lines}:
        for shown in await reconciliation.statements(house.pool, day):
            assert shown.ours_fen == shown.theirs_fen != 0
