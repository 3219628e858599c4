"""An operator refunds a payment on the merchant's behalf: alone up to a limit a day, by two persons above it."""

from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal, ending
from zhangfang.channels.port import Operation
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.merchants import get_merchant
from zhangfang.payments.accept.single import accept
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, Request
from zhangfang.payments.people.alone import counted
from zhangfang.payments.telling import PREFIX

REFUND = "refund"  # the kind of these proposals


class Refund(msgspec.Struct, frozen=True):
    """A refund of an operator. `key` is that of the confirming page: the same key twice is one refund. Fen."""

    payment: str
    merchant: str
    amount: int
    key: str


async def refund_by(desk: Desk, payment: UUID, amount: int, key: str, by: Person, alone: int) -> UUID | None:
    """Refund `amount` fen and return the refund's id, or propose it and return None.

    One person may move `alone` fen in all within 24 hours. Raises what `accept` raises, `NotFound`, `NoProposal`.
    """
    original = await desk.journal.by_id(payment)
    if original is None:
        raise NotFound("there is no such payment")
    shown = prefixed(PREFIX[original.kind], original.id)
    said = Refund(shown, original.merchant, check_amount(amount), key)
    what = fen_to_yuan(amount)
    if (act := await counted(desk, by, alone, "refund", shown, said, amount, what)) is not None:
        async with ending(desk.pool, desk.clock, by, REFUND, shown, act):
            return (await _refund(desk, said, by.id)).id
    async with desk.pool.acquire() as connection, connection.transaction():
        why = f"{what}: above what one person may refund in 24 hours"
        await approvals.propose(connection, desk.clock, new_id(desk.clock), REFUND, shown, said, by, why)
    return None


async def approve_refund(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve a proposed refund by its hash, and make it. Return the refund's id, or why it was refused for good."""

    async def within_limit(connection: asyncpg.Connection, found: Proposal) -> None:
        """Check the amount. Whether the payment can still be refunded is decided when the refund is accepted."""
        await approvals.check_limit(connection, REFUND, by, "approve", found.holds(Refund).amount)

    found = await approvals.approve(desk.pool, desk.clock, id_, REFUND, seen, by, within_limit)
    if found.result is not None:
        return found.result
    said = found.holds(Refund)
    try:
        refund = await _refund(desk, said, found.proposed_by)
        result = prefixed(PREFIX[refund.kind], refund.id)
    except (InvalidInput, NotAllowed, NotFound) as error:
        result = f"refused: {error}"[:200]
    return await approvals.finish(desk.pool, desk.clock, found, result)


async def _refund(desk: Desk, said: Refund, operator: str) -> Intent:
    payment = parse(said.payment.partition("_")[0], said.payment)
    merchant = await get_merchant(desk.pool, said.merchant)
    number, key = f"console-{said.key}"[:64], f"console:{said.key}"
    request = Request(Operation.REFUND, number, said.amount, key, f"by {operator}", original=payment)
    return (await accept(desk, merchant, request))[0]
