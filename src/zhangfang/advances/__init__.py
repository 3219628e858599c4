"""Advances (垫款): own funds pay what a merchant lacks, within its line and our own money in the reserve."""

from zhangfang.advances.deciding import ADVANCE, Advancing, approve, propose
from zhangfang.advances.standing import Line, NotCovered, Wanted, check, line_of, promised, standing

__all__ = [
    "ADVANCE",
    "Advancing",
    "Line",
    "NotCovered",
    "Wanted",
    "approve",
    "check",
    "line_of",
    "promised",
    "propose",
    "standing",
]
