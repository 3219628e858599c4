"""What people decide about the books: an adjustment, its lines, and why one is refused."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.kernel.errors import ZhangfangError

PREFIX = "adj"
ADJUSTMENT = "adjustment"  # the kind of these proposals
POSTED = "posted"


class NoAdjustment(ZhangfangError):
    """There is no such adjustment, or it cannot be reversed; the text says which."""


class NotAnswered(ZhangfangError):
    """The ledger refused a voucher for a reason that may pass: approve again, so that it is asked again."""


class Line(msgspec.Struct, frozen=True):
    """One line of a voucher as people see it: two accounts such as `2322/mer_…`, and fen."""

    what: str
    debit: str
    credit: str
    fen: int


class Adjustment(msgspec.Struct, frozen=True):
    """A voucher that one person proposes. `subjects` says whose accounts, by what the template asks for.

    `voucher` is what it will book, line by line; `files` are digests of the evidence. `reverses` names the voucher of an
    adjustment that is undone; then template and subjects are those of that one.
    """

    template: str
    amount: int
    subjects: dict[str, str]
    code: str
    reason: str
    refers: str
    files: tuple[str, ...] = ()
    voucher: tuple[Line, ...] = ()
    reverses: UUID | None = None


class Making(msgspec.Struct, frozen=True):
    """What the ledger's transfers are made of, as it is stored with a voucher: fen, and whose accounts."""

    template: str
    amount: int
    subjects: dict[str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """A stored voucher. Without `ended_at` the ledger was not asked yet, or has not answered."""

    id: UUID
    purpose: str
    template: str
    making: Making
    amount: int
    business_date: date
    reverses: UUID | None
    of: UUID | None
    proposal: UUID | None
    made_by: str
    made_at: datetime
    seq: int | None
    result: str | None
    ended_at: datetime | None

    @property
    def posted(self) -> bool:
        """Whether it is in the books."""
        return self.result == POSTED


def made_of(row: asyncpg.Record | None) -> Made | None:
    """Return a row of the table as a voucher."""
    if row is None:
        return None
    held: dict[str, Any] = dict(row)
    return Made(making=msgspec.json.decode(held.pop("said"), type=Making), **held)
