"""A rule and its arithmetic in words, in both languages. Amounts are yuan, rates per cent."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from zhangfang.fees.arithmetic import fee, parts
from zhangfang.fees.choice import NAMED, named
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.merchants import ALWAYS, FeeKind, FeeRule, OnRefund, Taken

LANGUAGES = ("zh", "en")
_TEXTS: Mapping[str, tuple[str, str]] = {
    "purchase": ("消费", "purchase"),
    "collection": ("代收", "collection"),
    "payout": ("出金", "payout"),
    "instalments": ("分 {0} 期", "{0} instalments"),
    "at once": ("不分期", "paid at once"),
    "account_type": ("账户类型 {0}", "account type {0}"),
    "channel": ("渠道 {0}", "channel {0}"),
    "product": ("产品 {0}", "product {0}"),
    "fee_by": ("分期费由{0}承担", "instalments borne by the {0}"),
    "cashier": ("收银台", "cashier"),
    "alipay_app": ("应用内支付宝", "Alipay in an app"),
    "card": ("借记卡", "debit card"),
    "credit": ("贷记卡", "credit card"),
    "corporate": ("对公账户", "company account"),
    "payer": ("付款人", "payer"),
    "merchant": ("商户", "merchant"),
    "from": ("自 {0} 起", "from {0}"),
    "always": ("一直", "always"),
    "until": ("至 {0} 止", "until {0}"),
    "over": ("{0} 以上 {1}", "{1} over {0}"),
    "fixed": ("每笔另加 {0}", "{0} for each payment"),
    "least": ("最低 {0}", "at least {0}"),
    "most": ("最高 {0}", "at most {0}"),
    "amount marginal": ("按金额分段计", "each part of the amount at its own rate"),
    "amount whole": ("按金额整笔计", "the whole amount at the rate that it reaches"),
    "month marginal": ("按月交易量分段计", "each part of the month's volume at its own rate"),
    "month whole": ("按月交易量整体计", "all of the month at the rate that its volume reaches"),
    "settlement": ("结算时收取", "taken at settlement"),
    "month": ("按月出账", "billed monthly"),
    "available": ("按月出账，从可用款扣收", "billed monthly, taken from available money"),
    "on top": ("由付款人在价款之外承担", "paid by the payer on top of the price"),
    "share": ("退款按比例退还", "given back in proportion to a refund"),
    "kept": ("退款不退还", "kept when refunded"),
    "whole": ("退款时全部退还", "given back wholly at a refund"),
    "; ": ("；", "; "),
    ", ": ("，", ", "),
    "rest": ("不超过交易金额 {0}", "not more than the payment, {0}"),
    "gives": ("手续费 {0}", "fee {0}"),
}


def say(lang: str) -> Callable[..., str]:
    """Return the function that gives a text of the table in a language, with its values."""
    column = LANGUAGES.index(lang)
    return lambda key, *values: _TEXTS[key][column].format(*values)


def percent(ppm: int) -> str:
    """Return a rate in parts per million as per cent: 6000 is `0.6 %`."""
    text = f"{Decimal(ppm).scaleb(-4):f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def rule_in_words(rule: FeeRule, lang: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what a rule is for, from when it applies, and its figures; `names` are what people call the channels."""
    t = say(lang)
    since = t("always") if rule.effective_from == ALWAYS else t("from", rule.effective_from)
    head = [t(rule.kind.value), *_names(rule, lang, names), since]
    head += [t("until", rule.until)] if rule.until else []
    return t(", ").join(head) + t("; ") + t(", ").join(_figures(rule, lang))


def sum_in_words(rule: FeeRule, amount: int, lang: str) -> str:
    """Return how the fee on `amount` fen is worked out, step by step: `100.00 × 0.38 % = 0.38; fee 0.38`."""
    t, yuan = say(lang), fen_to_yuan
    split = parts(rule, amount)
    total = " + ".join(f"{yuan(part)} × {percent(rate)}" for part, rate in split)
    steps = [f"{total} = {_exact(sum(part * rate for part, rate in split))}"]
    steps += [t("fixed", yuan(rule.fixed_fen))] if rule.fixed_fen else []
    steps += [t("least", yuan(rule.min_fen))] if rule.min_fen else []
    steps += [t("most", yuan(rule.max_fen))] if rule.max_fen is not None else []
    charged = fee(rule, amount)
    if rule.kind is not FeeKind.PAYOUT and charged == amount:
        steps.append(t("rest", yuan(amount)))
    return t("; ").join([*steps, t("gives", yuan(charged))])


def _exact(millionths: int) -> str:
    """Return millionths of a fen as yuan, with every digit and no more."""
    text = f"{Decimal(millionths).scaleb(-8):f}".rstrip("0")
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(2, '0')}"


def _names(rule: FeeRule, lang: str, names: Mapping[str, str]) -> list[str]:
    t = say(lang)
    found = []
    for name, there in zip(NAMED, named(rule), strict=True):
        value = getattr(rule, name)
        if there:
            key = "at once" if (name, value) == ("instalments", 0) else name
            found.append(t(key, t(value) if value in _TEXTS else names.get(value, value)))
    return found


def _figures(rule: FeeRule, lang: str) -> list[str]:
    t, yuan = say(lang), fen_to_yuan
    said = [percent(rule.rate_ppm)]
    said += [t("over", yuan(tier.over_fen), percent(tier.rate_ppm)) for tier in rule.tiers]
    said += [t(f"{rule.tiers_by} {rule.tiers_how}")] if rule.tiers else []
    said += [t("fixed", yuan(rule.fixed_fen))] if rule.fixed_fen else []
    said += [t("least", yuan(rule.min_fen))] if rule.min_fen else []
    said += [t("most", yuan(rule.max_fen))] if rule.max_fen is not None else []
    said += [t(rule.taken)] if rule.taken is not Taken.SUCCESS else []
    said += [t("on top")] if rule.borne == "payer" else []
    said += [t(rule.on_refund)] if rule.on_refund is not OnRefund.TERMS else []
    return said
