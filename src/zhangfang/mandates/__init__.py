"""Mandates (代收协议): which merchant may debit which account of which payer, up to how much, and until when."""

from zhangfang.mandates.errors import (
    MandateEnded,
    MandateKeyReused,
    MandateLimit,
    MandateNumberTaken,
    MandateRefused,
    NoMandate,
    NotSigning,
    SigningStopped,
    UnknownMandate,
)
from zhangfang.mandates.model import Mandate, MandateState, NewMandate
from zhangfang.mandates.rules import check
from zhangfang.mandates.service import Mandates, fingerprint
from zhangfang.mandates.store import Wanted, find, lock

__all__ = [
    "Mandate",
    "MandateEnded",
    "MandateKeyReused",
    "MandateLimit",
    "MandateNumberTaken",
    "MandateRefused",
    "MandateState",
    "Mandates",
    "NewMandate",
    "NoMandate",
    "NotSigning",
    "SigningStopped",
    "UnknownMandate",
    "Wanted",
    "check",
    "find",
    "fingerprint",
    "lock",
]
