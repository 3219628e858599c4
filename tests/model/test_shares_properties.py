"""Splits, asked for and refunded in any order: no part is more than there is, and all of it goes back in the end."""

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.payments.shares import (
    MOST,
    Back,
    NewShare,
    Part,
    Split,
    check_split,
    given_back,
    of_payment,
    of_refund,
    resolve,
    stored,
)

SELLER, *RECEIVERS = [prefixed("mer", UUID(int=n << 70 | 0x7 << 60)) for n in range(1, MOST + 3)]
PARTS = st.lists(st.tuples(st.booleans(), st.integers(1, 1_000_000)), min_size=1, max_size=MOST)


@given(
    parts=PARTS,
    amount=st.integers(1, 10**12 - 1),
    fee=st.integers(0, 10**9),
    fee_from=st.sampled_from(["seller", "all"]),
)
def test_parts_are_at_most_the_payment_less_its_fee(
    parts: list[tuple[bool, int]], amount: int, fee: int, fee_from: str
) -> None:
    fee = min(fee, amount)
    asked = Split(
        tuple(
            NewShare(who, *((number, 0) if exact else (0, number)))
            for who, (exact, number) in zip(RECEIVERS, parts, strict=False)
        ),
        fee_from,
    )
    check_split(asked)
    base = amount if fee_from == "seller" else amount - fee
    wanted = [number if exact else base * number // 1_000_000 for exact, number in parts]
    try:
        shares = resolve(asked, SELLER, amount, fee)
    except InvalidInput:
        assert sum(wanted) > amount - fee or 0 in wanted
        return
    assert [fen for _, fen in shares] == wanted
    assert 0 < sum(wanted) <= amount - fee
    assert of_payment(stored(shares)) == shares
    back = tuple(Back(who, fen, fen % 2 == 0, fen // 3) for who, fen in shares)
    assert of_refund(stored(back)) == back


@dataclass
class Paid:
    """A split payment with its refunds under way: of each its amount and what receivers gave."""

    amount: int
    parts: dict[str, int]
    refund_from: str
    refunds: list[tuple[int, dict[str, int]]] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        return sum(amount for amount, _ in self.refunds)

    def back(self, who: str) -> int:
        return sum(gave.get(who, 0) for _, gave in self.refunds)

    def refund(self, amount: int) -> None:
        parts = [Part(who, fen, self.back(who), False) for who, fen in self.parts.items()]
        gave = dict(given_back(parts, self.refund_from, self.amount, self.refunded, amount))
        assert all(fen > 0 for fen in gave.values())
        self.refunds.append((amount, gave))


@given(
    amount=st.integers(1, 500),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    refund_from=st.sampled_from(["proportional", "seller"]),
    acts=st.lists(
        st.tuples(st.sampled_from(["refund", "refund", "fail"]), st.integers(0, 10**6)), max_size=12
    ),
)
def test_refunds_in_any_order_take_back_each_part_to_the_fen(
    amount: int, cuts: list[int], refund_from: str, acts: list[tuple[str, int]]
) -> None:
    parts: dict[str, int] = {}
    for who, fen in zip(RECEIVERS, cuts, strict=False):
        if sum(parts.values()) + fen <= amount:
            parts[who] = fen
    if not parts:
        return
    paid = Paid(amount, parts, refund_from)
    failed = False
    for act, number in acts:
        left = paid.amount - paid.refunded
        if act == "refund" and left:
            paid.refund(1 + number % left)
        elif act == "fail" and paid.refunds:
            paid.refunds.pop(number % len(paid.refunds))
            failed = True
        for who, fen in parts.items():
            assert 0 <= paid.back(who) <= fen
        own = amount - sum(parts.values())
        if refund_from == "seller" and not failed and paid.refunded <= own:
            assert not any(map(paid.back, parts)), "the seller's part is enough"
        if refund_from == "proportional" and not failed:
            assert all(paid.back(who) == fen * paid.refunded // amount for who, fen in parts.items())
    if left := paid.amount - paid.refunded:
        paid.refund(left)
    assert {who: paid.back(who) for who in parts} == parts


@pytest.mark.parametrize(
    ("bad", "field_named"),
    [
        (Split(()), "split.parts"),
        (Split(tuple(NewShare(who, 1) for who in RECEIVERS[: MOST + 1])), "split.parts"),
        (Split((NewShare(RECEIVERS[0], 1), NewShare(RECEIVERS[0], 2))), "split.parts"),
        (Split((NewShare(RECEIVERS[0], 1, 1),)), "split.parts"),
        (Split((NewShare(RECEIVERS[0]),)), "split.parts"),
        (Split((NewShare("somebody", 1),)), "split.receiver"),
        (Split((NewShare(RECEIVERS[0], -1),)), "split.amount"),
        (Split((NewShare(RECEIVERS[0], 0, 1_000_001),)), "split.ppm"),
        (Split((NewShare(RECEIVERS[0], 1),), "nobody"), "split.fee_from"),
        (Split((NewShare(RECEIVERS[0], 1),), "all", "nobody"), "split.refund_from"),
    ],
)
def test_a_split_that_cannot_be_is_refused_by_name(bad: Split, field_named: str) -> None:
    with pytest.raises(InvalidInput, match=field_named):
        check_split(bad)


def test_the_seller_is_no_receiver_and_a_part_is_something() -> None:
    with pytest.raises(InvalidInput, match="receiver"):
        resolve(Split((NewShare(SELLER, 1),)), SELLER, 100, 1)
    with pytest.raises(InvalidInput, match="nothing"):
        resolve(Split((NewShare(RECEIVERS[0], 0, 1),)), SELLER, 100, 1)
    with pytest.raises(InvalidInput, match="at most 99 fen"):
        resolve(Split((NewShare(RECEIVERS[0], 100),)), SELLER, 100, 1)
