"""A merchant's endpoints and what is delivered to them."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address where a merchant is told of events.

    `failures` counts tries in a row that were not acknowledged; nothing is sent before `rest_until`. `waiting_since` is
    when the oldest event came that still has to be delivered.
    """

    id: UUID
    merchant: str
    url: str
    enabled: bool
    created_at: datetime
    failures: int = 0
    rest_until: datetime | None = None
    waiting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint and the secret that signs what is sent to it, in the clear: it is shown once."""

    endpoint: Endpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event at one endpoint. `last_status` is None if no answer came; then `note` says why."""

    event: UUID
    type: str
    attempts: int
    last_status: int | None
    note: str
    created_at: datetime
    next_action_at: datetime | None
    delivered_at: datetime | None

    @property
    def state(self) -> str:
        """Return `delivered`, `waiting`, or `failed` if it is not tried any more."""
        if self.next_action_at:
            return "waiting"
        return "delivered" if self.delivered_at else "failed"
