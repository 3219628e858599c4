"""Fee rules of any form: against fractions by a way of its own, and in the order that is documented."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.fees import Ask, charge, fee, given_back, rule_for, sum_in_words
from zhangfang.fees.arithmetic import month_fees
from zhangfang.fees.bill_lines import Unbilled, bill_lines
from zhangfang.fees.choice import NAMED
from zhangfang.kernel.money import MAX_FEN
from zhangfang.merchants import FeeKind, FeeRule, NoFeeRule, OnRefund, Taken, Tier

DAY = date(2026, 9, 1)
amounts = st.integers(1, MAX_FEN) | st.integers(1, 3000)
ppm = st.integers(0, 1_000_000) | st.integers(0, 10_000)
fen = st.just(0) | st.integers(0, 500) | st.integers(0, MAX_FEN)


@st.composite
def rules(draw: st.DrawFn, how: str | None = None) -> FeeRule:
    """Any rule with tiers, floor and cap."""
    bounds = draw(
        st.lists(st.integers(1, 3000) | st.integers(1, MAX_FEN), unique=True, max_size=5).map(sorted)
    )
    least = draw(fen)
    return FeeRule(
        draw(st.sampled_from(FeeKind)), draw(ppm), draw(fen), least, draw(st.none() | st.integers(least, MAX_FEN)),
        tiers=tuple(Tier(over, draw(ppm)) for over in bounds),
        tiers_how=how or draw(st.sampled_from(("marginal", "whole"))),  # type: ignore[arg-type]
    )  # fmt: skip


def rate_of(rule: FeeRule, fen: int) -> int:
    """The rate of the fen number `fen`, from 1."""
    return next((tier.rate_ppm for tier in reversed(rule.tiers) if fen > tier.over_fen), rule.rate_ppm)


def exact(rule: FeeRule, amount: int) -> int:
    """The contract in fractions: each rate times the fen that lie between its bounds."""
    bounds = [0, *(tier.over_fen for tier in rule.tiers), 10**30]
    if rule.tiers_how == "whole":
        rated = Fraction(amount * rate_of(rule, amount))
    else:
        rated = sum(
            (
                Fraction(max(min(amount, above) - below, 0) * rate_of(rule, below + 1))
                for below, above in pairwise(bounds)
            ),
            Fraction(),
        )
    charged = floor(rated / 1_000_000 + Fraction(1, 2)) + rule.fixed_fen
    charged = sorted([charged, rule.min_fen, 10**40 if rule.max_fen is None else rule.max_fen])[1]
    return charged if rule.kind is FeeKind.PAYOUT else min(charged, amount)


@given(rule=rules(), amount=amounts)
def test_a_fee_is_the_contract_in_fractions_and_a_pay_in_never_costs_more_than_it_brings(
    rule: FeeRule, amount: int
) -> None:
    assert fee(rule, amount) == exact(rule, amount) >= 0
    assert rule.kind is FeeKind.PAYOUT or fee(rule, amount) <= amount


@given(rule=rules(), past=st.integers(-1, 1))
def test_a_bound_itself_is_not_over_it(rule: FeeRule, past: int) -> None:
    for tier in rule.tiers:
        amount = max(tier.over_fen + past, 1)
        assert fee(rule, amount) == exact(rule, amount)


@given(rule=rules("marginal"), amount=amounts, more=st.integers(0, 10**6))
def test_marginal_tiers_never_fall_and_never_jump(rule: FeeRule, amount: int, more: int) -> None:
    """The fee of one fen more is at most one fen more, since no rate is above 100 %."""
    assert 0 <= fee(rule, amount + more) - fee(rule, amount) <= more + 1


@given(rule=rules(), amount=amounts)
def test_the_words_of_a_fee_end_with_the_fee(rule: FeeRule, amount: int) -> None:
    charged = f"{fee(rule, amount) // 100}.{fee(rule, amount) % 100:02d}"
    assert sum_in_words(rule, amount, "en").endswith(f"fee {charged}")
    assert sum_in_words(rule, amount, "zh").endswith(f"手续费 {charged}")


@given(rule=rules(), several=st.lists(st.integers(1, 10**9), max_size=20))
def test_the_fees_of_a_month_sum_to_what_its_volume_costs(rule: FeeRule, several: list[int]) -> None:
    rule = replace(rule, fixed_fen=0, min_fen=0, max_fen=None, kind=FeeKind.PAYOUT)
    lines = list(month_fees(rule, several))
    assert all(0 <= line <= amount for line, amount in zip(lines, several, strict=True))
    left = exact(rule, sum(several)) - sum(lines) if several else 0
    assert 0 <= left <= sum(line == amount for line, amount in zip(lines, several, strict=True)), (
        "but for full ones"
    )


HOWS = st.sampled_from([OnRefund.SHARE, OnRefund.KEPT, OnRefund.WHOLE])
ACTS = st.lists(st.tuples(st.sampled_from(("refund", "refund", "fail")), st.integers(0, 10**6)), max_size=15)


@given(how=HOWS, amount=st.integers(1, 400), part=st.fractions(0, 1), acts=ACTS)
def test_what_refunds_give_back_sums_to_the_whole_fee_or_to_nothing(
    how: OnRefund, amount: int, part: Fraction, acts: list[tuple[str, int]]
) -> None:
    """In any order, failing or not: each gives back from 0 to its own amount, and never more than there is."""
    whole = int(amount * part)
    under_way: list[tuple[int, int]] = []
    for act, number in [*acts, ("refund", -1)]:
        refunded, given_ = (sum(column) for column in zip(*under_way, strict=True)) if under_way else (0, 0)
        if act == "fail" and under_way:
            under_way.pop(number % len(under_way))
        elif act == "refund" and refunded < amount:
            wanted = amount - refunded if number < 0 else 1 + number % (amount - refunded)
            back = given_back(how, whole, amount, wanted, refunded, given_)
            assert 0 <= back <= min(wanted, whole - given_)
            under_way.append((wanted, back))
    assert sum(back for _, back in under_way) == (0 if how is OnRefund.KEPT else whole)


@given(
    rule=rules(),
    by=st.sampled_from(("amount", "month")),
    how=HOWS,
    months=st.lists(
        st.lists(st.tuples(st.booleans(), st.integers(1, 10**6), st.integers(0, 99)), max_size=8), max_size=4
    ),
)
def test_every_bill_over_any_months_is_its_lines_and_full_refunds_leave_no_fee(
    rule: FeeRule, by: Any, how: OnRefund, months: list[list[tuple[bool, int, int]]]
) -> None:
    """Payments and refunds in any order and in any months: each is billed once, and refunds give back what was billed."""
    rule = replace(rule, kind=FeeKind.COLLECTION, tiers_by=by, id=uuid4())
    paid: dict[UUID, int] = {}
    back: dict[UUID, int] = defaultdict(int)
    billed: dict[UUID, int] = {}
    of: dict[UUID, UUID] = {}
    parts_of: dict[UUID, int] = {}
    for month in months:
        items = []
        for is_refund, amount, which in month:
            id_ = uuid4()
            original = list(paid)[which % len(paid)] if is_refund and paid else None
            if original is None:
                paid[id_] = amount
                items.append(Unbilled(id_, amount, rule.id))
            elif left := paid[original] - back[original]:
                part = min(amount, left)
                back[original] += part
                of[id_] = original
                sums = [one for one in billed if of.get(one) == original]
                items.append(
                    Unbilled(
                        id_, part, rule.id, original, paid[original], billed.get(original),
                        sum(parts_of[one] for one in sums), -sum(billed[one] for one in sums), how,
                    )
                )  # fmt: skip
        parts_of.update({item.id: item.amount for item in items})
        lines = bill_lines({rule.id: rule}, items)
        assert lines.keys() == {item.id for item in items}
        assert not lines.keys() & billed.keys()
        billed |= lines
    for id_, amount in paid.items():
        given_ = -sum(fen for one, fen in billed.items() if of.get(one) == id_)
        assert 0 <= billed[id_] <= amount
        assert 0 <= given_ <= billed[id_]
        if back[id_] == amount:
            assert given_ == (0 if how is OnRefund.KEPT else billed[id_])


names = {
    "instalments": 3, "account_type": "credit", "channel": "unionpay", "product": "cashier", "fee_by": "payer",
}  # fmt: skip
ASK = Ask(FeeKind.PURCHASE, "unionpay", "cashier", 3, "personal/I/credit", "payer")


@given(
    chosen=st.lists(
        st.tuples(
            st.sets(st.sampled_from(NAMED)), st.dates(date(2026, 8, 1), date(2026, 9, 30)), st.booleans()
        ),
        max_size=8,
    )
)
def test_the_most_specific_rule_is_chosen_and_of_equal_ones_the_last(
    chosen: list[tuple[set[str], date, bool]],
) -> None:
    """Against a sort by the words of the page: how many names, which names, an end, the day."""
    held = [
        FeeRule(FeeKind.PURCHASE, n, effective_from=day, until=date(2026, 12, 31) if ends else None,
                **{name: names[name] for name in named})  # type: ignore[arg-type]
        for n, (named, day, ends) in enumerate(chosen)
    ]  # fmt: skip
    begun = [(named, day, ends, n) for n, (named, day, ends) in enumerate(chosen) if day <= DAY]
    if not begun:
        with pytest.raises(NoFeeRule):
            rule_for(held, ASK, DAY)
        return
    order = {
        name: n for n, name in enumerate(("instalments", "account_type", "channel", "product", "fee_by"))
    }
    first = min(
        begun,
        key=lambda one: (
            -len(one[0]),
            sorted(order[name] for name in one[0]),
            not one[2],
            -one[1].toordinal(),
        ),
    )
    found = rule_for(held, ASK, DAY)
    assert (found.effective_from, found.until is not None) == (first[1], first[2])
    assert {name for name in NAMED if getattr(found, name)} == first[0]


@pytest.mark.parametrize(
    "ask",
    [
        replace(ASK, channel="chinaums"),
        replace(ASK, instalments=6),
        replace(ASK, account_type="personal/I/card"),
        replace(ASK, product="alipay_app"),
        replace(ASK, fee_by="merchant"),
        replace(ASK, kind=FeeKind.COLLECTION),
    ],
)
def test_a_rule_is_only_for_what_it_names(ask: Ask) -> None:
    plain = FeeRule(ask.kind, 6000)
    special = FeeRule(FeeKind.PURCHASE, 1, **names)  # type: ignore[arg-type]
    assert rule_for([plain, special], ask, DAY) is plain
    assert rule_for([special], ASK, DAY) is special


def test_a_discount_ends_and_the_rule_before_it_applies_again() -> None:
    plain = FeeRule(FeeKind.PURCHASE, 6000)
    discount = FeeRule(FeeKind.PURCHASE, 0, effective_from=date(2026, 9, 1), until=date(2026, 9, 30))
    fees = [charge([plain, discount], ASK, 100_00, date(2026, month, day)).fen for month, day in DISCOUNT]
    assert fees == [60, 0, 0, 60]


DISCOUNT = ((8, 31), (9, 1), (9, 30), (10, 1))


@pytest.mark.parametrize(
    ("taken", "fen"), [("success", 60), ("settlement", 60), ("month", 0), ("available", 0)]
)
def test_a_fee_that_is_billed_later_is_not_taken_with_the_payment(taken: str, fen: int) -> None:
    rule = FeeRule(FeeKind.PURCHASE, 6000, taken=Taken(taken))
    made = charge([rule], ASK, 100_00, DAY)
    assert (made.fen, made.taken) == (fen, "" if taken == "success" else taken)
