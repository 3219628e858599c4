from datetime import date, timedelta
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.fees import Ask, fee, rule_for
from zhangfang.kernel.money import MAX_FEN
from zhangfang.merchants import FeeKind, FeeRule, NoFeeRule
from zhangfang.merchants.rules import check_rule

amounts = st.integers(1, MAX_FEN) | st.integers(1, 2000)
fen = st.integers(0, MAX_FEN) | st.integers(0, 500)
any_kind = st.sampled_from(FeeKind)
pay_in = st.sampled_from([FeeKind.PURCHASE, FeeKind.COLLECTION])
days = st.dates(date(2026, 1, 1), date(2026, 3, 1))


@st.composite
def rules(draw: st.DrawFn, kinds: st.SearchStrategy[FeeKind] = any_kind) -> FeeRule:
    """Any rule that a contract may hold."""
    least = draw(fen)
    most = draw(st.none() | st.integers(least, MAX_FEN))
    rate = draw(st.integers(0, 1_000_000) | st.integers(0, 10_000))
    rule = FeeRule(draw(kinds), rate, draw(fen), least, most, draw(days))
    check_rule(rule)
    return rule


def exact(rule: FeeRule, amount: int) -> int:
    """The contract's words in fractions: another way to the same number."""
    charged = floor(Fraction(amount * rule.rate_ppm, 1_000_000) + Fraction(1, 2)) + rule.fixed_fen
    charged = sorted([charged, rule.min_fen, MAX_FEN**2 if rule.max_fen is None else rule.max_fen])[1]
    return charged if rule.kind is FeeKind.PAYOUT or charged < amount else amount


@given(rule=rules(), amount=amounts)
def test_a_fee_is_the_contract_in_exact_fractions(rule: FeeRule, amount: int) -> None:
    assert fee(rule, amount) == exact(rule, amount)


@given(rule=rules(pay_in), amount=amounts)
def test_a_pay_in_never_costs_more_than_it_brings(rule: FeeRule, amount: int) -> None:
    assert 0 <= fee(rule, amount) <= amount


@given(rule=rules(), amount=amounts, more=amounts)
def test_a_larger_amount_never_costs_less(rule: FeeRule, amount: int, more: int) -> None:
    assert fee(rule, amount) <= fee(rule, amount + more)


@given(held=st.lists(rules(), max_size=8), kind=any_kind, day=days)
def test_the_rule_of_a_day_is_the_last_of_its_kind_that_has_begun(
    held: list[FeeRule], kind: FeeKind, day: date
) -> None:
    begun = {rule.effective_from for rule in held if rule.kind is kind and rule.effective_from <= day}
    if not begun:
        with pytest.raises(NoFeeRule, match=f"no {kind} fee rule is in force on {day}"):
            rule_for(held, Ask(kind), day)
        return
    found = rule_for(held, Ask(kind), day)
    assert (found.kind, found.effective_from) == (kind, max(begun))


@given(rule=rules(), amount=amounts)
def test_a_rule_holds_from_its_first_day_on_and_not_before(rule: FeeRule, amount: int) -> None:
    assert rule_for([rule], Ask(rule.kind), rule.effective_from) == rule
    with pytest.raises(NoFeeRule):
        rule_for([rule], Ask(rule.kind), rule.effective_from - timedelta(days=1))
