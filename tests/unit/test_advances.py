"""Advances: own funds pay a refund that the merchant lacks, within its line; its next settlements pay that back."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import NEXT, Treasury, at, treasury
from tests.unit import test_duplicates_pages as pages
from tests.unit.test_duplicates_pages import Desk
from tests.unit.test_settlement_terms import batches, merchant_with
from zhangfang import advances, approvals, fees, payments
from zhangfang.assembly.proposals import approve
from zhangfang.channels.port import Answer, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.ledger import Result
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, NewShare, Split, State, StepKind, split_payment, weigh
from zhangfang.payments.course.short import other_source

audit = load("zhangfang_audit", "books.sql")
desk = pages.desk  # the fixture
THIRD = NEXT + timedelta(days=1)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made
        for name in ("subledger_breaks", "unowned"):
            wrong = await made.pool.fetch(f"{audit['shared']}\n{audit[name]}")
            assert [dict(row) for row in wrong] == [], "the auditor counts what advances have moved"


async def own_money(house: Treasury, fen: int = 10_000) -> None:
    """Let another merchant's fee be our own money in the reserve."""
    await house.paid(await house.merchant(), fen, fee=fen)


async def paid_out(house: Treasury, **terms: Any) -> tuple[Merchant, Intent]:
    """Settle a payment of 10.00 at 0.06 and pay most of it out: 1.94 is left."""
    merchant = await merchant_with(house, when_short="advance", **{"advance_fen": 1000} | terms)
    (paid,) = await house.arrived(merchant, 1000)
    await house.settle()
    await house.payout(merchant, 700)
    return merchant, paid


async def standing(house: Treasury, merchant: Merchant) -> int:
    return (await advances.standing(house.pool, [merchant.id]))[merchant.id]


async def test_what_a_refund_lacks_is_advanced_and_the_next_settlement_pays_it_back_first(
    house: Treasury,
) -> None:
    await own_money(house)
    merchant, paid = await paid_out(house, reserve_ppm=500_000, reserve_days=9)
    await house.pool.execute("UPDATE settlement SET release_on = release_on + 100")
    left = -await house.balance(2322, merchant.id)
    refund = await house.undo(merchant, paid, 1000)
    assert (refund.template, refund.advanced) == ("R3", 1000 - 6 - left)
    assert await house.balances(2322, 1223, 1241, 2242) == (
        0,
        refund.advanced,
        refund.advanced,
        -refund.advanced,
    )
    assert await standing(house, merchant) == refund.advanced
    assert "the merchant lacked 4.97 of the refund" in (await fees.why(house.pool, refund.id)).words["en"]
    house.clock.set(at(NEXT, 11))
    await house.arrived(merchant, 2000, day=NEXT)
    await house.settle(THIRD)
    rest = 1988 - refund.advanced
    assert (await batches(house))[-1] == {
        "recovered": refund.advanced, "amount": rest - (rest + 1) // 2, "reserved": (rest + 1) // 2,
    }  # fmt: skip
    assert (await standing(house, merchant), await house.balance(1223)) == (0, 0)


async def test_an_advance_is_within_the_line_of_the_terms(house: Treasury) -> None:
    await own_money(house)
    merchant = await merchant_with(house, when_short="advance", advance_fen=900)
    one, other = await house.arrived(merchant, 1000, 1000)
    await house.settle()
    await house.payout(merchant, 1788)
    first, second = await house.undo(merchant, one, 1000), await house.undo(merchant, other, 7)
    assert (first.template, first.advanced) == ("R3", 1000 - 6 - 100)
    assert (second.template, second.state, second.code) == ("R2", State.REFUSED, "exceeds_credits")
    assert (await house.undo(merchant, other, 6)).advanced == 6


async def test_an_advance_is_out_of_our_own_money_in_the_reserve_alone(house: Treasury) -> None:
    merchant, paid = await paid_out(house)
    own = -await house.balance(2361)
    assert own < 194
    refund = await house.undo(merchant, paid, 1000)
    assert (refund.template, refund.state) == ("R2", State.REFUSED)
    assert await house.balance(1241) == 0


async def test_of_two_refunds_at_once_the_second_has_what_the_first_leaves_of_the_line(
    house: Treasury,
) -> None:
    await own_money(house)
    merchant = await merchant_with(house, when_short="advance", advance_fen=1200)
    paid = await house.arrived(merchant, 1000, 1000)
    await house.settle()
    await house.payout(merchant, 1888)
    refunds = await asyncio.gather(*(house.undo(merchant, one, 1000) for one in paid))
    assert sorted(one.template for one in refunds) == ["R2", "R3"]
    assert await house.balance(1223) == 994
    assert await standing(house, merchant) == 994


async def test_a_refund_that_fails_after_its_advance_was_paid_back_brings_that_back(house: Treasury) -> None:
    await own_money(house)
    merchant, paid = await paid_out(house)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    refund = await house.undo(merchant, paid, 1000)
    house.clock.set(at(NEXT, 11))
    await house.arrived(merchant, 1000, day=NEXT)
    await house.settle(THIRD)
    assert (await batches(house))[-1] == {"recovered": 800, "amount": 194}
    await weigh(house.desk, await house.now(refund), StepKind.QUERY, Answer(Verdict.FAILED))
    assert await house.balances(1223, 1241, 2242) == (-800, 0, 0)
    await house.settle(THIRD + timedelta(days=1))
    assert (await batches(house))[-1] == {"recovered": -800, "amount": 800}
    assert await house.balance(1223) == 0
    assert -await house.balance(2322, merchant.id) == 194 + 194 + 800
    await house.settle(THIRD + timedelta(days=2))
    assert len(await batches(house)) == 3, "once"


async def test_two_people_advance_a_merchant_within_its_line(house: Treasury) -> None:
    await own_money(house)
    merchant = await merchant_with(house, advance_fen=1000)
    pool, clock = house.pool, house.clock

    async def proposed(fen: int) -> Any:
        return await advances.propose(pool, clock, merchant.id, fen, LIN, "until Friday's money is here")

    for fen, why in ((1001, "line has 10.00 left"), (20_000, "line"), (0, "amount")):
        with pytest.raises((advances.NotCovered, InvalidInput), match=why):
            await proposed(fen)
    id_ = await proposed(600)
    said = (house.desk.ledger, clock, payments.book, *await seen(pool, id_), WANG)
    assert await advances.approve(pool, *said) == await advances.approve(pool, *said) == "6.00 advanced"
    assert await house.balances(2322, 1223, 1241, 2242) == (-600, 600, 600, -600)
    second = await proposed(400)
    await pool.execute("UPDATE merchant_terms SET advance_fen = 900 WHERE merchant = $1", merchant.id)
    with pytest.raises(advances.NotCovered):
        await advances.approve(pool, house.desk.ledger, clock, payments.book, *await seen(pool, second), WANG)
    assert await standing(house, merchant) == 600
    await house.arrived(merchant, 500)
    await house.settle()
    assert (await batches(house))[-1] == {"recovered": 497}
    assert await standing(house, merchant) == 103


async def test_a_person_proposes_an_advance_on_the_merchants_page_and_another_approves_it(desk: Desk) -> None:
    house = desk.house
    await own_money(house)
    merchant = await merchant_with(house, advance_fen=1000)
    page = f"/merchants/{merchant.id}/settlement"
    refused = await desk.send(page, f"{page}/advance", amount="10.01", reason="wages")
    assert (refused.status_code, "line has 10.00 left" in refused.text) == (422, True)
    sent = await desk.send(page, f"{page}/advance", amount="6", reason="wages")
    (one,) = await approvals.proposals(house.pool)
    assert sent.headers["location"].endswith(prefixed("prp", one.id))
    await approve(house.desk, *await seen(house.pool, one.id), WANG)
    shown = re.sub(r"<[^>]+>", "", (await desk.get(page)).text)
    assert "6.00 is advanced, and the next settlements pay it back first" in shown
    assert "of a line of" in (await desk.get(f"/merchants/{merchant.id}")).text


async def split_and_settled(house: Treasury, **terms: Any) -> tuple[Merchant, Merchant, Intent]:
    """Settle a payment of 10.00 with a part of 6.00 for a receiver, who pays most of it out: 1.00 is left."""
    seller = await merchant_with(house)
    other = await merchant_with(house, **{"when_short": "advance", "advance_fen": 1000} | terms)
    (paid,) = await house.arrived(seller, 1000)
    split = Split((NewShare(other.id, 600),), refund_from="proportional")
    await split_payment(house.pool, house.desk.ledger, house.clock, seller, paid.id, split, "k")
    await house.settle()
    await house.payout(other, 400)
    return seller, other, paid


async def test_what_a_receiver_lacks_at_a_refund_is_advanced_and_set_off_at_its_own_settlements(
    house: Treasury,
) -> None:
    await own_money(house)
    seller, other, paid = await split_and_settled(house)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    refund = await house.undo(seller, paid, 1000)
    assert (refund.state, refund.template) == (State.UNKNOWN, "R2")
    assert (await standing(house, seller), await standing(house, other)) == (0, 500)
    assert [await house.balance(2322, who.id) for who in (seller, other)] == [0, 0]
    house.clock.set(at(NEXT, 11))
    await house.arrived(other, 400, day=NEXT)
    await house.settle(THIRD)
    assert (await standing(house, other), await house.balance(1223)) == (500 - 398, 500 - 398)
    await weigh(house.desk, await house.now(refund), StepKind.QUERY, Answer(Verdict.FAILED))
    await house.settle(THIRD + timedelta(days=1))
    assert (await standing(house, other), await house.balance(1223)) == (0, 0)
    assert [-await house.balance(2322, who.id) for who in (seller, other)] == [394, 100 + 398]


async def test_a_second_try_under_an_older_voucher_changes_no_part(house: Treasury) -> None:
    await own_money(house)
    seller, other, paid = await split_and_settled(house, advance_fen=5000)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    refund = await house.undo(seller, paid, 1000)
    assert await standing(house, other) == 500
    house.clock.set(at(NEXT, 11))
    await house.arrived(seller, 2000, day=NEXT)
    await house.settle(THIRD)  # so the seller lacks nothing, and all is asked for the receiver again
    await other_source(house.desk, replace(refund, voucher=uuid4()), Result.EXCEEDS_CREDITS)
    assert (await standing(house, other), await house.balance(1223)) == (500, 500)


@pytest.mark.parametrize("terms", [{"advance_fen": 499}, {"when_short": "refuse"}])
async def test_beyond_its_line_a_receivers_lack_refuses_the_refund_and_moves_nothing(
    house: Treasury, terms: dict[str, Any]
) -> None:
    await own_money(house)
    seller, other, paid = await split_and_settled(house, **terms)
    refund = await house.undo(seller, paid, 1000)
    assert (refund.state, refund.code) == (State.REFUSED, "exceeds_credits")
    assert await standing(house, other) == 0
    assert [-await house.balance(2322, who.id) for who in (seller, other)] == [394, 100]
