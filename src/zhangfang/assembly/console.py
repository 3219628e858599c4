"""The operator's console as the API process serves it, with what it may cause in other contexts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from starlette.routing import BaseRoute, Mount

from zhangfang.adjustments import Freeze, freeze
from zhangfang.approvals import Person, Proposal, limit_of
from zhangfang.assembly.proposals import approve
from zhangfang.bills import Said
from zhangfang.channels.port import PartyAccount
from zhangfang.console import Console, console_app
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import Transfer
from zhangfang.merchants import BankAccount, propose_account
from zhangfang.payments import (
    REFUND,
    Desk,
    NotFound,
    ask,
    may_leave,
    open_again,
    propose_own_account,
    propose_withdrawal,
    refund_by,
    seal_payee,
)
from zhangfang.reconciliation import Cure, preview, read_and_bring, read_and_bring_statements
from zhangfang.web.origin import origin


@dataclass(frozen=True, slots=True)
class OperatorActs:
    """What an operator may do with a channel or the ledger: ask now, refund, open again, and be the second person."""

    desk: Desk
    settings: Settings = field(default_factory=Settings)

    async def query_now(self, intent_id: UUID) -> None:
        """Ask the channel about an intent without an outcome now."""
        intent = await self.desk.journal.by_id(intent_id)
        if intent is None:
            raise NotFound("there is no such payment")
        await ask(self.desk, intent)

    async def refund(self, intent_id: UUID, amount: int, by: Person, key: str) -> UUID | None:
        """Refund `amount` fen of a payment on the merchant's behalf, or propose it."""
        alone = await limit_of(self.desk.pool, REFUND, by, "refund")
        return await refund_by(self.desk, intent_id, amount, key, by, alone)

    async def open_again(self, channel: str, operation: str, reason: str, by: Person) -> UUID | None:
        """End a stop, or propose it."""
        alone, pool, clock = self.settings.stop_alone, self.desk.pool, self.desk.clock
        return await open_again(pool, clock, channel, operation, reason, by, alone)

    async def freeze(self, merchant: str, **asked: Any) -> Freeze:
        """Freeze part of a merchant's money."""
        return await freeze(self.desk.pool, self.desk.ledger, self.desk.clock, merchant, **asked)

    async def preview_cure(self, break_id: UUID, said: Cure) -> list[list[Transfer]]:
        """Return the vouchers that a cure of a break would book now."""
        return await preview(self.desk, break_id, said)

    async def seal_payee(self, account: PartyAccount, break_id: UUID) -> str:
        """Return the vault token of the account to which a break's money goes back."""
        return seal_payee(self.desk.vault, account, break_id)

    async def own_money_may_leave(self) -> int:
        """Return how much of the company's own money may leave the reserve now."""
        return await may_leave(self.desk.pool, self.desk.clock, self.desk.alias)

    async def withdraw(self, amount: int, reason: str, by: Person) -> UUID:
        """Propose to move own money out of the reserve."""
        return await propose_withdrawal(self.desk, amount, by, reason)

    async def name_own_account(self, account: PartyAccount, reason: str, by: Person) -> UUID:
        """Propose the company's own account."""
        desk = self.desk
        return await propose_own_account(desk.pool, desk.vault, desk.clock, account, by, reason)

    async def propose_account(
        self, merchant: str, account: BankAccount | None, reason: str, by: Person
    ) -> UUID:
        """Propose a merchant's settlement account."""
        desk = self.desk
        return await propose_account(desk.pool, desk.vault, desk.clock, merchant, account, by, reason)

    async def bring_file(
        self, name: str, data: bytes, channel: str, day: date, map_: str, said: Said | None, by: Person
    ) -> str:
        """Take a channel's file of a date by the live column map of a name."""
        with _kept(data) as source:
            return (await read_and_bring(self.desk, source, channel, day, map_, said, name, by))[1]

    async def bring_statements(self, name: str, data: bytes, account: str, form: str, by: Person) -> str:
        """Take a bank's statement."""
        with _kept(data) as source:
            return await read_and_bring_statements(self.desk, source, account, form, name, by)

    async def approve(self, proposal: UUID, seen: str, by: Person) -> Proposal:
        """Approve a proposal and carry it out."""
        return await approve(self.desk, proposal, seen, by)


@contextmanager
def _kept(data: bytes) -> Iterator[Path]:
    """Keep an uploaded file on disk, where nobody else may read it, for as long as it is read."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "file"
        source.write_bytes(data)
        yield source


def console(desk: Desk, settings: Settings) -> Sequence[BaseRoute]:
    """Return the console under `/console`."""
    channels = {
        name: [operation.value for operation in channel.rules] for name, channel in desk.channels.items()
    }
    site = Console(
        pool=desk.pool,
        clock=desk.clock,
        actions=OperatorActs(desk, settings),
        channels=channels,
        with_file=tuple(desk.acquirers),
        sandbox=settings.sandbox,
        key=bytes.fromhex(desk.vault.fingerprint("cookies and forms", "console")),
        origin=origin(settings.public_url, settings.host, settings.port),
    )
    return [Mount("/console", console_app(site))]
