"""What a bill is made of: pure. Payments by their rules, those of one rule together, then refunds of what was billed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from zhangfang.fees.arithmetic import fee, given_back, month_fees
from zhangfang.merchants import FeeRule, OnRefund


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A payment; or a refund of one: `original_fee` is what that was billed with, None if it is not billed yet.

    `refunded` and `given` are sums of the refunds of the same payment that were billed before. Fen.
    """

    id: UUID
    amount: int
    rule: UUID | None
    original: UUID | None = None
    original_amount: int = 0
    original_fee: int | None = None
    refunded: int = 0
    given: int = 0
    how: OnRefund = OnRefund.SHARE


def bill_lines(rules: Mapping[UUID | None, FeeRule], items: Sequence[Unbilled]) -> dict[UUID, int]:
    """Return the fee of each item in order, below zero for a refund.

    A refund whose payment is not billed yet is left out.
    """
    lines = dict(_payments(rules, [item for item in items if item.original is None]))
    sums: dict[UUID, tuple[int, int]] = {}
    for item in items:
        if item.original is None:
            continue
        charged = lines.get(item.original, item.original_fee)
        if charged is None:
            continue
        refunded, given = sums.get(item.original, (item.refunded, item.given))
        back = given_back(item.how, charged, item.original_amount, item.amount, refunded, given)
        sums[item.original] = refunded + item.amount, given + back
        lines[item.id] = -back
    return lines


def _payments(rules: Mapping[UUID | None, FeeRule], items: Sequence[Unbilled]) -> Iterator[tuple[UUID, int]]:
    by_rule: dict[UUID | None, list[Unbilled]] = defaultdict(list)
    for item in items:
        by_rule[item.rule].append(item)
    for id_, several in by_rule.items():
        rule, amounts = rules[id_], [item.amount for item in several]
        fees = month_fees(rule, amounts) if rule.tiers_by == "month" else (fee(rule, one) for one in amounts)
        yield from zip((item.id for item in several), fees, strict=True)
