"""A mandate and the request for one. Limits are fen; a day is a day in China, from midnight to midnight."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from zhangfang.channels.port import PartyAccount
from zhangfang.kernel.calendar import china_day


class MandateState(StrEnum):
    """The state of a mandate. EXPIRED is never stored: an ACTIVE or SIGNING mandate is EXPIRED after its last day."""

    SIGNING = "SIGNING"  # the payer has not signed yet, or it is unknown whether he has
    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class NewMandate:
    """What a merchant asks for. `valid_until` is the last day.

    The payer signs at `channel`. If that is `""`, the payer signed on paper, and `evidence` is the merchant's own
    reference of it.
    """

    mandate_no: str
    idempotency_key: str
    account: PartyAccount = field(repr=False)
    limit_each: int
    limit_day: int
    limit_month: int
    valid_from: date
    valid_until: date
    channel: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Mandate:
    """A row of the table; the columns are explained in the migration that makes it."""

    id: UUID
    merchant: str
    mandate_no: str
    idempotency_key: str
    request_digest: bytes
    account_token: str
    account_tail: str
    name_masked: str
    fingerprint: str
    limit_each: int
    limit_day: int
    limit_month: int
    valid_from: date
    valid_until: date
    channel: str
    evidence: str
    order_no: str
    requested_at: datetime
    state: MandateState
    created_at: datetime
    agreement: str = ""
    code: str = ""
    message: str = ""
    code_sent_at: datetime | None = None
    signed_at: datetime | None = None
    revoked_at: datetime | None = None
    ended_at: datetime | None = None
    next_action_at: datetime | None = None
    fence: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Mandate":
        """Build it from a row of the table."""
        return cls(**{name: row[name] for name in cls.__slots__} | {"state": MandateState(row["state"])})

    def state_at(self, at: datetime) -> MandateState:
        """Return the state at a moment: after the last day a mandate that was not revoked has expired."""
        over = self.state is not MandateState.REVOKED and china_day(at) > self.valid_until
        return MandateState.EXPIRED if over else self.state


@dataclass(frozen=True, slots=True)
class MandateStep:
    """One thing that happened to a mandate."""

    id: UUID
    mandate: UUID
    at: datetime
    kind: str
    verdict: str = ""
    state: str = ""
    code: str = ""
    message: str = ""
    raw: str = ""
