"""What the payments context works with: one object that is built once in a process and passed along."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.channels.abilities import order_number
from zhangfang.channels.port import (
    AcquiringChannel,
    ChannelError,
    Operation,
    PartyAccount,
    PaymentChannel,
    Rules,
)
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import Gatherer
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.ledger import LedgerClient
from zhangfang.mandates import Mandate, MandateRefused
from zhangfang.payments import collecting
from zhangfang.payments.model import Intent, OperationStopped, State, StepKind
from zhangfang.payments.store import Journal, Step, Told, queries
from zhangfang.routing import Ask, Choice, Fate, Router
from zhangfang.vault import Vault

PREFIX = {
    Operation.PURCHASE: "pay",
    Operation.COLLECTION: "pay",
    Operation.REFUND: "ref",
    Operation.VOID: "ref",
    Operation.PAYOUT: "pot",
}
NOUN = {"pay": "payment", "ref": "refund", "pot": "payout"}
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
    router: Router = field(init=False)
    acquirers: Mapping[str, AcquiringChannel] = field(init=False)
    _collect: Gatherer[tuple[Intent, Sequence[Step]], bool | MandateRefused] = field(init=False)
    _stops: frozenset[tuple[str, str]] = frozenset()
    _stops_read: float = 0.0
    _reading_stops: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Open the journal and the router on the pool."""
        self.journal = Journal(self.pool)
        self.router = Router(self.pool, self.clock, self.channels)
        self._collect = Gatherer(lambda rows: collecting.insert(self.pool, rows))
        self.acquirers = {
            name: one for name, one in self.channels.items() if isinstance(one, AcquiringChannel)
        }

    async def collect(self, intent: Intent, steps: Sequence[Step]) -> bool:
        """Store a collection with its first steps; False if its key or order number exists. Raises `MandateRefused`."""
        said = await self._collect.add((intent, steps))
        if isinstance(said, MandateRefused):
            raise said
        return said

    async def mandate(self, merchant: str, account: PartyAccount) -> Mandate:
        """Return the mandate that lets a merchant debit an account now. Raises `MandateRefused`."""
        return await collecting.mandate_of(self.pool, self.vault, merchant, account, self.clock.now())

    def number(self, channel: str, id_: UUID) -> str:
        """Return a new number under which a channel is to know an order. Raises `OperationStopped` if it gives none."""
        try:
            return order_number(self.channels[channel], id_, self.clock.now())
        except ChannelError as error:
            raise OperationStopped(
                f"{channel} gives no order numbers now ({error}); try again later"
            ) from None

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

    async def choose(self, ask: Ask, tried: Collection[str] = ()) -> Choice:
        """Return the channel for an order, by the tables in force and by what is open just now.

        Raises `OperationStopped` where only a person's stop or a channel's trouble is in the way.
        """
        await self.read_stops()
        stopped = {channel for channel, operation in self._stops if operation == ask.operation.value}
        choice = await self.router.choose(ask, {*tried, *stopped})
        if choice.fate in (Fate.REFUSE, Fate.PARK) and stopped:
            without = await self.router.choose(ask, tried)
            choice = without if without.fate is not Fate.GO else replace(without, fate=Fate.WAIT)
        if choice.fate is Fate.WAIT:
            reason = choice.reason or "stopped by an operator"
            raise OperationStopped(f"{ask.operation}: no channel takes it now ({reason}); try again later")
        return choice

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
