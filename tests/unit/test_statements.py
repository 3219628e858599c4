"""A statement is released once, adds up, says the same in every form, and is corrected by a further version only."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import openpyxl
import pypdf
import pytest

from tests.clock import SetClock
from tests.people import LIN
from tests.treasury import DAY, NEXT, Treasury, treasury
from zhangfang.channels.port import Answer, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import adjustment
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, StepKind, weigh
from zhangfang.statements import (
    FORMS,
    KINDS,
    NoStatement,
    as_bytes,
    compared,
    get,
    made,
    of_day,
    of_merchant,
    previous,
    release,
    release_again,
    statement,
)
from zhangfang.statements.reading import public


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as opened:
        yield opened


async def a_week(house: Treasury) -> tuple[Merchant, Intent]:
    """Collect 100.00, give back 25.00, settle, pay out 50.00; a second payout is declined."""
    merchant = await house.merchant(external_ref="M1")
    paid, _ = await house.arrived(merchant, 10_000, 700)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await house.undo(merchant, paid, 2500)
    await house.settle()
    await house.payout(merchant, 5000)
    return merchant, paid


async def test_a_statement_has_every_movement_and_its_closing_is_the_next_days_opening(
    house: Treasury,
) -> None:
    merchant, _ = await a_week(house)
    days = [await statement(house.pool, merchant.id, "某公司", DAY + timedelta(days=n)) for n in range(-1, 4)]
    assert [day.closing for day in days[:-1]] == [day.opening for day in days[1:]]
    assert [len(day.entries) for day in days] == [0, 6, 4, 0, 0]
    owed = -(await house.balance(2321, merchant.id) + await house.balance(2322, merchant.id))
    assert days[-1].closing == owed == 9940 - 2485 + 696 - 5100
    # both sides of a settlement stand in one order, out of pending first
    assert [(line.debit, line.credit) for line in days[2].entries[:2]] == [(8151, 0), (0, 8151)]


async def test_payments_and_movements_are_tied_to_each_other_and_to_their_vouchers(house: Treasury) -> None:
    merchant, paid = await a_week(house)
    for day in (DAY, NEXT):
        said = await statement(house.pool, merchant.id, "某公司", day)
        by_payment: dict[str, int] = {}
        for entry in said.entries:
            by_payment[entry.payment] = by_payment.get(entry.payment, 0) + entry.credit - entry.debit
        inside = by_payment.pop("", 0)  # a settlement moves money between the merchant's own accounts
        assert inside == 0
        assert by_payment == {one.id: one.moved for one in said.payments}
        assert said.closing - said.opening == sum(one.moved for one in said.payments)
        known = {row[0] for row in await house.pool.fetch("SELECT voucher FROM transfer")}
        assert {entry.voucher for entry in said.entries} <= known
    first = (await statement(house.pool, merchant.id, "某公司", DAY)).payments
    assert [(one.kind, one.amount, one.fee, one.original) for one in first] == [
        ("collection", 10_000, 60, ""), ("collection", 700, 4, ""), ("refund", 2500, 15, paid.order_no),
    ]  # fmt: skip


async def test_what_ended_without_success_is_listed_and_moves_nothing(house: Treasury) -> None:
    merchant = await house.merchant()
    failed = await house.asked(merchant, 500)
    await weigh(house.desk, failed, StepKind.QUERY, Answer(Verdict.FAILED))
    said = await statement(house.pool, merchant.id, "某公司", DAY)
    assert [(one.id, one.state, one.fee, one.moved) for one in said.payments] == [
        (public(failed.kind, failed.id), "FAILED", 0, 0)
    ]
    assert said.entries == []


async def test_a_statement_is_released_once_and_stays(house: Treasury) -> None:
    merchant, _ = await a_week(house)
    for _ in range(2):
        assert await release(house.pool, house.clock, DAY, "ZM-0901-1") == 1
    version = await get(house.pool, merchant.id, DAY)
    assert (version.version, version.opening, version.closing, version.lines) == (1, 0, 8151, 6)
    assert (version.certificates, version.payments, version.released_by) == ("ZM-0901-1", 3, "platform")
    row = await house.pool.fetchrow("SELECT * FROM statement")
    assert (row["opening"], row["closing"], row["lines"], row["digest"]) == (0, 8151, 6, version.digest)
    with pytest.raises(NoStatement, match="2026-09-02"):
        await get(house.pool, merchant.id, NEXT)


async def corrected(house: Treasury, merchant: str) -> None:
    """Post 1.00 more for the merchant into the released date."""
    moved = adjustment(
        new_id(house.clock), debit=(3012, "unionpay"), credit=(2322, merchant), amount=100, business_date=DAY,
        memo=new_id(house.clock),
    )  # fmt: skip
    await house.desk.ledger.create_transfers(moved)


async def test_a_correction_is_a_new_version_that_says_what_changed_and_the_old_one_is_kept(
    house: Treasury,
) -> None:
    merchant, _ = await a_week(house)
    await release(house.pool, house.clock, DAY)
    old = await get(house.pool, merchant.id, DAY)
    assert await release_again(house.pool, house.clock, DAY, LIN, "nothing was wrong") == 0
    await corrected(house, merchant.id)
    assert await release(house.pool, house.clock, DAY) == 1
    assert (await get(house.pool, merchant.id, DAY)).version == 1, "the timetable replaces nothing"
    assert await release_again(house.pool, house.clock, DAY, LIN, "a credit was missing") == 1
    new = await get(house.pool, merchant.id, DAY)
    assert (new.version, new.closing, new.released_by) == (2, old.closing + 100, "lin")
    assert await previous(house.pool, new) == old == await get(house.pool, merchant.id, DAY, 1)
    changes = compared(old.said, new.said)
    assert ([one.what for one in changes.entries], list(changes.payments)) == (["added"], [])
    text = as_bytes(new, "account", "csv", old).decode("utf-8-sig")
    assert "第 2 版取代第 1 版" in text
    assert "期末 closing 81.51 → 82.51。原因 Reason: a credit was missing" in text
    assert "新增 Added" in text
    assert [one.version for one in await of_day(house.pool, DAY, 9)] == [2, 1]
    assert [one.version for one in await of_merchant(house.pool, merchant.id, 9)] == [2, 1]
    acts = await house.pool.fetch(
        "SELECT act, target, reason FROM operator_act WHERE result_of IS NULL ORDER BY at"
    )
    assert [tuple(row)[:2] for row in acts] == [("release statements again", f"statements/{DAY}")] * 2


async def test_a_further_version_needs_a_reason(house: Treasury) -> None:
    with pytest.raises(InvalidInput):
        await release_again(house.pool, house.clock, DAY, LIN, "")


async def test_what_was_released_can_be_neither_changed_nor_taken_away(house: Treasury) -> None:
    await a_week(house)
    await release(house.pool, house.clock, DAY)
    for act in ("UPDATE statement_version SET closing = 1", "DELETE FROM statement_version"):
        with pytest.raises(Exception, match=r"append-only|permission denied"):
            await house.pool.execute(act)


def _csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def test_every_kind_in_every_form_says_the_same_sums(house: Treasury) -> None:
    merchant, paid = await a_week(house)
    await release(house.pool, house.clock, DAY, "ZM-0901-1")
    version = await get(house.pool, merchant.id, DAY)
    sums = {"transactions": "−", "account": "81.51", "fees": "0.64", "combined": "81.51"}
    for kind in KINDS:
        rows = _csv(as_bytes(version, kind, "csv"))
        flat = [cell for row in rows for cell in row]
        assert paid.order_no in flat
        assert "凭日终证书 On certificates ZM-0901-1" in flat
        book = openpyxl.load_workbook(io.BytesIO(as_bytes(version, kind, "xlsx")))
        numbers = [cell for page in book for row in page.iter_rows(values_only=True) for cell in row]
        pages = pypdf.PdfReader(io.BytesIO(as_bytes(version, kind, "pdf"))).pages
        text = "".join(page.extract_text() for page in pages)
        assert version.digest in text
        assert "字体中没有" not in text
        if kind != "transactions":
            assert sums[kind] in flat
            assert sums[kind] in text
            assert float(sums[kind]) in numbers
    assert json.loads(as_bytes(version, "account", "json")) == json.loads(version.body)


async def test_the_two_in_one_ties_each_movement_to_its_payment(house: Treasury) -> None:
    merchant, _ = await a_week(house)
    await release(house.pool, house.clock, DAY)
    rows = _csv(as_bytes(await get(house.pool, merchant.id, DAY), "combined", "csv"))
    at_ = next(n for n, row in enumerate(rows) if row[:1] == ["交易序号 No."])
    assert [row[0] for row in rows[at_ + 2 : at_ + 8]] == ["1", "1", "2", "2", "3", "3"]


@pytest.mark.parametrize("form", ["csv", "pdf", "json"])
async def test_a_process_of_its_own_makes_the_same_bytes(house: Treasury, form: str) -> None:
    merchant, _ = await a_week(house)
    await release(house.pool, house.clock, DAY)
    old = await get(house.pool, merchant.id, DAY)
    await corrected(house, merchant.id)
    await release_again(house.pool, house.clock, DAY, LIN, "a credit was missing")
    new = await get(house.pool, merchant.id, DAY)
    chunks = [chunk async for chunk in made(new, "combined", form, old)]
    assert b"".join(chunks) == as_bytes(new, "combined", form, old)
    assert form in FORMS
