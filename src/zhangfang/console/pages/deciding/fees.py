"""What does this merchant pay, what would a new rule cost, and what did the channels charge us in a month?"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from zhangfang import fees
from zhangfang.console.reading import merchants
from zhangfang.console.reading.books import merchant_names
from zhangfang.console.typed import fen_of
from zhangfang.console.visit import Visit
from zhangfang.fees.reading import rule_typed
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import check_amount
from zhangfang.merchants import FeeKind, FeeRule
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

FIELDS = (
    "kind", "from", "rate", "fixed", "min", "max", "until", "channel", "product", "instalments", "account_type", "fee_by",
    "tiers", "tiers_by", "tiers_how", "taken", "on_refund", "borne", "amount",
)  # fmt: skip
FIRST: Mapping[str, str] = {
    "kind": "collection", "taken": "success", "borne": "merchant", "tiers_by": "amount", "tiers_how": "marginal",
    "amount": "100.00",
}  # fmt: skip
WORDS: Mapping[str, Mapping[str, str]] = {
    "taken": {
        "success": N_("with the payment"),
        "settlement": N_("at settlement"),
        "month": N_("billed after the month"),
        "available": N_("billed after the month, taken from available money"),
    },
    "on_refund": {
        "": N_("as the merchant's terms say"),
        "share": N_("given back in proportion"),
        "kept": N_("kept"),
        "whole": N_("given back wholly"),
    },
    "borne": {"merchant": N_("by the merchant"), "payer": N_("by the payer, on top of the price")},
    "tiers_by": {"amount": N_("by the amount"), "month": N_("by the month's volume")},
    "tiers_how": {
        "marginal": N_("each part at its own rate"),
        "whole": N_("all of it at the rate that it reaches"),
    },
    "product": {"": N_("any"), "cashier": N_("cashier"), "alipay_app": N_("Alipay in an app")},
    "fee_by": {"": N_("whoever"), "payer": N_("the payer"), "merchant": N_("the merchant")},
    "account_type": {
        "": N_("any"),
        "card": N_("debit card"),
        "credit": N_("credit card"),
        "corporate": N_("company account"),
    },
}
_ALSO = 10_000_00  # fen that a rule is tried on beside the amount that was typed
STATES = {
    "now": N_("in force"),
    "later": N_("to come"),
    "over": N_("over"),
    "waits": N_("gives way to a newer one"),
}


def by_day(rules: Sequence[FeeRule], today: date) -> list[tuple[FeeRule, str]]:
    """Return a merchant's rules with where each stands today: those in force first, the newest first."""

    def state(rule: FeeRule) -> str:
        if not fees.in_force(rule, today):
            return "later" if rule.effective_from > today else "over"
        same = [
            one
            for one in rules
            if one.kind is rule.kind and fees.in_force(one, today) and _for(one) == _for(rule)
        ]
        return "now" if max(same, key=fees.rank) is rule else "waits"

    found = [(rule, state(rule)) for rule in sorted(rules, key=lambda one: one.effective_from, reverse=True)]
    return sorted(found, key=lambda one: list(STATES).index(one[1]))


def _for(rule: FeeRule) -> tuple[object, ...]:
    return rule.instalments, rule.account_type, rule.channel, rule.product, rule.fee_by


async def form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask for a rule; with one in the address, show what it costs and ask to propose it."""
    row = await merchants.merchant(visit.pool, visit.request.path_params["id"], visit.today)
    if row is None:
        raise Missing("merchant")
    typed = {
        **dict.fromkeys(FIELDS, ""),
        "from": str(visit.today + timedelta(days=1)),
        **FIRST,
        **visit.query,
    }
    rule: FeeRule | None = None
    tried: Sequence[tuple[int, str]] = ()
    if "rate" in visit.query and not error:
        try:
            rule, tried = _tried(visit, typed)
        except InvalidInput as invalid:
            status, error = 422, str(invalid)
    return await visit.page(
        "fee.html",
        status,
        here="merchants",
        m=row,
        typed=typed,
        rule=rule,
        tried=tried,
        error=error,
        words=WORDS,
        kinds=list(FeeKind),
        channels=("", *visit.site.channels),
    )


def _tried(visit: Visit, typed: Mapping[str, str]) -> tuple[FeeRule, Sequence[tuple[int, str]]]:
    rule = rule_typed(typed)
    fees.check_agreed(rule, visit.site.channels, visit.today)
    if rule.tiers_by == "month":
        return rule, ()
    amount = check_amount(fen_of(typed["amount"].strip() or FIRST["amount"]))
    amounts = dict.fromkeys((amount, _ALSO))
    return rule, [(one, fees.sum_in_words(rule, one, visit.words.lang)) for one in amounts]


async def propose(visit: Visit) -> Response:
    """Propose what the page showed; another person approves it."""
    id_, sent = visit.request.path_params["id"], visit.request.state.form
    clock, site = visit.site.clock, visit.site
    try:
        rule = rule_typed({**dict.fromkeys(FIELDS, ""), **sent})
        made = await fees.propose_rule(
            visit.pool, clock, site.channels, id_, rule, visit.person, sent.get("reason", "")
        )
    except ZhangfangError as error:
        return await form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed('prp', made)}")


async def month(visit: Visit) -> Response:
    """Draw a month: income beside the channels' charges, the lines whose charge differs, and the month's bills."""
    text = visit.request.path_params.get("month") or f"{visit.today:%Y-%m}"
    try:
        asked = fees.month_of(text)
    except InvalidInput:
        raise Missing("month") from None
    sums, differing = await fees.margin(visit.pool, asked)
    bills = await fees.bills(visit.pool, None, asked)
    names = await merchant_names(
        visit.pool, [*(one.merchant for one in sums), *(one.merchant for one in bills)]
    )
    return await visit.page(
        "fees.html",
        here="fees",
        month=asked,
        before=asked - timedelta(days=1),
        after=fees.end_of(asked) + timedelta(days=1),
        sums=sums,
        differing=differing,
        differ_n=sum(one.differing for one in sums),
        bills=bills,
        names=names,
        vat=await fees.separated(visit.pool, asked),
        income=sum(one.income for one in sums),
        charged=sum(one.charged for one in sums),
        expected=sum(one.expected for one in sums),
    )


async def bill(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw a bill with its lines."""
    found, lines = await _bill(visit)
    names = await merchant_names(visit.pool, [found.merchant])
    return await visit.page(
        "fee_bill.html",
        status,
        here="fees",
        b=found,
        lines=lines,
        name=names.get(found.merchant),
        error=error,
    )


async def take(visit: Visit) -> Response:
    """Propose to take a bill from the merchant's available money."""
    found, _lines = await _bill(visit)
    reason = visit.request.state.form.get("reason", "")
    try:
        made = await fees.propose_taking(visit.pool, visit.site.clock, found.id, visit.person, reason)
    except ZhangfangError as error:
        return await bill(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed('prp', made)}")


async def _bill(visit: Visit) -> tuple[Any, Sequence[Any]]:
    try:
        found = await fees.bill(visit.pool, parse(fees.BILL, visit.request.path_params["id"]))
    except InvalidInput:
        raise Missing("bill") from None
    if found is None:
        raise Missing("bill")
    return found
