"""The operator's console as the API process serves it, with what it may cause in other contexts."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.routing import BaseRoute, Mount

from zhangfang.channels.port import Operation
from zhangfang.console import Console, console_app
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import get_merchant
from zhangfang.payments import (
    Desk,
    NotFound,
    Request,
    accept,
    approve_outcome,
    ask,
    withdraw_outcome,
)
from zhangfang.web.origin import origin


@dataclass(frozen=True, slots=True)
class OperatorActs:
    """What an operator may do with a channel or the ledger: ask now, refund, and end an UNKNOWN as the second person."""

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
        key=bytes.fromhex(desk.vault.fingerprint("cookies and forms", "console")),
        origin=origin(settings.public_url, settings.host, settings.port),
    )
    return [Mount("/console", console_app(site))]
