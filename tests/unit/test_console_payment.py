"""What a payment's page says of its end: the path, the three books, the fee. They agree with what is booked and listed."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import DAY, Treasury, listed, stray, treasury
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.console import view
from zhangfang.console.reading import payments
from zhangfang.console.reading.model import Dossier
from zhangfang.console.timeline import timeline
from zhangfang.payments import Intent, StepKind, weigh
from zhangfang.reconciliation import propose
from zhangfang.web.words import Words

EN = Words("en")
FAILED = Answer(Verdict.FAILED, code="51", message="no money")


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def dossier(house: Treasury, intent: Intent) -> Dossier:
    found = await payments.dossier(house.pool, intent.id)
    assert found is not None
    return found


def said(d: Dossier) -> tuple[str, list[int | None], list[str]]:
    """Return the verdict over the three books, their amounts, and how each segment of the path looks."""
    checks = view.three_way(d, EN)
    amounts = [check.amount for check in checks]
    return view.agreement(checks, d.payment), amounts, [segment.look for segment in view.path(d, EN)]


async def test_a_payment_that_people_filled_in_is_booked_and_listed_in_every_place(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.filed(DAY, [stray(1, 8800, note="STATIC-1")])
    await house.settled(DAY)
    id_ = (await house.one_break())["id"]
    await propose(house.desk.pool, house.desk.clock, house.desk.journal, id_, "B2", LIN, merchant=merchant.id)
    await approve(house.desk, id_, WANG)
    intent = await house.desk.journal.by_id(id_)
    assert intent is not None
    found = await dossier(house, intent)
    assert said(found) == ("equal", [8800, 8800, 8800], ["done"] * 4 + ["todo"])
    ledger, file, _ = view.three_way(found, EN)
    assert ledger.path == f"/vouchers/{found.facts.voucher}"
    assert file.path == f"/reconciliation/{DAY}/unionpay/lines#line-1"
    assert [view.said(event, Words("zh")) for event in timeline(found.payment, found.steps)] == [
        "lin 与 wang；第 1 行"
    ]


async def test_a_payment_that_failed_has_no_fee_and_no_book_waits_for_it(house: Treasury) -> None:
    asked = await house.asked(await house.merchant(), 10_000)
    await weigh(house.desk, asked, StepKind.ANSWER, FAILED)
    found = await dossier(house, asked)
    assert said(found) == ("none", [None, None, None], ["failed", *["todo"] * 4])
    assert view.fee_of(found.payment) is None


async def test_a_payout_that_failed_shows_the_money_back_in_the_balance(house: Treasury) -> None:
    merchant = await house.merchant()
    await house.arrived(merchant, 50_000)
    await house.settle()
    house.bank.answer = FAILED
    found = await dossier(house, await house.payout(merchant, 10_000))
    assert found.payment.state == "FAILED"
    assert said(found) == ("none", [0, None, None], ["done", "failed", "todo", "after"])


async def test_a_void_and_its_payment_wait_for_no_file(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 10_000)
    void = await house.undo(merchant, paid, 10_000, Operation.VOID)
    for intent in (paid, void):
        verdict, amounts, _ = said(await dossier(house, intent))
        assert (verdict, amounts) == ("equal", [10_000, None, None])


async def test_a_listed_payment_is_equal_when_its_money_has_come_and_differs_by_a_fen(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    first, second = [await house.paid(merchant, 10_000) for _ in range(2)]
    assert said(await dossier(house, first))[:2] == ("waiting", [10_000, None, None])
    await house.filed(DAY, [listed(1, first), listed(2, second, 10_001)])
    await house.settled(DAY)
    assert said(await dossier(house, first))[:2] == ("equal", [10_000] * 3)
    assert said(await dossier(house, second))[0] == "differs"
