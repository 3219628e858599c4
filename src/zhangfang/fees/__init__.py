"""Fees: rules as data, which rule charges a payment, how it is worked out, and why somebody was charged."""

from zhangfang.fees.agreeing import AGREED, Agreement, approve_rule, propose_rule, rules_of
from zhangfang.fees.arithmetic import fee, given_back
from zhangfang.fees.checking import check_agreed
from zhangfang.fees.choice import Ask, Charge, charge, check_some, in_force, on_refund, rule_for
from zhangfang.fees.why import UnknownFee, Why, why
from zhangfang.fees.words import rule_in_words, sum_in_words

__all__ = [
    "AGREED",
    "Agreement",
    "Ask",
    "Charge",
    "UnknownFee",
    "Why",
    "approve_rule",
    "charge",
    "check_agreed",
    "check_some",
    "fee",
    "given_back",
    "in_force",
    "on_refund",
    "propose_rule",
    "rule_for",
    "rule_in_words",
    "rules_of",
    "sum_in_words",
    "why",
]
