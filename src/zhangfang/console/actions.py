"""What the console may cause that needs a channel or the ledger. The process that mounts it hands the functions in."""

from datetime import date
from typing import Protocol
from uuid import UUID

from zhangfang.adjustments import Freeze
from zhangfang.approvals import Person, Proposal
from zhangfang.bills import Said
from zhangfang.channels.port import PartyAccount
from zhangfang.ledger import Transfer
from zhangfang.merchants import BankAccount
from zhangfang.reconciliation import Cure


class Actions(Protocol):
    """Acts on payments. A refusal is a `ZhangfangError` whose text the operator reads."""

    async def query_now(self, intent_id: UUID) -> None:
        """Ask the channel about an intent without an outcome now, rather than at its next time."""
        ...

    async def refund(self, intent_id: UUID, amount: int, by: Person, key: str) -> UUID | None:
        """Refund `amount` fen of a payment and return the refund's intent; None if it was proposed instead.

        `key` is the idempotency key of the operator's confirming page: the same key twice is one refund.
        """
        ...

    async def open_again(self, channel: str, operation: str, reason: str, by: Person) -> UUID | None:
        """End a stop, or propose it and return the proposal's id."""
        ...

    async def freeze(
        self,
        merchant: str,
        *,
        kind: str,
        reference: str,
        amount: int,
        reason: str,
        expires_on: date | None,
        by: Person,
    ) -> Freeze:
        """Freeze `amount` fen of a merchant's money, at once what is there."""
        ...

    async def preview_cure(self, break_id: UUID, said: Cure) -> list[list[Transfer]]:
        """Return the vouchers that a cure of a break would book now."""
        ...

    async def seal_payee(self, account: PartyAccount, break_id: UUID) -> str:
        """Return the vault token of the account to which a break's money goes back."""
        ...

    async def own_money_may_leave(self) -> int:
        """Return how much of the company's own money may leave the reserve now, in fen."""
        ...

    async def withdraw(self, amount: int, reason: str, by: Person) -> UUID:
        """Propose to move `amount` fen of own money out of the reserve; return the proposal's id."""
        ...

    async def name_own_account(self, account: PartyAccount, reason: str, by: Person) -> UUID:
        """Propose the company's own account; return the proposal's id."""
        ...

    async def propose_account(
        self, merchant: str, account: BankAccount | None, reason: str, by: Person
    ) -> UUID:
        """Propose a merchant's settlement account (None: the one it signed up with); return the proposal's id."""
        ...

    async def bring_file(
        self, name: str, data: bytes, channel: str, day: date, map_: str, said: Said | None, by: Person
    ) -> str:
        """Take a channel's file of a date by the live column map of a name; say what was done."""
        ...

    async def bring_statements(self, name: str, data: bytes, account: str, form: str, by: Person) -> str:
        """Take a bank's statement: camt053, mt940 or `map:` and a name; say what was done."""
        ...

    async def approve(self, proposal: UUID, seen: str, by: Person) -> Proposal:
        """Approve a proposal by the hash that the person has seen, carry it out, and return it with its result."""
        ...
