"""Everything that processing an intent needs, built once per process and passed along.

Only functions that process intents take a desk. One that needs just the database, a clock or the ledger takes only that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg

from zhangfang.channels.port import AcquiringChannel, Channels, PartyAccount
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import Gatherer
from zhangfang.ledger import LedgerClient
from zhangfang.mandates import Mandate, MandateRefused, Wanted, find, fingerprint
from zhangfang.payments import collecting
from zhangfang.payments.gate import Gate
from zhangfang.payments.model import Intent, OperationStopped
from zhangfang.payments.store import Journal, Step
from zhangfang.routing import Router
from zhangfang.vault import Vault

Kind = TypeVar("Kind")


class ByName(dict[str, Kind]):
    """Channels by name. Whoever looks up one that was taken out of the settings meets a stopped operation: what is stored
    of it waits until it is set up again.
    """

    def __missing__(self, name: str) -> Kind:
        """Raise `OperationStopped`."""
        raise OperationStopped(
            f"channel {name}: not set up here; allowed: {', '.join(sorted(self)) or 'none'}; set it up again"
        )


@dataclass(slots=True)
class Desk:
    """Database, ledger, channels, vault and clock. `alias` is the name under which the ledger knows our bank account."""

    pool: asyncpg.Pool
    ledger: LedgerClient
    channels: Channels
    vault: Vault
    clock: Clock
    alias: str = "cmb"
    journal: Journal = field(init=False)
    gate: Gate = field(init=False)
    acquirers: Mapping[str, AcquiringChannel] = field(init=False)
    _mandates: Gatherer[Wanted, Mandate | None] = field(init=False)
    _collect: Gatherer[tuple[Intent, Sequence[Step]], bool | MandateRefused] = field(init=False)

    def __post_init__(self) -> None:
        """Open the journal and the gate on the pool."""
        self.channels = ByName(self.channels)
        self.journal = Journal(self.pool)
        self.gate = Gate(self.pool, Router(self.pool, self.clock, self.channels))
        self._mandates = Gatherer(lambda wanted: find(self.pool, wanted))
        self._collect = Gatherer(lambda rows: collecting.insert(self.pool, rows))
        self.acquirers = ByName(
            {name: one for name, one in self.channels.items() if isinstance(one, AcquiringChannel)}
        )

    async def mandate_of(self, merchant: str, account: PartyAccount) -> Mandate:
        """Return the mandate that lets the merchant debit an account now. Raises `NoMandate`."""
        wanted = Wanted(merchant, fingerprint(self.vault, account.number), china_day(self.clock.now()))
        return collecting.signed(await self._mandates.add(wanted))

    async def collect(self, intent: Intent, steps: Sequence[Step]) -> bool:
        """Store a collection with its first steps; False if its key or order number exists. Raises `MandateRefused`."""
        said = await self._collect.add((intent, steps))
        if isinstance(said, MandateRefused):
            raise said
        return said
