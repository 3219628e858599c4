"""What the console may cause that needs a channel or the ledger. The process that mounts it hands the functions in."""

from typing import Protocol
from uuid import UUID


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

    async def end_outcome(self, act: str, outcome: UUID, operator: str) -> None:
        """Approve a proposed outcome, or withdraw it: `act` says which."""
        ...
