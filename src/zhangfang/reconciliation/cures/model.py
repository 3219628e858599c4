"""What two people say about a break: the cure, and what it needs to know."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.payments.store import Journal

CURE, BULK = "cure", "bulk_cure"  # the kinds of these proposals


class Cure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cure of a break. `NEEDS` says which of the others it has; the account is a vault token, only its tail is shown."""

    cure: str
    merchant: str | None = None
    channel: str = ""
    day: date | None = None
    payment: str = ""
    proof: str = ""
    account: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A break with what is said of it, and the books in which its cure is looked up. `alias`: of our bank account."""

    pool: asyncpg.Pool
    journal: Journal
    alias: str
    row: Any
    said: Cure

    @property
    def amount(self) -> int:
        """Return the break's amount in fen."""
        return abs(int(self.row["difference"]))

    @property
    def voucher(self) -> UUID:
        """Return the id of the cure's voucher, stored with the break."""
        return UUID(str(self.row["cure_voucher"]))

    @property
    def line_alias(self) -> str:
        """Return the alias of the account on whose statement the break's line stands; ours, for a channel's line."""
        return str(self.row["channel"]) if self.row["template"] in ("X1", "X2") else self.alias
