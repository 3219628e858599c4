"""What an agreed rule may be: pure. Raises `InvalidInput`, which names the field and what is allowed."""

import re
from collections.abc import Collection
from datetime import date

from zhangfang.fees.arithmetic import MILLION
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import MAX_FEN
from zhangfang.merchants import FeeKind, FeeRule, OnRefund, Taken, check_rule

MOST_TIERS = 20
PRODUCTS = ("", "cashier", "alipay_app")
MEDIA = ("card", "credit", "passbook", "virtual", "corporate")
_MOST_INSTALMENTS = 60
_TYPE = re.compile(rf"(personal/(I|II|III)|corporate/[A-Za-z0-9_-]{{1,16}})/({'|'.join(MEDIA)})", re.ASCII)
_BILLED = (Taken.MONTH, Taken.AVAILABLE)


def check_agreed(rule: FeeRule, channels: Collection[str], today: date) -> None:
    """Raise `InvalidInput` unless two people may agree this rule: it begins tomorrow at the earliest."""
    check_rule(rule)
    if rule.effective_from <= today:
        raise InvalidInput("effective_from", f"the date {rule.effective_from}", f"a day after {today}")
    if rule.until is not None and rule.until < rule.effective_from:
        raise InvalidInput("until", f"the date {rule.until}", f"{rule.effective_from} or later")
    _check_tiers(rule)
    _check_names(rule, channels)
    if rule.kind is FeeKind.PAYOUT:
        _check_payout(rule)
    if rule.borne == "payer" and (rule.kind, rule.taken) != (FeeKind.PURCHASE, Taken.SUCCESS):
        allowed = (
            "merchant; payer for a purchase alone, taken with it: no other payer sees the price before paying"
        )
        raise InvalidInput("borne", rule.borne, allowed)


def _check_tiers(rule: FeeRule) -> None:
    if len(rule.tiers) > MOST_TIERS:
        raise InvalidInput("tiers", f"{len(rule.tiers)} tiers", f"at most {MOST_TIERS}")
    below = 0
    for tier in rule.tiers:
        if not below < tier.over_fen <= MAX_FEN:
            raise InvalidInput("tiers.over_fen", "bounds out of order or range", f"rising, 1 to {MAX_FEN}")
        if not 0 <= tier.rate_ppm <= MILLION:
            raise InvalidInput("tiers.rate_ppm", f"the integer {tier.rate_ppm}", f"0 to {MILLION}")
        below = tier.over_fen
    if rule.tiers_by == "month":
        if rule.taken not in _BILLED:
            raise InvalidInput("taken", rule.taken, "month or available, for tiers by the month's volume")
        if rule.min_fen or rule.max_fen is not None:
            raise InvalidInput("min_fen, max_fen", "a bound", "none, for tiers by the month's volume")


def _check_names(rule: FeeRule, channels: Collection[str]) -> None:
    if rule.channel not in ("", *channels):
        raise InvalidInput("channel", f"{len(rule.channel)} characters", ", ".join(sorted(channels)))
    if rule.account_type not in ("", *MEDIA) and not _TYPE.fullmatch(rule.account_type):
        allowed = f"{', '.join(MEDIA)}, or holder/class/medium such as personal/I/credit"
        raise InvalidInput("account_type", f"{len(rule.account_type)} characters", allowed)
    if rule.product not in PRODUCTS:
        raise InvalidInput("product", f"{len(rule.product)} characters", "cashier or alipay_app")
    if rule.fee_by not in ("", "payer", "merchant"):
        raise InvalidInput("fee_by", f"{len(rule.fee_by)} characters", "payer or merchant")
    if rule.instalments is not None and not 0 <= rule.instalments <= _MOST_INSTALMENTS:
        raise InvalidInput("instalments", f"the integer {rule.instalments}", f"0 to {_MOST_INSTALMENTS}")
    if rule.kind is not FeeKind.PURCHASE and (rule.product or rule.fee_by or rule.instalments is not None):
        raise InvalidInput(
            "kind", rule.kind, "purchase, for a rule by product, instalments or who bears them"
        )


def _check_payout(rule: FeeRule) -> None:
    """A payout's fee is held with it, before its channel is chosen, and a failure gives back all of it."""
    if rule.channel:
        raise InvalidInput("channel", "a channel", "none: a payout's fee does not depend on it")
    if rule.taken is not Taken.SUCCESS or rule.on_refund is not OnRefund.TERMS:
        raise InvalidInput("taken, on_refund", "another than the usual", "nothing, for a payout")
