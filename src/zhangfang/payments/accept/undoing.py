"""Refunds and voids: the original's refund counters change in the transaction that stores the intent."""

from dataclasses import replace
from datetime import datetime

from zhangfang.channels.port import PAY_INS, Channels, Operation
from zhangfang.fees import given_back, on_refund
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.database import repeated
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import Merchant, OnRefund, Taken, terms_on
from zhangfang.payments import shares, store
from zhangfang.payments.accept.requests import check_not_closed, draft, existing, first_steps, stored_before
from zhangfang.payments.course.attempts import LOOK_AGAIN
from zhangfang.payments.course.posting import TEMPLATES
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, NotFound, Request, State
from zhangfang.payments.orders import new_number
from zhangfang.payments.store import queries

DUPLICATE_SETTLED = "U2"


async def undo(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    """Store a refund or void; return it and whether it is new.

    Raises `InvalidInput`, `NotFound`, `NotAllowed`, `OperationStopped`.
    """
    if request.original is None:
        raise InvalidInput("payment", "nothing", "the payment to give back")
    if (found := await existing(desk.pool, merchant.id, request, digest)) is not None:
        return found, False
    if not request.template:  # a duplicate is reversed even if the merchant is closed
        check_not_closed(merchant)
    await desk.gate.read_stops()  # first, so that no caller waits for a connection while it holds one
    intent = await repeated(lambda: _store(desk, merchant, request, digest))
    return (intent, True) if intent else await stored_before(desk.pool, merchant.id, request, digest)


async def _store(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> Intent | None:
    """Store it under the original's lock; None if its key or its order number exists already."""
    async with desk.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(queries.lock_of_merchant, merchant.id, request.original)
        if row is None:
            raise NotFound("payment: there is no such payment")
        original = Intent.of(row)
        desk.gate.check_stops(original.channel, request.kind)
        check_undoing(desk.channels, original, request, desk.clock.now())
        how = _on_refund(merchant, original, request)
        most = _most(original, how)
        if request.amount > most - original.refunded:
            raise NotAllowed(
                f"amount: the payer's fee is kept; allowed: at most {most - original.refunded} fen"
            )
        back = _fee_back(how, original, request)
        drafted = draft(desk.vault, desk.clock, merchant.id, request, digest, back)
        back_from = await _from_receivers(connection, original, request, most)
        number = new_number(desk.channels, desk.clock, original.channel, drafted.id)
        intent = replace(
            drafted,
            channel=original.channel,
            channel_order_no=number,
            template=_template(original, request),
            fee_taken=_fee_taken(original),
            shares=back_from,
            next_action_at=drafted.created_at + LOOK_AGAIN,
        )
        made = await store.insert(connection, [(intent, first_steps(desk.clock, intent))])
        if made[0]:
            await connection.execute(
                queries.count_refund, original.id, request.amount, back, desk.clock.now()
            )
    return intent if made[0] else None


async def _from_receivers(connection: store.Connection, original: Intent, request: Request, most: int) -> str:
    """Return what the receivers of a split payment give back for this refund, as it is stored with it. All refunds come to
    `most` fen at most.
    """
    if not original.shared:
        return ""
    parts = shares.of_rows(await connection.fetch(queries.parts_of, original.id))
    available = {one.receiver: one.available for one in parts}
    back = shares.given_back(parts, original.refund_from, most, original.refunded, request.amount)
    return shares.stored([shares.Back(receiver, fen, available[receiver]) for receiver, fen in back])


def _template(original: Intent, request: Request) -> str:
    if request.template or request.kind is Operation.VOID:
        return request.template or TEMPLATES[Operation.VOID]
    return "R1" if original.settlement is None else "R2"


def _fee_taken(original: Intent) -> str:
    """Return how the fee that a refund gives back was taken: one that is taken at settlement may be taken by now."""
    return (
        ""
        if original.fee_taken == Taken.SETTLEMENT and original.settlement is not None
        else original.fee_taken
    )


def _on_refund(merchant: Merchant, original: Intent, request: Request) -> OnRefund:
    """Return what becomes of the fee: a void or a duplicate gives back all of it, a refund what the rule says."""
    if request.template or request.kind is Operation.VOID:
        return OnRefund.WHOLE
    terms = terms_on(merchant, china_day(original.created_at))
    return on_refund(merchant.fee_rules, original.fee_rule, kept=terms.keep_fee_on_refund)


def _most(original: Intent, how: OnRefund) -> int:
    """Return what all refunds of a payment may come to: not a fee that the payer paid on top, if it is kept."""
    return original.amount - (original.surcharge if how is OnRefund.KEPT else 0)


def _fee_back(how: OnRefund, original: Intent, request: Request) -> int:
    if request.template:
        return original.fee - original.fee_refunded
    return given_back(
        how, original.fee, original.amount, request.amount, original.refunded, original.fee_refunded
    )


def check_undoing(channels: Channels, original: Intent, request: Request, now: datetime) -> None:
    """Raise `NotAllowed` if the original's state or what is left of it does not allow the refund or void."""
    if original.kind not in PAY_INS or original.state is not State.SUCCESS:
        raise NotAllowed(f"the payment is {original.kind} {original.state}; allowed: a pay-in that succeeded")
    if original.splitting is not None:
        raise NotAllowed("the payment is just being split; allowed: the same request a little later")
    left = original.amount - original.refunded
    if request.amount > left:
        raise NotAllowed(f"amount: {request.amount} fen; allowed: at most {left} fen are left to refund")
    if request.kind not in channels[original.channel].rules:
        raise NotAllowed(f"{original.channel} has no {request.kind}; allowed: a refund")
    if request.template:
        _check_duplicate(original, request)
    if request.kind is Operation.VOID:
        if request.amount != original.amount or original.refunded:
            raise NotAllowed("a void is for the whole payment, before any refund; allowed: a refund")
        if original.settle_date != settlement_day(now) or original.settlement is not None:
            raise NotAllowed("a void is only for the payment's settlement date; allowed: a refund")


def _check_duplicate(original: Intent, request: Request) -> None:
    """U2 reverses a settled payment and needs two people; U1 reverses any other and needs one."""
    if request.amount != original.amount or original.refunded:
        raise NotAllowed("a duplicate goes back whole; allowed: a payment without a refund")
    if (request.template == DUPLICATE_SETTLED) != (original.settlement is not None):
        settled = "settled" if original.settlement is not None else "not settled"
        raise NotAllowed(
            f"the payment is {settled}, unlike when its reversal was decided; allowed: decide again"
        )
