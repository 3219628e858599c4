"""What people read and do about fees in the console: a rule for two, why a payment paid what it did, a month, a bill."""

import re
from datetime import date
from uuid import UUID

import pytest

from tests.people import WANG, seen
from tests.treasury import NEXT, at, listed
from tests.unit import test_duplicates_pages as pages
from tests.unit.test_duplicates_pages import Desk
from tests.unit.test_fee_bills import BILLED, bill, billed, paid
from tests.unit.test_fees import agree
from tests.words import latin
from zhangfang import approvals
from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.proposals import approve
from zhangfang.fees import rules_of
from zhangfang.fees.reading import rule_typed
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.merchants import FeeKind, FeeRule, OnRefund, Taken, Tier, get_merchant

desk = pages.desk  # the fixture
ASKED = (
    "kind=collection&rate=0.38&from=2026-09-02&channel=unionpay&taken=settlement&on_refund=kept&amount=100"
)
TYPED = dict.fromkeys(
    ("kind", "from", "rate", "fixed", "min", "max", "until", "channel", "product", "instalments", "account_type", "fee_by",
     "tiers", "tiers_by", "tiers_how", "taken", "on_refund"), ""
) | {
    "kind": "purchase", "from": "2026-09-02", "rate": "0.6", "tiers_by": "amount", "tiers_how": "marginal",
    "taken": "month", "borne": "merchant",
}  # fmt: skip


async def test_a_rule_is_tried_proposed_approved_and_stands_on_the_merchants_page(desk: Desk) -> None:
    house = desk.house
    merchant = await house.merchant()
    page = f"/merchants/{merchant.id}/fee"
    tried = await desk.get(f"{page}?{ASKED}")
    assert "100.00 × 0.38 % = 0.38; fee 0.38" in tried.text
    assert (
        "collection, channel UnionPay, from 2026-09-02; 0.38 %, taken at settlement, kept when refunded"
        in tried.text
    )
    sent = await desk.send(f"{page}?{ASKED}", page, reason="as they wrote")
    assert sent.status_code == 303
    (one,) = await approvals.proposals(house.pool)
    assert sent.headers["location"].endswith(prefixed("prp", one.id))
    assert (
        "collection, channel UnionPay, from 2026-09-02"
        in (await desk.get(f"/proposals/{prefixed('prp', one.id)}")).text
    )
    await approve(house.desk, *await seen(house.pool, one.id), WANG)
    shown = (await desk.get(f"/merchants/{merchant.id}")).text
    assert "to come" in shown
    assert "channel UnionPay, from 2026-09-02; 0.38 %" in shown
    house.clock.set(at(NEXT, 9))
    agreed = next(rule for rule in await rules_of(house.pool, merchant.id) if rule.channel)
    assert (agreed.rate_ppm, agreed.taken, agreed.on_refund) == (3800, Taken.SETTLEMENT, OnRefund.KEPT)


@pytest.mark.parametrize(
    "changed", ["rate=x", "rate=0.38&from=2026-09-01", "rate=1&tiers=5", "rate=1&instalments=-1"]
)
async def test_a_rule_that_cannot_be_is_named_on_the_form_and_nothing_is_proposed(
    desk: Desk, changed: str
) -> None:
    merchant = await desk.house.merchant()
    answer = await desk.get(f"/merchants/{merchant.id}/fee?{changed}")
    assert answer.status_code == 422
    assert "; allowed: " in answer.text
    assert 'name="rate"' in answer.text, "the form again, as it was typed"
    refused = await desk.send(
        f"/merchants/{merchant.id}/fee?{ASKED}", f"/merchants/{merchant.id}/fee", reason="x"
    )
    assert refused.status_code == 422, "without a reason"
    assert await approvals.proposals(desk.house.pool) == ()


async def test_a_payments_page_says_why_its_fee_is_what_it_is(desk: Desk) -> None:
    house = desk.house
    merchant = await house.merchant()
    await agree(
        house.desk, merchant.id, FeeRule(FeeKind.COLLECTION, 3800, effective_from=NEXT, channel="unionpay")
    )
    house.clock.set(at(NEXT, 9))
    one = await paid(house, await get_merchant(house.pool, merchant.id), 100_00)
    english, chinese = [(await desk.get(f"/payments/{one.id.hex}", lang)).text for lang in ("en", "zh")]
    assert "100.00 × 0.38 % = 0.38; fee 0.38" in english
    assert "代收，渠道 银联，自 2026-09-02 起；0.38 %" in chinese


async def test_a_month_shows_income_beside_cost_and_a_bill_that_two_people_take(desk: Desk) -> None:
    house = desk.house
    await open_platform_accounts(house.desk.ledger)
    merchant = await billed(house, BILLED)
    cost = FeeRule(FeeKind.COLLECTION, 2000, effective_from=date(2026, 9, 3))
    await agree(house.desk, "unionpay", cost)
    one, two = await paid(house, merchant, 100_00), await paid(house, merchant, 50_00)
    await house.filed(NEXT, [listed(1, one, fee=20), listed(2, two, fee=11)])
    house.clock.set(at(date(2026, 10, 1), 12))
    await bill(house)
    page = (await desk.get("/fees/2026-09")).text
    assert "Fees of" in page
    assert latin((await desk.get("/fees/2026-09", "zh")).text) <= {"bil"}
    (row,) = await house.pool.fetch("SELECT * FROM fee_bill")
    shown = prefixed("bil", row["id"])
    assert f"/fee-bills/{shown}" in page
    lines = (await desk.get(f"/fee-bills/{shown}")).text
    plain = re.sub("<[^>]+>", "", lines)
    assert all(amount in plain for amount in ("0.60", "0.30", "0.90"))
    assert (await desk.send(f"/fee-bills/{shown}", reason="as they wrote")).status_code == 303
    assert [one.kind for one in await approvals.proposals(house.pool)] == ["fee bill"]
    for nothing in ("/fees/2026-13", "/fee-bills/bil_0", f"/fee-bills/{prefixed('bil', UUID(int=1))}"):
        assert (await desk.get(nothing)).status_code == 404


def test_a_form_becomes_the_rule_that_it_says() -> None:
    made = rule_typed(TYPED | {"fixed": "0.10", "max": "1,000", "tiers": "10000: 0.5", "instalments": "3"})
    assert (made.kind, made.rate_ppm, made.fixed_fen, made.max_fen) == (FeeKind.PURCHASE, 6000, 10, 1_000_00)
    assert (made.tiers[0], made.instalments) == (Tier(10_000_00, 5000), 3)


@pytest.mark.parametrize(
    "changed",
    [{"rate": "0.12345"}, {"rate": ""}, {"from": "soon"}, {"tiers": "5"}, {"fixed": "1.234"}, {"instalments": "x"},
     {"kind": ""}, {"taken": "never"}],
    ids=str,
)  # fmt: skip
def test_each_fault_of_a_form_names_its_field(changed: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        rule_typed(TYPED | changed)
    assert refused.value.field in changed
