"""A case: a suspected double payment, what people decided about it, and how far its reversal is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from zhangfang.kernel.errors import ZhangfangError


class CaseState(StrEnum):
    """Where a case stands."""

    SUSPECTED = "SUSPECTED"  # found; a person has to confirm or dismiss it
    APPROVAL = "APPROVAL"  # confirmed, but settled to the merchant: a second person has to approve
    REVERSING = "REVERSING"  # the money is on its way back to the payer, or waits for what the note says
    PERSON = "PERSON"  # it cannot be reversed automatically; the note says why
    DONE = "DONE"
    DISMISSED = "DISMISSED"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of `duplicate`; the columns are explained in the migration that makes the table. Amounts in fen.

    The money of `intent` (a payment of ours) or of `break_` (a line of the channel without a payment) goes back.
    """

    id: UUID
    merchant: str
    order_no: str
    amount: int
    keep: UUID
    intent: UUID | None
    break_: UUID | None
    state: CaseState
    note: str
    found_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    reason: str
    approved_by: str | None
    approved_at: datetime | None
    attempt: int
    way: str
    reversal: UUID | None
    masked: bool
    ended_at: datetime | None
    proposal: UUID | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Case":
        """Build it from a row of the table."""
        held = {name: row[name.rstrip("_")] for name in cls.__slots__}
        return cls(**held | {"state": CaseState(row["state"])})

    @property
    def key(self) -> str:
        """Return the idempotency key of the current attempt to reverse it."""
        return f"duplicate:{self.id.hex}:{self.attempt}"

    @property
    def number(self) -> str:
        """Return the order number of the current attempt to reverse it."""
        return f"DUP-{self.id.hex}-{self.attempt}"


@dataclass(frozen=True, slots=True)
class CaseStep:
    """Who did what about a case, when and why, and the voucher that it made; never deleted."""

    id: UUID
    at: datetime
    by: str
    act: str
    note: str
    voucher: UUID | None


class DuplicateError(ZhangfangError):
    """The platform refuses a request about a case.

    DuplicateError
    ├── NoCase
    └── DoesNotFit
    """


class NoCase(DuplicateError):
    """There is no such case."""


class DoesNotFit(DuplicateError):
    """The state of the case or of its payments does not allow it; the text says why."""
