"""Fees given back: parts of any refunds sum exactly to what the whole gives back, and never to more."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from zhangfang.kernel.money import MAX_FEN
from zhangfang.payments.course.rules import fee_given_back


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
        part = fee_given_back(fee, amount, after, given_back)
        assert 0 <= part <= min(fee, after - before)
        given_back += part
        assert abs(given_back * amount - fee * after) * 2 <= amount, (
            "rounded to the nearest fen at every moment"
        )
    assert given_back == fee
