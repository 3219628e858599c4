"""Reconciliation: compares channels' files and bank statements with payments and ledger, line by line."""

from zhangfang.reconciliation.bank import Account, read
from zhangfang.reconciliation.files import reconcile, take_file
from zhangfang.reconciliation.match_rules import MATCH_RULE, MatchRule, approve_rule, list_rules, propose_rule
from zhangfang.reconciliation.people import CURE, Cure, approve, list_breaks, propose
from zhangfang.reconciliation.returns import finish_returns, return_line
from zhangfang.reconciliation.rules import SEEN, BreakClass, cures
from zhangfang.reconciliation.taking import bring_file

__all__ = [
    "CURE",
    "MATCH_RULE",
    "SEEN",
    "Account",
    "BreakClass",
    "Cure",
    "MatchRule",
    "approve",
    "approve_rule",
    "bring_file",
    "cures",
    "finish_returns",
    "list_breaks",
    "list_rules",
    "propose",
    "propose_rule",
    "read",
    "reconcile",
    "return_line",
    "take_file",
]
