"""What a statement says: one content for each merchant and business date, from which every paper is drawn.

It is stored as JSON when it is released, so that a paper says years later what it said then. Amounts are fen.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec


class Payment(msgspec.Struct, frozen=True):
    """A payment that moved the merchant's money on the date, or that ended on it without moving any.

    `id` is as the merchant knows it; `moved` is the sum of its movements of the date, `original` the order number of
    the payment that a refund or void undoes, `rule` the rule that charged it or that payment.
    """

    id: str
    kind: str
    order_no: str
    original: str
    channel: str
    state: str
    amount: int
    fee: int
    moved: int
    at: datetime | None
    rule: UUID | None = None


class Rule(msgspec.Struct, frozen=True):
    """A rule that charged some of the payments: the version of the contract that held on their day, in both languages."""

    id: UUID
    zh: str
    en: str


class Entry(msgspec.Struct, frozen=True):
    """One side of a transfer on the merchant's accounts. `kind` is the transfer's code, `other` the other account's."""

    seq: int
    at: datetime
    code: int
    kind: int
    other: int
    voucher: UUID
    payment: str
    order_no: str
    debit: int
    credit: int


class Statement(msgspec.Struct, frozen=True):
    """A merchant's business date: balance before it, payments, movements in their order, balance after it."""

    merchant: str
    name: str
    day: date
    opening: int
    payments: Sequence[Payment]
    entries: Sequence[Entry]
    rules: Sequence[Rule] = ()

    @property
    def closing(self) -> int:
        """Return the balance at the end of the date."""
        return self.opening + sum(entry.credit - entry.debit for entry in self.entries)


encode = msgspec.json.Encoder(order="deterministic").encode
decode = msgspec.json.Decoder(Statement).decode
