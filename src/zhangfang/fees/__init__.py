"""Fees: rules as data, which rule charges a payment, how it is worked out, and why somebody was charged."""

from zhangfang.fees.agreeing import AGREED, Agreement, approve_rule, propose_rule, rules_of
from zhangfang.fees.arithmetic import fee, given_back
from zhangfang.fees.arriving import arrived, paid_by
from zhangfang.fees.billing import PREFIX as BILL
from zhangfang.fees.billing import (
    TAKING,
    Bill,
    NotBilled,
    Taking,
    approve_taking,
    bill,
    bill_month,
    bills,
    propose_taking,
    take,
)
from zhangfang.fees.checking import check_agreed
from zhangfang.fees.choice import Ask, Charge, charge, check_some, in_force, on_refund, rank, rule_for
from zhangfang.fees.cost import Cost, Margin, margin
from zhangfang.fees.month import end_of, month_of
from zhangfang.fees.sheet import sheet
from zhangfang.fees.vat import NotSeparated, Separated, separate_vat, separated
from zhangfang.fees.why import UnknownFee, Why, explain, why
from zhangfang.fees.words import rule_in_words, sum_in_words

__all__ = [
    "AGREED",
    "BILL",
    "TAKING",
    "Agreement",
    "Ask",
    "Bill",
    "Charge",
    "Cost",
    "Margin",
    "NotBilled",
    "NotSeparated",
    "Separated",
    "Taking",
    "UnknownFee",
    "Why",
    "approve_rule",
    "approve_taking",
    "arrived",
    "bill",
    "bill_month",
    "bills",
    "charge",
    "check_agreed",
    "check_some",
    "end_of",
    "explain",
    "fee",
    "given_back",
    "in_force",
    "margin",
    "month_of",
    "on_refund",
    "paid_by",
    "propose_rule",
    "propose_taking",
    "rank",
    "rule_for",
    "rule_in_words",
    "rules_of",
    "separate_vat",
    "separated",
    "sheet",
    "sum_in_words",
    "take",
    "why",
]
