"""How a rule is worked out: pure, in integers of fen. One engine for merchants' fees and for channels' charges."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from zhangfang.kernel.money import share
from zhangfang.merchants import FeeKind, FeeRule, OnRefund

MILLION = 1_000_000


def fee(rule: FeeRule, amount: int) -> int:
    """Return the fee in fen on `amount` fen: the rated part rounded half up, plus fixed, within min and max.

    The fee of a pay-in is deducted from it, so it is never more than the amount; that of a payout is charged on top.
    """
    charged = max(share(rated(rule, amount), 1, MILLION) + rule.fixed_fen, rule.min_fen)
    if rule.max_fen is not None:
        charged = min(charged, rule.max_fen)
    return charged if rule.kind is FeeKind.PAYOUT else min(charged, amount)


def rated(rule: FeeRule, amount: int) -> int:
    """Return Σ part × rate in millionths of a fen, before it is rounded."""
    return sum(part * rate for part, rate in parts(rule, amount))


def parts(rule: FeeRule, amount: int) -> Sequence[tuple[int, int]]:
    """Return the parts of `amount` with the rate of each: marginal tiers split it, whole tiers choose one rate for all.

    A tier holds for what is over its bound: 100.00 is not over 100.00.
    """
    bands = [(0, rule.rate_ppm), *((tier.over_fen, tier.rate_ppm) for tier in rule.tiers)]
    reached = [band for band in bands if band[0] < amount] or bands[:1]
    if rule.tiers_how == "whole":
        return [(amount, reached[-1][1])]
    ends = [floor for floor, _ in reached[1:]] + [amount]
    return [(end - floor, rate) for (floor, rate), end in zip(reached, ends, strict=True)]


def month_fees(rule: FeeRule, amounts: Sequence[int]) -> Iterator[int]:
    """Yield the fee of each payment of a month, in order, by a rule whose tiers are by the month's volume.

    The sum is what the rule makes of the whole volume, rounded once; each payment bears what the sum grew by with it. A
    fixed part is charged for each payment. A payment's fee is never more than the payment: what that leaves uncharged is
    not charged to others.
    """
    volume = sum(amounts)
    rate = parts(rule, volume)[-1][1]
    reached = 0
    sums = [0]
    for amount in amounts:
        reached += amount
        part = reached * rate if rule.tiers_how == "whole" else rated(rule, reached)
        sums.append(share(part, 1, MILLION))
    for amount, (before, after) in zip(amounts, pairwise(sums), strict=True):
        yield min(after - before + rule.fixed_fen, amount)


def given_back(how: OnRefund, fee: int, amount: int, part: int, refunded: int, given: int) -> int:
    """Return how much of a payment's fee a refund of `part` gives back, in fen; never more than the refund itself.

    `refunded` and `given` are the sums of the refunds that are under way or done.
    """
    if how is OnRefund.KEPT:
        return 0
    if how is OnRefund.WHOLE:
        return min(fee - given, part)
    return shared(fee, amount, part, refunded, given)


def shared(fee: int, amount: int, part: int, refunded: int, given: int) -> int:
    """Return the share of the fee that a refund of `part` gives back.

    A refund that failed is in neither `refunded` nor `given`, so the sums may stand apart by its rounding. Therefore it
    is never below 0 and never above `part`, and what is left of the fee never exceeds what is left of the amount: refunds
    of the whole give back the whole fee, in whatever order they end.
    """
    fee_left, left = fee - given, amount - refunded
    exact = share(fee, refunded + part, amount) - given
    return min(max(exact, 0, part - (left - fee_left)), part, fee_left)
