"""Reconciliation: the channel's file and the bank's statement against payments and ledger, line by line."""

from zhangfang.reconciliation.bank import Account, read
from zhangfang.reconciliation.files import receive, reconcile
from zhangfang.reconciliation.people import TwoPeople, approve, list_breaks, propose
from zhangfang.reconciliation.returns import finish_returns, give_back
from zhangfang.reconciliation.rules import BreakClass, cures

__all__ = [
    "Account",
    "BreakClass",
    "TwoPeople",
    "approve",
    "cures",
    "finish_returns",
    "give_back",
    "list_breaks",
    "propose",
    "read",
    "receive",
    "reconcile",
]
