"""A fee that the payer bears: for any rule, price and refunds in any order, every fen is somebody's."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.model.test_fee_rules import DAY, exact, rules
from zhangfang.fees import Ask, charge, given_back
from zhangfang.merchants import FeeKind, FeeRule, OnRefund
from zhangfang.payments import NewShare, Split
from zhangfang.payments.shares import Part, resolve
from zhangfang.payments.shares import given_back as from_receivers

HOW = st.sampled_from((OnRefund.SHARE, OnRefund.WHOLE, OnRefund.KEPT))
ACTS = st.lists(st.tuples(st.sampled_from(("refund", "refund", "fail")), st.integers(0, 10**12)), max_size=12)


@given(rules(), st.integers(1, 10**9), HOW, ACTS)
def test_the_payer_pays_price_and_fee_and_gets_all_back_but_a_kept_fee(
    rule: FeeRule, price: int, how: OnRefund, acts: list[tuple[str, int]]
) -> None:
    rule = replace(rule, kind=FeeKind.PURCHASE, borne="payer", on_refund=how)
    said = charge([rule], Ask(FeeKind.PURCHASE), price, DAY)
    assert said.on_top
    assert said.fen == exact(rule, price)
    amount, fee = price + said.fen, said.fen
    most = price if how is OnRefund.KEPT else amount
    done: list[tuple[int, int]] = []  # refunds that stand: what went to the payer, and the fee in it
    for act, number in [*acts, ("rest", 0)]:
        refunded, given = sum(part for part, _ in done), sum(back for _, back in done)
        if act == "fail" and done:
            done.pop(number % len(done))
        elif left := most - refunded:
            part = left if act == "rest" else 1 + number % left
            done.append((part, given_back(how, fee, amount, part, refunded, given)))
        back = sum(part for part, _ in done)
        ours, merchants = fee - sum(fen for _, fen in done), price - back + sum(fen for _, fen in done)
        assert amount - back == ours + merchants, "what the payer is out of, somebody has"
        assert 0 <= ours <= fee
        assert 0 <= merchants <= price, "the merchant never pays back more than it got"
        if how is OnRefund.SHARE and not any(one == "fail" for one, _ in acts):
            assert abs(merchants - Fraction(price * (amount - back), amount)) <= Fraction(1, 2)
    assert (merchants, ours) == (0, fee if how is OnRefund.KEPT else 0)


@given(
    st.integers(10, 10**7), st.integers(0, 10**6), st.lists(st.integers(1, 300_000), min_size=1, max_size=3),
    st.sampled_from(("proportional", "seller")), st.booleans(), st.lists(st.integers(0, 10**9), max_size=6),
)  # fmt: skip
def test_parts_of_a_price_are_given_back_to_the_fen_whether_the_fee_is_kept_or_not(
    price: int, fee: int, ppms: list[int], refund_from: str, kept: bool, cuts: list[int]
) -> None:
    receivers = [f"mer_{n:026}" for n in range(len(ppms))]
    ppms = [max(one, 1_000_000 // price + 1) for one in ppms]
    split = Split(tuple(NewShare(who, 0, one) for who, one in zip(receivers, ppms, strict=True)))
    parts = dict(resolve(split, "mer_seller", price, 0))
    assert sum(parts.values()) <= price
    most, refunded, back = price if kept else price + fee, 0, dict.fromkeys(receivers, 0)
    for number in [*cuts, -1]:
        left = most - refunded
        part = left if number < 0 else number % (left + 1)
        if not part:
            continue
        held = [Part(who, parts[who], back[who], available=False) for who in receivers]
        for who, fen in from_receivers(held, refund_from, most, refunded, part):
            back[who] += fen
        refunded += part
        assert all(back[who] <= parts[who] for who in receivers)
        assert sum(back.values()) <= refunded
    assert back == parts
