"""What the console may cause in other contexts. The process that mounts it hands the functions in."""

from typing import Protocol
from uuid import UUID

from zhangfang.payments import Outcome


class Actions(Protocol):
    """Acts on payments. A refusal is a `ZhangfangError` whose text the operator reads."""

    async def query_now(self, intent_id: UUID) -> None:
        """Ask the channel about an intent without an outcome now, rather than at its next time."""
        ...

    async def refund(self, intent_id: UUID, amount: int, operator: str, key: str) -> UUID:
        """Refund `amount` fen of a payment and return the refund's intent.

        `key` is the idempotency key of the operator's confirming page: the same key twice is one refund.
        """
        ...

    async def decide_duplicate(self, act: str, case: UUID, operator: str, reason: str) -> None:
        """Decide about a double payment: `act` is confirm, approve or dismiss; an approval has no reason."""
        ...

    async def confirm_duplicates(self, operator: str, reason: str) -> None:
        """Confirm every case that is only suspected."""
        ...

    async def propose_outcome(self, intent: UUID, outcome: Outcome, operator: str) -> None:
        """Say how an UNKNOWN ended."""
        ...

    async def end_outcome(self, act: str, outcome: UUID, operator: str) -> None:
        """Approve a proposed outcome, or withdraw it: `act` says which."""
        ...
