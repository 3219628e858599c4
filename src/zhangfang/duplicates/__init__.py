"""Double payments (重复代收): found by their business key, confirmed by people, reversed with their fee, and masked.

`find` opens cases; people `confirm`, `approve` or `dismiss` them; `job` reverses the confirmed ones. Cases are kept.
"""

from zhangfang.duplicates.finding import find
from zhangfang.duplicates.flow import REVERSAL, Reversal, approve, confirm, confirm_all, dismiss
from zhangfang.duplicates.healing import advance, job
from zhangfang.duplicates.model import Case, CaseState, DoesNotFit, NoCase
from zhangfang.duplicates.store import PREFIX, cases, counts, get, line, masked, steps, to_confirm

__all__ = [
    "PREFIX",
    "REVERSAL",
    "Case",
    "CaseState",
    "DoesNotFit",
    "NoCase",
    "Reversal",
    "advance",
    "approve",
    "cases",
    "confirm",
    "confirm_all",
    "counts",
    "dismiss",
    "find",
    "get",
    "job",
    "line",
    "masked",
    "steps",
    "to_confirm",
]
