"""The operator's console as the API process serves it, with what it may cause in other contexts."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.routing import BaseRoute, Mount

from zhangfang import duplicates
from zhangfang.channels.port import Operation
from zhangfang.console import Console, console_app
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import get_merchant
from zhangfang.payments import (
    Desk,
    NotFound,
    Outcome,
    Request,
    accept,
    approve_outcome,
    ask,
    propose_outcome,
    withdraw_outcome,
)


@dataclass(frozen=True, slots=True)
class OperatorActs:
    """What an operator may do: ask the channel now, refund, decide about doubles, and be one of two people."""

    desk: Desk

    async def query_now(self, intent_id: UUID) -> None:
        """Ask the channel about an intent without an outcome now."""
        intent = await self.desk.journal.by_id(intent_id)
        if intent is None:
            raise NotFound("there is no such payment")
        await ask(self.desk, intent)

    async def refund(self, intent_id: UUID, amount: int, operator: str, key: str) -> UUID:
        """Refund `amount` fen of a payment on the merchant's behalf; the same key twice is one refund."""
        original = await self.desk.journal.by_id(intent_id)
        if original is None:
            raise NotFound("there is no such payment")
        merchant = await get_merchant(self.desk.pool, original.merchant)
        request = Request(
            Operation.REFUND,
            f"console-{key}"[:64],
            amount,
            f"console:{key}",
            f"by {operator}",
            original=original.id,
        )
        intent, _ = await accept(self.desk, merchant, request)
        return intent.id

    async def decide_duplicate(self, act: str, case: UUID, operator: str, reason: str) -> None:
        """Confirm, approve or dismiss a suspected double payment."""
        if act == "approve":
            await duplicates.approve(self.desk.pool, self.desk.clock, case, operator)
        else:
            decide = {"confirm": duplicates.confirm, "dismiss": duplicates.dismiss}[act]
            await decide(self.desk.pool, self.desk.clock, case, operator, reason)

    async def confirm_duplicates(self, operator: str, reason: str) -> None:
        """Confirm every case that is only suspected; what does not fit stays where it is, and says why when asked."""
        await duplicates.confirm_all(
            self.desk.pool, self.desk.clock, await duplicates.to_confirm(self.desk.pool), operator, reason
        )

    async def propose_outcome(self, intent: UUID, outcome: Outcome, operator: str) -> None:
        """Say how an UNKNOWN ended."""
        await propose_outcome(self.desk.pool, self.desk.clock, intent, outcome, operator)

    async def end_outcome(self, act: str, outcome: UUID, operator: str) -> None:
        """Approve a proposed outcome, or withdraw it."""
        await {"approve": approve_outcome, "withdraw": withdraw_outcome}[act](self.desk, outcome, operator)


def console(desk: Desk, settings: Settings) -> Sequence[BaseRoute]:
    """Return the console under `/console`."""
    channels = {
        name: [operation.value for operation in channel.rules] for name, channel in desk.channels.items()
    }
    site = Console(
        pool=desk.pool,
        clock=desk.clock,
        actions=OperatorActs(desk),
        channels=channels,
        with_file=tuple(desk.acquirers),
        sandbox=settings.sandbox,
    )
    return [Mount("/console", console_app(site))]
