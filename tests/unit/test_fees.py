"""Two people agree a rule, it charges from its day on, and every fee can be explained afterwards."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from tests.api import open_counter
from tests.clock import SetClock
from tests.desk import Shop, open_shop
from tests.people import LIN, SPELT, WANG, seen
from zhangfang import approvals
from zhangfang.approvals import SecondPerson, operator
from zhangfang.channels.port import Operation
from zhangfang.fees import UnknownFee, approve_rule, propose_rule, rules_of, why
from zhangfang.fees.reading import rule_of
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import (
    FeeKind,
    FeeRule,
    Merchant,
    OnRefund,
    Taken,
    Tier,
    UnknownMerchant,
    get_merchant,
)
from zhangfang.payments import Desk

TODAY, NEXT = date(2026, 9, 1), date(2026, 9, 2)
TIERED = FeeRule(
    FeeKind.COLLECTION, 5000, effective_from=NEXT, channel="unionpay", tiers=(Tier(100_00, 4000),), on_refund=OnRefund.KEPT
)  # fmt: skip
NOBODY = "mer_" + "0" * 26


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as shop:
        yield shop


async def agree(desk: Desk, subject: str, rule: FeeRule) -> UUID:
    """Let two people agree a rule; return its id."""
    id_ = await propose_rule(desk.pool, desk.clock, desk.channels, subject, rule, LIN, "as agreed by letter")
    await approve_rule(desk.pool, desk.clock, *await seen(desk.pool, id_), WANG)
    return id_


async def tomorrow(shop: Shop, merchant: Merchant) -> Merchant:
    """Return the merchant as it is a day later."""
    shop.clock.advance(hours=24)
    return await get_merchant(shop.desk.pool, merchant.id)


async def test_an_agreed_rule_charges_from_its_day_on_and_is_kept_with_the_payment(shop: Shop) -> None:
    merchant = await shop.merchant()
    id_ = await agree(shop.desk, merchant.id, TIERED)
    old = await shop.ask(await get_merchant(shop.desk.pool, merchant.id), Operation.COLLECTION, "old", 150_00)
    merchant = await tomorrow(shop, merchant)
    new = await shop.ask(merchant, Operation.COLLECTION, "new", 150_00)
    plain = next(rule for rule in merchant.fee_rules if rule.kind is FeeKind.COLLECTION and not rule.tiers)
    assert [(one.fee, one.fee_rule) for one in (old, new)] == [(90, plain.id), (70, id_)]
    said = await why(shop.desk.pool, new.id)
    assert (said.rule, said.stored) == (id_, True)
    assert said.words["en"] == "100.00 × 0.5 % + 50.00 × 0.4 % = 0.70; fee 0.70"
    assert said.rule_words["zh"].startswith(
        "代收，渠道 unionpay，自 2026-09-02 起；0.5 %，100.00 以上 0.4 %，按金额分段计"
    )


async def test_a_refund_goes_by_the_rule_of_its_payment(shop: Shop) -> None:
    """The rule keeps the fee, whatever the terms say, and whatever rule comes after it."""
    merchant = await shop.merchant()
    await agree(shop.desk, merchant.id, TIERED)
    merchant = await tomorrow(shop, merchant)
    paid = await shop.ask(merchant, Operation.COLLECTION, "kept", 150_00)
    await shop.settle_down()
    refund = await shop.ask(merchant, Operation.REFUND, "back", 50_00, original=paid.id)
    assert refund.fee == 0
    assert (
        (await why(shop.desk.pool, refund.id))
        .words["en"]
        .startswith("given back: 50.00 of 150.00 was refunded; of its fee 0.70 this gave back 0.00")
    )


async def test_a_payment_from_before_rules_had_ids_is_explained_by_the_rules_of_its_date(shop: Shop) -> None:
    merchant = await shop.merchant()
    paid = await shop.ask(merchant, Operation.COLLECTION, "old", 150_00)
    await shop.desk.pool.execute("UPDATE intent SET fee_rule = NULL")
    said = await why(shop.desk.pool, paid.id)
    assert (said.stored, said.words["en"]) == (False, "150.00 × 0.6 % = 0.90; fee 0.90")
    await shop.desk.pool.execute("UPDATE intent SET fee = 91")
    assert (await why(shop.desk.pool, paid.id)).rule is None, "a rule that gives another fee is not the one"
    with pytest.raises(UnknownFee):
        await why(shop.desk.pool, UUID(int=1))


async def test_nobody_agrees_with_themselves_and_only_what_was_seen_is_agreed(shop: Shop) -> None:
    merchant, desk = await shop.merchant(), shop.desk
    id_ = await propose_rule(desk.pool, desk.clock, desk.channels, merchant.id, TIERED, LIN, "as agreed")
    for spelt in SPELT:
        with pytest.raises(SecondPerson):
            await approve_rule(desk.pool, desk.clock, *await seen(desk.pool, id_), operator(spelt))
    with pytest.raises(approvals.ItChanged):
        await approve_rule(desk.pool, desk.clock, id_, "0" * 64, WANG)
    assert TIERED not in await rules_of(desk.pool, merchant.id)
    shop.clock.advance(hours=24)  # its day has come while it waited
    with pytest.raises(
        InvalidInput, match="effective_from: got the date 2026-09-02; allowed: a day after 2026-09-02"
    ):
        await approve_rule(desk.pool, desk.clock, *await seen(desk.pool, id_), WANG)
    assert TIERED not in await rules_of(desk.pool, merchant.id)


async def test_a_channels_charges_are_agreed_in_the_same_way(shop: Shop) -> None:
    cost = FeeRule(FeeKind.COLLECTION, 2000, effective_from=NEXT)
    await agree(shop.desk, "unionpay", cost)
    assert await rules_of(shop.desk.pool, "unionpay") == (cost,)
    with pytest.raises(InvalidInput, match="channel"):
        await agree(shop.desk, "unionpay", replace(cost, channel="unionpay"))
    with pytest.raises(UnknownMerchant):
        await agree(shop.desk, NOBODY, cost)


BAD = [
    ({"effective_from": TODAY}, "effective_from"),
    ({"until": TODAY}, "until"),
    ({"rate_ppm": 1_000_001}, "rate_ppm"),
    ({"min_fen": 5, "max_fen": 4}, "max_fen"),
    ({"channel": "nobank"}, "channel"),
    ({"account_type": "personal/IV/card"}, "account_type"),
    ({"product": "till", "kind": FeeKind.PURCHASE}, "product"),
    ({"product": "cashier"}, "kind"),
    ({"instalments": 61, "kind": FeeKind.PURCHASE}, "instalments"),
    ({"fee_by": "bank", "kind": FeeKind.PURCHASE}, "fee_by"),
    ({"tiers": (Tier(10, 1), Tier(10, 2))}, "tiers.over_fen"),
    ({"tiers": (Tier(10, -1),)}, "tiers.rate_ppm"),
    ({"tiers": tuple(Tier(n, 1) for n in range(1, 22))}, "tiers"),
    ({"tiers": (Tier(10, 1),), "tiers_by": "month"}, "taken"),
    ({"tiers": (Tier(10, 1),), "tiers_by": "month", "taken": Taken.MONTH, "min_fen": 1}, "min_fen, max_fen"),
    ({"kind": FeeKind.PAYOUT, "channel": "cmb"}, "channel"),
    ({"kind": FeeKind.PAYOUT, "taken": Taken.MONTH, "channel": ""}, "taken, on_refund"),
]


@pytest.mark.parametrize(("changed", "field"), BAD, ids=[field for _, field in BAD])
async def test_a_rule_that_cannot_be_is_refused_by_its_field(
    shop: Shop, changed: dict[str, object], field: str
) -> None:
    rule = replace(FeeRule(FeeKind.COLLECTION, 5000, effective_from=NEXT), **changed)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refused:
        await agree(shop.desk, NOBODY, rule)
    assert refused.value.field == field


def test_what_is_typed_becomes_a_rule_or_names_its_field() -> None:
    given = {
        "kind": "purchase", "rate_ppm": 1, "taken": "month", "on_refund": "", "tiers_by": "month", "tiers_how": "whole",
        "borne": "merchant",
    }  # fmt: skip
    made = rule_of(given, ["100:2", " 200:3 "])
    assert made == FeeRule(
        FeeKind.PURCHASE,
        1,
        tiers=(Tier(100, 2), Tier(200, 3)),
        tiers_by="month",
        tiers_how="whole",
        taken=Taken.MONTH,
    )
    for field in ("kind", "taken", "on_refund", "tiers_by", "tiers_how", "borne"):
        with pytest.raises(InvalidInput, match=f"{field}: got 4 characters"):
            rule_of(given | {field: "what"}, [])
    with pytest.raises(InvalidInput, match="tier: got 5 characters"):
        rule_of(given, ["100-2"])


async def test_a_merchant_asks_the_api_and_sees_its_own_alone(database_url: str, tmp_path: Path) -> None:
    async with open_counter(database_url, tmp_path) as counter:
        caller, other = await counter.caller(), await counter.caller()
        assert caller.merchant
        paid = await counter.shop.ask(caller.merchant, Operation.COLLECTION, "a", 150_00)
        shown = (await caller("GET", "/v1/payments?limit=1")).json()["items"][0]["id"]
        answer = (await caller("GET", f"/v1/payments/{shown}/fee")).json()
        assert answer["fee"] == paid.fee == 90
        assert answer["arithmetic"] == {
            "zh": "150.00 × 0.6 % = 0.90；手续费 0.90",
            "en": "150.00 × 0.6 % = 0.90; fee 0.90",
        }
        assert (await other("GET", f"/v1/payments/{shown}/fee")).status_code == 404
