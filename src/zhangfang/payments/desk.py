"""What the payments context works with: one object that is built once in a process and passed along."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.channels.port import AcquiringChannel, Operation, PartyAccount, PaymentChannel, Rules
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.ledger import LedgerClient
from zhangfang.payments.model import Intent, OperationStopped, State, StepKind
from zhangfang.payments.store import Journal, Step, Told, queries
from zhangfang.vault import Vault

PREFIX = {
    Operation.PURCHASE: "pay",
    Operation.COLLECTION: "pay",
    Operation.REFUND: "ref",
    Operation.VOID: "ref",
    Operation.PAYOUT: "pot",
}
NOUN = {"pay": "payment", "ref": "refund", "pot": "payout"}
ROUTES: Mapping[Operation, str] = {
    Operation.PURCHASE: "unionpay",
    Operation.COLLECTION: "unionpay",
    Operation.PAYOUT: "cmb",
}
_STOPS_SECONDS = 1.0  # how long a stop switch may take to reach a process


@dataclass(slots=True)
class Desk:
    """Database, ledger, channels, vault and clock. `alias` is the name under which the ledger knows our bank account."""

    pool: asyncpg.Pool
    ledger: LedgerClient
    channels: Mapping[str, PaymentChannel]
    vault: Vault
    clock: Clock
    alias: str = "cmb"
    journal: Journal = field(init=False)
    acquirers: Mapping[str, AcquiringChannel] = field(init=False)
    _stops: frozenset[tuple[str, str]] = frozenset()
    _stops_read: float = 0.0
    _reading_stops: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Open the journal on the pool."""
        self.journal = Journal(self.pool)
        self.acquirers = {
            name: one for name, one in self.channels.items() if isinstance(one, AcquiringChannel)
        }

    def rules(self, intent: Intent) -> Rules:
        """Return the channel's own rules for the intent's operation."""
        return self.channels[intent.channel].rules[intent.kind]

    def step(self, intent: UUID, kind: StepKind, **rest: Any) -> Step:
        """Make a step of now."""
        return Step(id=new_id(self.clock), intent=intent, at=self.clock.now(), kind=kind, **rest)

    async def check_open(self, channel: str, operation: Operation) -> None:
        """Raise `OperationStopped` if a person has stopped the operation."""
        await self.read_stops()
        self.check_stops(channel, operation)

    async def read_stops(self) -> None:
        """Learn what is stopped, unless that was done a moment ago. One reads for all who come meanwhile."""
        if not self._stops_are_old():
            return
        async with self._reading_stops:
            if self._stops_are_old():
                rows = await self.pool.fetch(queries.stops)
                self._stops = frozenset((row["channel"], row["operation"]) for row in rows)
                self._stops_read = time.monotonic()

    def _stops_are_old(self) -> bool:
        return time.monotonic() - self._stops_read > _STOPS_SECONDS

    def check_stops(self, channel: str, operation: Operation) -> None:
        """Raise `OperationStopped` if the operation was stopped when `read_stops` last looked."""
        if (channel, operation.value) in self._stops:
            raise OperationStopped(f"{operation} on {channel} is stopped by an operator; try again later")

    def seal(self, account: PartyAccount) -> str:
        """Return the vault token of an account."""
        return self.vault.seal(msgspec.json.encode(account).decode(), "account")

    def unseal(self, token: str | None) -> PartyAccount | None:
        """Return the account behind a token, for the length of a call."""
        return msgspec.json.decode(self.vault.open(token, "account"), type=PartyAccount) if token else None

    def told(self, intent: Intent, state: State, at: datetime) -> Told:
        """Return the event that tells the merchant of a final state."""
        noun = NOUN[PREFIX[intent.kind]]
        return self.event(intent, f"{noun}.{_EVENTS[state]}", state, at)

    def event(self, intent: Intent, event: str, state: State, at: datetime) -> Told:
        """Return an event about the intent, its payload written now."""
        data = {
            "id": prefixed(PREFIX[intent.kind], intent.id),
            "kind": intent.kind.value,
            "order_no": intent.order_no,
            "amount": intent.amount,
            "fee": intent.fee,
            "currency": "CNY",
            "state": state.value,
        }
        payload = {"type": event, "timestamp": at.isoformat(), "data": data}
        return Told(new_id(self.clock), event, msgspec.json.encode(payload).decode())


_EVENTS = {
    State.SUCCESS: "succeeded",
    State.FAILED: "failed",
    State.REFUSED: "refused",
    State.CLOSED: "closed",
}
