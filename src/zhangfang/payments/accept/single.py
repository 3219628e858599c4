"""Requests become intents. A repeat is found by its Idempotency-Key or by the merchant's order number, for ever."""

import time
from dataclasses import replace

from zhangfang.channels.port import Operation
from zhangfang.kernel.driver import safe_until
from zhangfang.mandates import Mandate, MandateRefused
from zhangfang.mandates import check as covers
from zhangfang.merchants import Merchant, NoFeeRule, get_merchant, is_awaited
from zhangfang.payments.accept.requests import (
    charged,
    check,
    check_active,
    draft,
    existing,
    first_steps,
    shared,
    stored_before,
)
from zhangfang.payments.accept.undoing import undo
from zhangfang.payments.course import steps
from zhangfang.payments.course.attempts import ask_of, first_wait
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, OperationStopped, Request, State
from zhangfang.payments.orders import new_number
from zhangfang.payments.sealing import fingerprint
from zhangfang.routing import Fate

_FIRST_STATE = {Operation.PURCHASE: State.REDIRECTED, Operation.COLLECTION: State.SENDING}


async def accept(desk: Desk, merchant: Merchant, request: Request) -> tuple[Intent, bool]:
    """Store a merchant's request and begin it; return the intent and whether it is new.

    The same request under the same or another key returns the first intent, whatever has changed since. Raises
    `InvalidInput`, `KeyReused`, `OrderNumberTaken`, `NotFound`, `NotAllowed`, `OperationStopped`, `NoFeeRule`,
    `MandateRefused`.
    """
    check(request)
    digest = fingerprint(desk.vault, request)
    try:
        return await _COURSES[request.kind](desk, merchant, request, digest)
    except (NotAllowed, OperationStopped, NoFeeRule, MandateRefused):
        found = await existing(desk.pool, merchant.id, request, digest)
        if found is None:
            raise
        return found, False


async def placed(desk: Desk, intent: Intent, mandate: Mandate | None = None) -> Intent:
    """Return an intent with the channel that the tables in force choose.

    Raises `NotAllowed` if no table allows it, `OperationStopped` if no channel takes it now, and `MandateRefused` if its
    mandate does not cover it at any channel.
    """
    if mandate is not None:
        covers(mandate, intent.amount, 0, 0, intent.created_at)
    choice = await desk.gate.choose(ask_of(desk.clock, intent, mandate.channel if mandate else ""))
    if choice.fate is Fate.REFUSE:
        raise NotAllowed(choice.reason)
    parked = choice.fate is Fate.PARK
    state = State.PARKED if parked else _FIRST_STATE.get(intent.kind, State.CREATED)
    wait = first_wait(desk.channels, intent.kind, choice.channel, state)
    return replace(
        intent,
        channel=choice.channel,
        channel_order_no=new_number(desk.channels, desk.clock, choice.channel, intent.id),
        table_version=choice.version,
        state=state,
        mandate=mandate.id if mandate else None,
        agreement=mandate.agreement if mandate else "",
        parked_since=intent.created_at if parked else None,
        next_action_at=intent.created_at + wait,
    )


def _draft(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> Intent:
    return draft(desk.vault, desk.clock, merchant.id, request, digest, 0)


async def _priced(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> Intent:
    """Return the intent with its channel and fee. With a fee on top its channel has to allow what the payer pays."""
    intent = charged(merchant, await placed(desk, _draft(desk, merchant, request, digest)))
    if intent.surcharge:
        choice = await desk.gate.choose(ask_of(desk.clock, intent, intent.channel))
        if choice.fate is not Fate.GO:
            raise NotAllowed(choice.reason)
    return intent


async def quote(desk: Desk, merchant: Merchant, request: Request) -> Intent:
    """Return a purchase as it would be stored now, with its channel, its fee, and what the payer would pay. Nothing is
    stored. Raises as `accept` does.
    """
    check(request)
    check_active(merchant)
    return await _priced(desk, merchant, request, b"")


async def _purchase(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    check_active(merchant)
    intent = await shared(desk.pool, await _priced(desk, merchant, request, digest), request.split)
    if not await desk.journal.insert(intent, first_steps(desk.clock, intent)):
        return await stored_before(desk.pool, merchant.id, request, digest)
    return intent, True


async def _collection(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    check_active(merchant)
    assert request.account is not None, "checked"
    steps.check_room()
    mandate = await desk.mandate_of(merchant.id, request.account)
    began = time.monotonic()
    placed_one = await placed(desk, _draft(desk, merchant, request, digest), mandate)
    intent = await shared(desk.pool, charged(merchant, placed_one), request.split)
    if not await desk.collect(intent, first_steps(desk.clock, intent)):
        return await stored_before(desk.pool, merchant.id, request, digest)
    sent = steps.transmit(desk, intent, request.account, until=safe_until(began))
    steps.in_background(sent)
    return intent, True


async def _payout(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    if (found := await existing(desk.pool, merchant.id, request, digest)) is not None:
        return found, False
    now = await get_merchant(desk.pool, merchant.id)  # money out does not rely on what the caller has kept
    if await is_awaited(desk.pool, merchant.id):
        raise NotAllowed(
            f"a freeze waits for money of merchant {merchant.id}; allowed: a payout when it has it"
        )
    return await _begin(desk, *await _purchase(desk, now, request, digest))


async def _undoing(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    return await _begin(desk, *await undo(desk, merchant, request, digest))


async def _begin(desk: Desk, intent: Intent, new: bool) -> tuple[Intent, bool]:
    """Take a new intent's money out of the merchant's account while the caller waits; send it in the background."""
    if not new:
        return intent, False
    ready = await steps.prepare(desk, intent)
    if ready is None:
        return await desk.journal.reload(intent.id), True
    if ready.state is State.CREATED:
        steps.in_background(steps.send(desk, ready))
    return ready, True


_COURSES = {
    Operation.PURCHASE: _purchase,
    Operation.COLLECTION: _collection,
    Operation.REFUND: _undoing,
    Operation.VOID: _undoing,
    Operation.PAYOUT: _payout,
}
