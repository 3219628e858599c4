"""Fees given back: refunds of any parts, that end in any order and as they like, give back the whole fee and never more."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from zhangfang.fees.arithmetic import shared as fee_given_back
from zhangfang.kernel.money import MAX_FEN


@given(
    amount=st.integers(1, MAX_FEN),
    fee_part=st.fractions(0, 1),
    cuts=st.lists(st.fractions(0, 1), max_size=12),
)
def test_parts_sum_to_the_whole_fee_and_no_part_is_negative(
    amount: int, fee_part: float, cuts: list[float]
) -> None:
    fee = int(amount * fee_part)
    totals = sorted({int(amount * cut) for cut in cuts} | {0, amount})
    given_back = 0
    for before, after in pairwise(totals):
        part = fee_given_back(fee, amount, after - before, before, given_back)
        assert 0 <= part <= min(fee, after - before)
        given_back += part
        assert abs(given_back * amount - fee * after) * 2 <= amount, (
            "rounded to the nearest fen at every moment"
        )
    assert given_back == fee


@dataclass
class Payment:
    """A payment with its counters, and its refunds under way: the part and the fee of each."""

    fee: int
    amount: int
    refunded: int = 0
    given: int = 0
    under_way: list[tuple[int, int]] = field(default_factory=list)

    def refund(self, part: int) -> None:
        back = fee_given_back(self.fee, self.amount, part, self.refunded, self.given)
        assert 0 <= back <= part
        self.refunded, self.given = self.refunded + part, self.given + back
        self.under_way.append((part, back))

    def fail(self, which: int) -> None:
        part, back = self.under_way.pop(which % len(self.under_way))
        self.refunded, self.given = self.refunded - part, self.given - back


ACTS = st.lists(st.tuples(st.sampled_from(("refund", "refund", "fail", "succeed")), st.integers(0, 10**6)))


@given(amount=st.integers(1, 300), fee=st.integers(0, 300), acts=ACTS)
@example(100, 1, [("refund", 48), ("refund", 0), ("fail", 0), ("refund", 0), ("refund", 47)])
def test_refunds_that_fail_or_succeed_in_any_order_leave_a_fee_that_the_rest_can_give_back(
    amount: int, fee: int, acts: list[tuple[str, int]]
) -> None:
    paid = Payment(min(fee, amount), amount)
    for act, number in acts:
        left = paid.amount - paid.refunded
        if act == "refund" and left:
            paid.refund(1 + number % left)
        elif act == "fail" and paid.under_way:
            paid.fail(number)
        elif act == "succeed" and paid.under_way:
            paid.under_way.pop(number % len(paid.under_way))
        assert 0 <= paid.fee - paid.given <= paid.amount - paid.refunded
    if paid.refunded < paid.amount:
        paid.refund(paid.amount - paid.refunded)
    assert paid.given == paid.fee
