"""Which rule charges a payment: pure. The order is stated here, in `docs/concepts/fees.md`, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from zhangfang.fees.arithmetic import fee
from zhangfang.merchants import FeeKind, FeeRule, NoFeeRule, OnRefund, Taken

# What a rule may name. The more of these it names, the earlier it is chosen; of rules that name equally many, the one
# with the earlier name in this list.
NAMED = ("instalments", "account_type", "channel", "product", "fee_by")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be charged: each field as the payment's own. `account_type` is such as `personal/I/credit`."""

    kind: FeeKind
    channel: str = ""
    product: str = ""
    instalments: int = 0
    account_type: str = ""
    fee_by: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """A fee in fen with the rule that charged it. A fee that is billed after the month is 0 here. `taken` is empty for a
    fee that is taken with the payment. `on_top`: the payer pays it in addition to the price.
    """

    fen: int
    rule: UUID | None
    taken: str
    on_top: bool = False

    @property
    def billed(self) -> bool:
        """Whether it stands in a bill after the month."""
        return self.taken in (Taken.MONTH, Taken.AVAILABLE)


def charge(rules: Sequence[FeeRule], ask: Ask, amount: int, day: date) -> Charge:
    """Return the fee of `amount` fen, accepted on `day` (China). Raises `NoFeeRule`."""
    rule = rule_for(rules, ask, day)
    if rule.taken in (Taken.MONTH, Taken.AVAILABLE):
        return Charge(0, rule.id, rule.taken)
    taken = "" if rule.taken is Taken.SUCCESS else rule.taken
    return Charge(fee(rule, amount), rule.id, taken, rule.borne == "payer")


def rule_for(rules: Sequence[FeeRule], ask: Ask, day: date) -> FeeRule:
    """Return the rule that charges what is asked for on `day`, or raise `NoFeeRule`.

    Of the rules that fit: the most specific one (see `NAMED`); then one that ends before one that does not; then the one
    that began last; then the one that was agreed last.
    """
    fitting = [rule for rule in rules if _fits(rule, ask, day)]
    if not fitting:
        raise NoFeeRule(ask.kind, day)
    return max(fitting, key=rank)


def check_some(rules: Sequence[FeeRule], kind: FeeKind, day: date) -> None:
    """Raise `NoFeeRule` if no rule of a kind is in force on `day`, whatever it is for."""
    if not any(rule.kind is kind and in_force(rule, day) for rule in rules):
        raise NoFeeRule(kind, day)


def in_force(rule: FeeRule, day: date) -> bool:
    """Whether `day` is one of the rule's days."""
    return rule.effective_from <= day and (rule.until is None or day <= rule.until)


def on_refund(rules: Sequence[FeeRule], rule: UUID | None, *, kept: bool) -> OnRefund:
    """Return what a refund does with the fee that `rule` charged; `kept` is what the merchant's terms say."""
    says = next((one.on_refund for one in rules if one.id == rule), OnRefund.TERMS)
    return says or (OnRefund.KEPT if kept else OnRefund.SHARE)


def named(rule: FeeRule) -> tuple[bool, ...]:
    """Return for each of `NAMED` whether the rule names it."""
    return tuple(getattr(rule, name) not in ("", None) for name in NAMED)


def _fits(rule: FeeRule, ask: Ask, day: date) -> bool:
    return (
        rule.kind is ask.kind
        and in_force(rule, day)
        and rule.instalments in (None, ask.instalments)
        and rule.account_type in ("", ask.account_type, ask.account_type.rpartition("/")[2])
        and rule.channel in ("", ask.channel)
        and rule.product in ("", ask.product)
        and rule.fee_by in ("", ask.fee_by)
    )


def rank(rule: FeeRule) -> tuple[object, ...]:
    """Return what rules that fit are compared by: the highest is chosen."""
    names = named(rule)
    return sum(names), names, rule.until is not None, rule.effective_from, str(rule.id or "")
