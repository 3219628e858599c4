"""A merchant's batch, the channel batches that carry its items, and its progress. Amounts in fen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class BatchState(StrEnum):
    """LOADING: its file is still arriving; ACCEPTED: its items are being collected; FINISHED: every item has a result."""

    LOADING = "LOADING"
    ACCEPTED = "ACCEPTED"
    FINISHED = "FINISHED"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a merchant says about a file: its own number for it, the format, and the control totals.

    `form` is `csv` or `jsonl`; `count` is the number of items and `amount` their sum in fen. With `partial`, bad lines
    become refused items; otherwise one bad line refuses the file.
    """

    batch_no: str
    form: str
    count: int
    amount: int
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of the table; the columns are explained in the migration that makes it. `digest` is keyed by the vault."""

    id: UUID
    merchant: str
    batch_no: str
    digest: bytes
    items: int
    amount: int
    partial: bool
    state: BatchState
    told: UUID
    created_at: datetime
    alone_until: datetime | None = None
    finished_at: datetime | None = None
    fence: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Batch":
        """Build it from a row of the table."""
        return cls(**{name: row[name] for name in cls.__slots__} | {"state": BatchState(row["state"])})


class Carriage(StrEnum):
    """Where a channel's batch stands; the states are explained in the migration that makes the table."""

    CREATED = "CREATED"
    SENDING = "SENDING"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"
    DONE = "DONE"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True)
class ChannelBatch:
    """A row of `channel_batch`: items that are sent to a channel in one message."""

    id: UUID
    batch: UUID
    channel: str
    operation: str
    items: int
    amount: int
    state: Carriage
    number: str | None = None
    requested_at: datetime | None = None
    code: str = ""
    message: str = ""
    queries: int = 0
    not_found: int = 0
    fence: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "ChannelBatch":
        """Build it from a row of the table."""
        return cls(**{name: row[name] for name in cls.__slots__} | {"state": Carriage(row["state"])})


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a file and its result: `state` is its payment's, or WAITING, or REFUSED with a code."""

    line: int
    order_no: str
    amount: int
    state: str
    payment: UUID | None
    code: str
    message: str
    settle_date: str
    tail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of a batch's items and their amount, by state."""

    counts: Mapping[str, int]
    amounts: Mapping[str, int]

    @property
    def collected(self) -> int:
        """Return the amount collected, in fen."""
        return self.amounts.get("SUCCESS", 0)
