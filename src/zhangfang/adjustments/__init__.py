"""Adjustments: vouchers that people decide on (人工调账), with evidence, limits, and always two of them."""

from zhangfang.adjustments.allowed import ALLOWED, Allowed
from zhangfang.adjustments.evidence import Evidence, file, keep, names
from zhangfang.adjustments.flow import (
    Case,
    approve,
    get,
    listed,
    prepared,
    propose,
    propose_reversal,
    read_limits,
    set_limit,
)
from zhangfang.adjustments.model import (
    ADJUSTMENT,
    PREFIX,
    AboveLimit,
    Adjustment,
    Line,
    Made,
    NoAdjustment,
    NotAnswered,
)

__all__ = [
    "ADJUSTMENT",
    "ALLOWED",
    "PREFIX",
    "AboveLimit",
    "Adjustment",
    "Allowed",
    "Case",
    "Evidence",
    "Line",
    "Made",
    "NoAdjustment",
    "NotAnswered",
    "approve",
    "file",
    "get",
    "keep",
    "listed",
    "names",
    "prepared",
    "propose",
    "propose_reversal",
    "read_limits",
    "set_limit",
]
