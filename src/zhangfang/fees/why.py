"""Why was I charged this? The rule of the day, its figures, and the arithmetic in words, for any payment."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.fees.arithmetic import fee
from zhangfang.fees.choice import Ask, rule_for
from zhangfang.fees.words import LANGUAGES, rule_in_words, say, sum_in_words
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import PLATFORM
from zhangfang.merchants import FeeKind, FeeRule, NoFeeRule, Taken, get_merchant

queries = load(__package__, "why.sql")

_BILLED = (Taken.MONTH, Taken.AVAILABLE)
_BACK = {
    "zh": "退还：退款 {0}，占原交易 {1}；原手续费 {2}，本次退还 {3}",
    "en": "given back: {0} of {1} was refunded; of its fee {2} this gave back {3}",
}
_TAKEN_BACK = {
    "zh": "未收取：结算前退款，应收手续费减少 {3}",
    "en": "not taken: refunded before settlement, {3} less is due",
}
_ADVANCED = {
    "zh": "商户款项不足，其中 {0} 由自有资金垫付",
    "en": "the merchant lacked {0} of the refund, which own funds advanced",
}
_ON_TOP = {"zh": "付款人共付 {0}", "en": "the payer pays {0} in all"}
_BILL = {
    "zh": "记入月度账单，不随交易收取",
    "en": "stands in the month's bill, nothing was taken with the payment",
}
_NONE = {"zh": "无适用的费率", "en": "no rule applied"}


class Why(msgspec.Struct, frozen=True):
    """A fee explained: `rule` names the rule that charged it, and `stored` says whether the payment itself names it; a
    payment from before rules had ids is explained by the rule of its date. `words` are zh and en. Amounts in fen.
    """

    kind: str
    amount: int
    fee: int
    taken: str
    rule: UUID | None
    stored: bool
    rule_words: dict[str, str]
    words: dict[str, str]
    by: FeeRule | None = None


class UnknownFee(ZhangfangError):
    """There is no payment, refund or payout of this id."""


class Told(NamedTuple):
    """A rule and what it makes of an amount, each in zh and en."""

    rule: dict[str, str]
    sum: dict[str, str]


def explain(rules: Sequence[FeeRule], id_: UUID | None, price: int) -> Told:
    """Return the rule of an id in words, and how it is worked out on `price` fen."""
    rule = next(one for one in rules if one.id == id_)
    sums = _BILL if rule.taken in _BILLED else {lang: _sum(rule, price, lang) for lang in LANGUAGES}
    return Told({lang: rule_in_words(rule, lang) for lang in LANGUAGES}, sums)


def _sum(rule: FeeRule, price: int, lang: str) -> str:
    words = sum_in_words(rule, price, lang)
    if rule.borne == "merchant":
        return words
    return say(lang)("; ").join([words, _ON_TOP[lang].format(fen_to_yuan(price + fee(rule, price)))])


async def why(pool: asyncpg.Pool, id_: UUID) -> Why:
    """Explain the fee of a payment, refund or payout. Raises `UnknownFee`."""
    row = await pool.fetchrow(queries.charged, id_)
    if row is None:
        raise UnknownFee("id: there is no payment, refund or payout of this id")
    if row["merchant"] == PLATFORM:  # money in suspense that goes back to its payer: nobody is charged
        return Why(row["kind"], row["amount"], row["fee"], row["fee_taken"], None, False, _NONE, _NONE)
    if row["original"] is not None:
        return await _given_back(pool, row)
    rule = await _rule(pool, row)
    if rule is None:
        return Why(row["kind"], row["amount"], row["fee"], row["fee_taken"], None, False, _NONE, _NONE)
    told = explain([rule], rule.id, row["amount"] - row["surcharge"])
    stored = row["fee_rule"] is not None
    return Why(
        row["kind"], row["amount"], row["fee"], row["fee_taken"], rule.id, stored, told.rule, told.sum, rule
    )


async def _rule(pool: asyncpg.Pool, row: Any) -> FeeRule | None:
    held = (await get_merchant(pool, row["merchant"])).fee_rules
    if row["fee_rule"] is not None:
        return next((rule for rule in held if rule.id == row["fee_rule"]), None)
    ask = Ask(
        FeeKind(row["kind"]),
        row["channel"],
        row["product"],
        row["instalments"],
        row["account_type"],
        row["fee_by"],
    )
    try:
        found = rule_for(held, ask, china_day(row["created_at"]))
    except NoFeeRule:
        return None
    return found if fee(found, row["amount"]) == row["fee"] else None


async def _given_back(pool: asyncpg.Pool, row: Any) -> Why:
    first = await why(pool, row["original"])
    figures = map(fen_to_yuan, (row["amount"], row["original_amount"], row["original_fee"], row["fee"]))
    values = tuple(figures)
    texts = _TAKEN_BACK if row["fee_taken"] else _BACK
    lent = fen_to_yuan(row["advanced"]) if row["advanced"] else ""
    words = {
        lang: say(lang)("; ").join(
            [
                texts[lang].format(*values),
                *([_ADVANCED[lang].format(lent)] if lent else []),
                first.words[lang],
            ]
        )
        for lang in LANGUAGES
    }
    return Why(
        row["kind"],
        row["amount"],
        row["fee"],
        row["fee_taken"],
        first.rule,
        first.stored,
        first.rule_words,
        words,
        first.by,
    )
