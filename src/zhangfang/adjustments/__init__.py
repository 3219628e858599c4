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
from zhangfang.adjustments.freezes import (
    FREEZE,
    KINDS,
    THAW,
    Freeze,
    NoFreeze,
    Thaw,
    approve_thaw,
    freeze,
    propose_thaw,
    take,
    vouchers,
)
from zhangfang.adjustments.freezes import get as freeze_of
from zhangfang.adjustments.freezes import job as freeze_job
from zhangfang.adjustments.freezes import listed as freezes
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
    "FREEZE",
    "KINDS",
    "PREFIX",
    "THAW",
    "AboveLimit",
    "Adjustment",
    "Allowed",
    "Case",
    "Evidence",
    "Freeze",
    "Line",
    "Made",
    "NoAdjustment",
    "NoFreeze",
    "NotAnswered",
    "Thaw",
    "approve",
    "approve_thaw",
    "file",
    "freeze",
    "freeze_job",
    "freeze_of",
    "freezes",
    "get",
    "keep",
    "listed",
    "names",
    "prepared",
    "propose",
    "propose_reversal",
    "propose_thaw",
    "read_limits",
    "set_limit",
    "take",
    "vouchers",
]
