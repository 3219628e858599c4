"""Requests become intents. What is asked twice is stored once: by key, and by the merchant's own number for ever."""

import asyncio
import hashlib
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.driver import safe_until
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, order_no
from zhangfang.kernel.money import check_amount
from zhangfang.merchants import FeeKind, Merchant, MerchantState, NoFeeRule, fee, rule_on
from zhangfang.payments import posting, steps, store
from zhangfang.payments.desk import ROUTES, Desk
from zhangfang.payments.model import (
    Intent,
    KeyReused,
    NotAllowed,
    NotFound,
    OperationStopped,
    OrderNumberTaken,
    Request,
    State,
    StepKind,
)
from zhangfang.payments.rules import PAYER_WAIT, fee_given_back
from zhangfang.payments.store import Step, queries

PAY_INS = (Operation.PURCHASE, Operation.COLLECTION)
_ORDER_NO = re.compile(r"[A-Za-z0-9._:/#@-]{1,64}")
_URL = re.compile(r"(?=.{1,500}$)https?://[!-~]+")
_ACCOUNT = {
    "number": (re.compile(r"[0-9]{8,32}"), "8 to 32 digits"),
    "name": (re.compile(r".{1,60}"), "1 to 60 printable characters"),
    "medium": (re.compile(r"card|passbook|corporate"), "card, passbook or corporate"),
    "bank": (re.compile(r".{0,60}"), "at most 60 printable characters"),
    "id_no": (re.compile(r"[0-9Xx]{0,18}"), "at most 18 digits or X"),
    "phone": (re.compile(r"[0-9]{0,11}"), "at most 11 digits"),
}
_FIRST_STATE = {Operation.PURCHASE: State.REDIRECTED, Operation.COLLECTION: State.SENDING}


async def accept(desk: Desk, merchant: Merchant, request: Request) -> tuple[Intent, bool]:
    """Store what a merchant asks for and begin it; return the intent and whether it is new.

    The same request again, under the same key or another, finds the first one, whatever has changed since. Raises
    `InvalidInput`, `KeyReused`, `OrderNumberTaken`, `NotFound`, `NotAllowed`, `OperationStopped`, `NoFeeRule`.
    """
    check(request)
    digest = fingerprint(desk, request)
    try:
        return await _COURSES[request.kind](desk, merchant, request, digest)
    except (NotAllowed, OperationStopped, NoFeeRule):
        found = await existing(desk, merchant.id, request, digest)
        if found is None:
            raise
        return found, False


def check(request: Request) -> None:
    """Raise `InvalidInput` naming the field that is not allowed."""
    check_amount(request.amount)
    if not _ORDER_NO.fullmatch(request.order_no):
        shape = f"{len(request.order_no)} characters"
        raise InvalidInput("order_no", shape, "1 to 64 of letters, digits and - _ . : / # @")
    key = request.idempotency_key
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidInput("Idempotency-Key", f"{len(key)} characters", "1 to 255 printable ASCII characters")
    if len(request.description) > 100 or not request.description.isprintable():
        shape = f"{len(request.description)} characters"
        raise InvalidInput("description", shape, "at most 100 printable characters")
    if request.return_url is not None and not _URL.fullmatch(request.return_url):
        shape = f"{len(request.return_url)} characters"
        raise InvalidInput(
            "return_url", shape, "http:// or https:// and at most 500 visible ASCII characters"
        )
    if request.account is not None:
        _check_account(request.account)
    elif request.kind in (Operation.COLLECTION, Operation.PAYOUT):
        raise InvalidInput("account", "nothing", "the account to debit or to pay")


def _check_account(account: PartyAccount) -> None:
    for name, (pattern, allowed) in _ACCOUNT.items():
        value = getattr(account, name)
        if not pattern.fullmatch(value) or not value.isprintable():
            raise InvalidInput(f"account.{name}", f"{len(value)} characters", allowed)


def fingerprint(desk: Desk, request: Request) -> bytes:
    """Return what tells one request from another; the account enters only through the vault's keyed hash."""
    account = request.account
    party = desk.vault.fingerprint(msgspec.json.encode(account).decode(), "account") if account else ""
    parts = [request.kind.value, request.order_no, request.amount, request.description, party]
    return hashlib.sha256(msgspec.json.encode([*parts, request.original, request.return_url])).digest()


async def existing(desk: Desk, merchant: str, request: Request, digest: bytes) -> Intent | None:
    """Return the intent that this request made before; raise if its key or number belongs to another request."""
    by_key = await desk.pool.fetchrow(queries.by_key, merchant, request.idempotency_key)
    if by_key is not None and bytes(by_key["request_digest"]) != digest:
        raise KeyReused(
            "Idempotency-Key: used before with another body; allowed: the same body, or a new key"
        )
    row = by_key or await desk.pool.fetchrow(queries.by_order, merchant, request.kind, request.order_no)
    if row is not None and bytes(row["request_digest"]) != digest:
        raise OrderNumberTaken(
            f"order_no: used before for another {request.kind}; allowed: the same request, or a number never used"
        )
    return Intent.of(row) if row is not None else None


def build(desk: Desk, merchant: str, request: Request, digest: bytes, *, fee: int, channel: str) -> Intent:
    """Return the intent of a request, with every id that its next steps will use."""
    now = desk.clock.now()
    id_ = new_id(desk.clock)
    account = request.account
    return Intent(
        id=id_,
        kind=request.kind,
        merchant=merchant,
        order_no=request.order_no,
        idempotency_key=request.idempotency_key,
        request_digest=digest,
        amount=request.amount,
        fee=fee,
        description=request.description,
        original=request.original,
        account_token=desk.seal(account) if account else None,
        account_tail=account.number[-4:] if account else "",
        return_url=request.return_url,
        channel=channel,
        channel_order_no=order_no(id_),
        requested_at=now.replace(microsecond=0),
        business_date=china_day(now) if request.kind is Operation.PAYOUT else settlement_day(now),
        template=posting.TEMPLATES.get(request.kind, ""),
        voucher=new_id(desk.clock),
        undo_voucher=new_id(desk.clock),
        state=_FIRST_STATE.get(request.kind, State.CREATED),
        created_at=now,
        next_action_at=now + _first_look(desk, request.kind, channel),
    )


def _first_look(desk: Desk, kind: Operation, channel: str) -> timedelta:
    if kind is Operation.PURCHASE:
        return PAYER_WAIT
    if kind is Operation.COLLECTION:  # its attempt is stored with it
        return steps.look_again(desk.channels[channel].rules[kind])
    return steps.LOOK_AGAIN


def charge(desk: Desk, merchant: Merchant, request: Request) -> int:
    """Return the merchant's fee for a request, in fen, by the rule that holds today."""
    rule = rule_on(merchant.fee_rules, FeeKind(request.kind.value), china_day(desk.clock.now()))
    return fee(rule, request.amount)


def first_steps(desk: Desk, intent: Intent) -> list[Step]:
    """Return the evidence of a request: received, and (where the attempt is stored with it) sent."""
    received = desk.step(
        intent.id, StepKind.RECEIVED, state=State.CREATED, message=f"Idempotency-Key {intent.idempotency_key}"
    )
    if intent.state is State.CREATED:
        return [received]
    return [
        received,
        desk.step(intent.id, StepKind.SENT, state=intent.state, message=intent.channel_order_no),
    ]


def _check_active(merchant: Merchant) -> None:
    if merchant.state is not MerchantState.ACTIVE:
        raise NotAllowed(f"merchant {merchant.id} is {merchant.state}; only an active one may move money")


async def _pay_in(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    _check_active(merchant)
    channel = ROUTES[request.kind]
    await desk.check_open(channel, request.kind)
    began = time.monotonic()
    intent = build(desk, merchant.id, request, digest, fee=charge(desk, merchant, request), channel=channel)
    if not await desk.journal.insert(intent, first_steps(desk, intent)):
        found = await existing(desk, merchant.id, request, digest)
        assert found is not None, "an insert met a conflict that cannot be found"
        return found, False
    if intent.kind is Operation.COLLECTION:
        sent = steps.transmit(desk, intent, request.account, until=safe_until(began))
        steps.in_background(asyncio.create_task(sent))
    return intent, True


async def _payout(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    if (found := await existing(desk, merchant.id, request, digest)) is not None:
        return found, False
    _check_active(merchant)
    channel = ROUTES[request.kind]
    await desk.check_open(channel, request.kind)
    intent = build(desk, merchant.id, request, digest, fee=charge(desk, merchant, request), channel=channel)
    if not await desk.journal.insert(intent, first_steps(desk, intent)):
        return await _lost_race(desk, merchant.id, request, digest)
    return await _begin(desk, intent), True


async def _undoing(desk: Desk, merchant: Merchant, request: Request, digest: bytes) -> tuple[Intent, bool]:
    """A refund or void: the original's counters are taken in the transaction that stores the intent."""
    if request.original is None:
        raise InvalidInput("payment", "nothing", "the payment to give back")
    if (found := await existing(desk, merchant.id, request, digest)) is not None:
        return found, False
    _check_active(merchant)
    await desk.read_stops()  # before a connection is taken: who holds one may not wait for another
    async with desk.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(queries.lock_of_merchant, merchant.id, request.original)
        if row is None:
            raise NotFound("payment: there is no such payment")
        original = Intent.of(row)
        desk.check_stops(original.channel, request.kind)
        check_undoing(original, request, desk.clock.now())
        back = (
            0
            if merchant.keep_fee_on_refund and request.kind is Operation.REFUND
            else _fee_back(original, request)
        )
        intent = build(desk, merchant.id, request, digest, fee=back, channel=original.channel)
        if request.kind is Operation.REFUND:
            intent = replace(intent, template="R1" if original.settlement is None else "R2")
        made = await store.insert(connection, [(intent, first_steps(desk, intent))])
        if made[0]:
            await connection.execute(
                queries.count_refund, original.id, request.amount, back, desk.clock.now()
            )
    if not made[0]:
        return await _lost_race(desk, merchant.id, request, digest)
    return await _begin(desk, intent), True


def _fee_back(original: Intent, request: Request) -> int:
    return fee_given_back(
        original.fee, original.amount, original.refunded + request.amount, original.fee_refunded
    )


def check_undoing(original: Intent, request: Request, now: datetime) -> None:
    """Raise `NotAllowed` if the original's state or what is left of it does not allow the refund or void."""
    if original.kind not in PAY_INS or original.state is not State.SUCCESS:
        raise NotAllowed(f"the payment is {original.kind} {original.state}; allowed: a pay-in that succeeded")
    left = original.amount - original.refunded
    if request.amount > left:
        raise NotAllowed(f"amount: {request.amount} fen; allowed: at most {left} fen are left to refund")
    if request.kind is Operation.VOID:
        if request.amount != original.amount or original.refunded:
            raise NotAllowed("a void is of the whole payment, and before any refund; allowed: a refund")
        if original.settle_date != settlement_day(now) or original.settlement is not None:
            raise NotAllowed(
                "a void is for the channel's day of the payment, which is over; allowed: a refund"
            )


async def _lost_race(desk: Desk, merchant: str, request: Request, digest: bytes) -> tuple[Intent, bool]:
    found = await existing(desk, merchant, request, digest)
    assert found is not None, "an insert met a conflict that cannot be found"
    return found, False


async def _begin(desk: Desk, intent: Intent) -> Intent:
    """Move the money out of the merchant's account while the caller waits, then send behind the answer."""
    if await steps.prepare(desk, intent):
        steps.in_background(asyncio.create_task(steps.send(desk, intent)))
        return intent
    return await reload(desk, intent.id)


async def reload(desk: Desk, id_: UUID) -> Intent:
    """Return the intent as it stands now."""
    intent = await desk.journal.by_id(id_)
    assert intent is not None, "an intent is never deleted"
    return intent


_COURSES = {
    Operation.PURCHASE: _pay_in,
    Operation.COLLECTION: _pay_in,
    Operation.REFUND: _undoing,
    Operation.VOID: _undoing,
    Operation.PAYOUT: _payout,
}
