"""Reconciliation: the channel's file and the bank's statement against payments and ledger, line by line."""

from zhangfang.reconciliation.bank import Account, read
from zhangfang.reconciliation.files import receive, reconcile
from zhangfang.reconciliation.people import CURES, TwoPeople, approve, propose
from zhangfang.reconciliation.rules import BreakClass

__all__ = [
    "CURES",
    "Account",
    "BreakClass",
    "TwoPeople",
    "approve",
    "propose",
    "read",
    "receive",
    "reconcile",
]
