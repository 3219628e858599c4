"""Pure decisions: the terms that apply, and what input is allowed. Fees are worked out in `zhangfang.fees`."""

import re
from datetime import date

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import MAX_FEN
from zhangfang.kernel.text import checks
from zhangfang.kernel.text.texts import check_text
from zhangfang.merchants.cycles import check_cycle, check_product
from zhangfang.merchants.model import (
    ALWAYS,
    MEDIA,
    BankAccount,
    FeeRule,
    Merchant,
    NewMerchant,
    ProductCycle,
    Terms,
)

_MILLION = 1_000_000
MOST_RESERVE_DAYS = 730
MOST_ADVANCED = 1_000_000_000  # fen; the ledger has it as the limit of 1223
SHORT = ("refuse", "guarantee", "advance")
"""What happens to a refund that the merchant's available money does not cover: it is refused, or its reserve pays, or own
funds advance what lacks."""
# It stands in paths, where . and .. would be steps, and beside ids, where it would be taken for another merchant's.
_REFERENCE = re.compile(r"(?!\.{1,2}$|mer_[0-9a-z]{26}$)[A-Za-z0-9._-]{1,40}")
_REFERENCES = "1 to 40 of [A-Za-z0-9._-]; not . or .., and no merchant's id"


def terms_on(merchant: Merchant, day: date) -> Terms:
    """Return the terms of what is accepted on `day` (China)."""
    first = Terms(ALWAYS, merchant.settlement_days, merchant.auto_payout, merchant.keep_fee_on_refund)
    begun = [terms for terms in merchant.later_terms if terms.effective_from <= day]
    return max(begun, key=lambda terms: terms.effective_from, default=first)


def check_terms(terms: Terms, today: date) -> None:
    """Raise `InvalidInput` unless these terms can begin: tomorrow at the earliest, so that no past day changes."""
    _check_range("settlement_days", terms.settlement_days, 30)
    _check_from(terms.effective_from, today)
    if terms.cycle:
        check_cycle(terms.cycle)
    _check_range("least_fen", terms.least_fen, MAX_FEN)
    _check_range("reserve_ppm", terms.reserve_ppm, _MILLION)
    _check_range("reserve_days", terms.reserve_days, MOST_RESERVE_DAYS, int(terms.reserve_ppm > 0))
    if terms.when_short not in SHORT:
        raise InvalidInput("when_short", f"{len(terms.when_short)} characters", " or ".join(SHORT))
    _check_range("advance_fen", terms.advance_fen, MOST_ADVANCED, int(terms.when_short == "advance"))


def check_product_cycle(one: ProductCycle, today: date) -> None:
    """Raise `InvalidInput` unless this cycle can begin: tomorrow at the earliest, as terms do."""
    check_product(one.product)
    if one.cycle:
        check_cycle(one.cycle)
    _check_from(one.effective_from, today)


def _check_from(day: date, today: date) -> None:
    if day <= today:
        raise InvalidInput("effective_from", f"the date {day}", f"a day after {today}")


def differing_field(held: Merchant, account: BankAccount | None, new: NewMerchant) -> str | None:
    """Return the first field in which `new` differs from `held` with `account`, None if there is none.

    Rules added since then are no difference, nor is an account if `new` names none.
    """
    for field in ("name", "auto_payout", "settlement_days", "keep_fee_on_refund"):
        if getattr(held, field) != getattr(new, field):
            return field
    if not set(new.fee_rules) <= set(held.fee_rules):
        return "fee_rules"
    if new.settlement_account not in (None, account):
        return "settlement_account"
    return None


def is_reference(text: str) -> bool:
    """Return whether `text` can be an external_ref."""
    return _REFERENCE.fullmatch(text) is not None


def check_new(new: NewMerchant) -> None:
    """Raise `InvalidInput` naming the first field that is not allowed."""
    check_text("name", new.name, 100)
    if new.external_ref is not None and not is_reference(new.external_ref):
        raise InvalidInput("external_ref", f"{len(new.external_ref)} characters", _REFERENCES)
    _check_range("settlement_days", new.settlement_days, 30)
    for rule in new.fee_rules:
        check_rule(rule)
    if len({(rule.kind, rule.effective_from) for rule in new.fee_rules}) < len(new.fee_rules):
        raise InvalidInput("fee_rules", "two rules of one kind and day", "one rule for each kind and day")
    if new.settlement_account is not None:
        check_account(new.settlement_account)


def check_rule(rule: FeeRule) -> None:
    """Raise `InvalidInput` naming the first field of the fee rule that is not allowed."""
    _check_range("rate_ppm", rule.rate_ppm, _MILLION)
    _check_range("fixed_fen", rule.fixed_fen, MAX_FEN)
    _check_range("min_fen", rule.min_fen, MAX_FEN)
    if rule.max_fen is not None:
        _check_range("max_fen", rule.max_fen, MAX_FEN, rule.min_fen)


def check_account(account: BankAccount) -> None:
    """Raise `InvalidInput` naming the first field of the account that is not allowed, never its value."""
    checks.check_account(account, ("number", "name", "bank"))
    if account.medium not in MEDIA:
        raise InvalidInput("account.medium", f"{len(account.medium)} characters", " or ".join(sorted(MEDIA)))


def _check_range(field: str, value: int, most: int, least: int = 0) -> None:
    if not least <= value <= most:
        raise InvalidInput(field, f"the integer {value}", f"{least} to {most}")
