"""Reconciliation: compares channels' files and bank statements with payments and ledger, line by line."""

from zhangfang.reconciliation.bank.match_rules import (
    MATCH_RULE,
    MatchRule,
    approve_rule,
    list_rules,
    propose_rule,
)
from zhangfang.reconciliation.bank.model import Account
from zhangfang.reconciliation.bank.reading import read
from zhangfang.reconciliation.cures.bulk import (
    Bulk,
    Fit,
    approve_many,
    fitting,
    go_on_with_bulks,
    propose_many,
    results,
)
from zhangfang.reconciliation.cures.candidates import candidates
from zhangfang.reconciliation.cures.model import BULK, CURE, Cure
from zhangfang.reconciliation.cures.people import approve, get_break, list_breaks, preview, propose
from zhangfang.reconciliation.cures.table import AUTOMATIC, CURES, NEEDS, cures, in_bulk
from zhangfang.reconciliation.files import reconcile, take_file
from zhangfang.reconciliation.own_bank import OWN
from zhangfang.reconciliation.returns import finish_returns, return_late_payments, return_line
from zhangfang.reconciliation.rules import SEEN, BreakClass
from zhangfang.reconciliation.statements import bring_statements, read_and_bring_statements
from zhangfang.reconciliation.taking import bring_file, read_and_bring
from zhangfang.reconciliation.versions.applying import approve_version
from zhangfang.reconciliation.versions.offering import VERSION, FileVersion, differences, offer_version
from zhangfang.reconciliation.work.papers import SIZE_MAX, attach, paper, papers
from zhangfang.reconciliation.work.suspense import (
    BUCKETS,
    CODES,
    LIMITS,
    Aged,
    TooMuch,
    aging,
    too_much,
    watch,
)
from zhangfang.reconciliation.work.taking import comment, hand, take

__all__ = [
    "AUTOMATIC",
    "BUCKETS",
    "BULK",
    "CODES",
    "CURE",
    "CURES",
    "LIMITS",
    "MATCH_RULE",
    "NEEDS",
    "OWN",
    "SEEN",
    "SIZE_MAX",
    "VERSION",
    "Account",
    "Aged",
    "BreakClass",
    "Bulk",
    "Cure",
    "FileVersion",
    "Fit",
    "MatchRule",
    "TooMuch",
    "aging",
    "approve",
    "approve_many",
    "approve_rule",
    "approve_version",
    "attach",
    "bring_file",
    "bring_statements",
    "candidates",
    "comment",
    "cures",
    "differences",
    "finish_returns",
    "fitting",
    "get_break",
    "go_on_with_bulks",
    "hand",
    "in_bulk",
    "list_breaks",
    "list_rules",
    "offer_version",
    "paper",
    "papers",
    "preview",
    "propose",
    "propose_many",
    "propose_rule",
    "read",
    "read_and_bring",
    "read_and_bring_statements",
    "reconcile",
    "results",
    "return_late_payments",
    "return_line",
    "take",
    "take_file",
    "too_much",
    "watch",
]
