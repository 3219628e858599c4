"""A merchant's request: how it is checked, how a repeat is recognised, and the intent that is made from it."""

import re
from dataclasses import replace

import asyncpg

from zhangfang.channels.port import PAY_INS, Operation
from zhangfang.fees import Ask
from zhangfang.fees import charge as fee_of
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.money import check_amount
from zhangfang.kernel.text.checks import check_account, check_key, check_number
from zhangfang.kernel.text.texts import check_text
from zhangfang.merchants import FeeKind, Merchant, MerchantState
from zhangfang.payments.course import posting
from zhangfang.payments.model import Intent, KeyReused, NotAllowed, OrderNumberTaken, Request, State, StepKind
from zhangfang.payments.sealing import seal
from zhangfang.payments.shares import Shares, Split, check_split, resolve, stored
from zhangfang.payments.store import Step, new_step, queries
from zhangfang.vault import Vault

PRODUCTS = {True: ("", "cashier", "alipay_app"), False: ("",)}  # key: is it a purchase?
MOST_INSTALMENTS = 36
_URL = re.compile(r"(?=.{1,500}$)https?://[!-~]+")


def check(request: Request) -> None:
    """Raise `InvalidInput` naming the field that is not allowed."""
    check_amount(request.amount)
    check_number(request.order_no, "order_no")
    check_key(request.idempotency_key)
    check_text("description", request.description, 100, least=0)
    if request.return_url is not None and not _URL.fullmatch(request.return_url):
        shape = f"{len(request.return_url)} characters"
        raise InvalidInput(
            "return_url", shape, "http:// or https:// and at most 500 visible ASCII characters"
        )
    _check_instalments(request)
    if request.split is not None:
        check_split(request.split)
        if request.kind not in PAY_INS:
            raise InvalidInput("split", "with a request of another kind", "for a purchase or collection only")
    if request.account is not None:
        check_account(request.account)
    elif request.kind in (Operation.COLLECTION, Operation.PAYOUT):
        raise InvalidInput("account", "nothing", "the account to debit or to pay")


def _check_instalments(request: Request) -> None:
    if request.product not in PRODUCTS[request.kind is Operation.PURCHASE]:
        shape = f"{len(request.product)} characters"
        raise InvalidInput("product", shape, "cashier or alipay_app, for a purchase only")
    if not 0 <= request.instalments <= MOST_INSTALMENTS or (
        request.instalments and request.kind is not Operation.PURCHASE
    ):
        raise InvalidInput(
            "instalments", f"{request.instalments}", f"0 to {MOST_INSTALMENTS}, for a purchase only"
        )
    if request.fee_by not in (("payer", "merchant", "") if request.instalments else ("",)):
        raise InvalidInput(
            "fee_by", f"{len(request.fee_by)} characters", "payer or merchant, for a purchase in instalments"
        )


async def existing(pool: asyncpg.Pool, merchant: str, request: Request, digest: bytes) -> Intent | None:
    """Return the intent that this request made before; raise if its key or number belongs to another request."""
    by_key = await pool.fetchrow(queries.by_key, merchant, request.idempotency_key)
    if by_key is not None and bytes(by_key["request_digest"]) != digest:
        raise KeyReused(
            "Idempotency-Key: used before with another body; allowed: the same body, or a new key"
        )
    row = by_key or await pool.fetchrow(queries.by_order, merchant, request.kind, request.order_no)
    if row is not None and bytes(row["request_digest"]) != digest:
        raise OrderNumberTaken(
            f"order_no: used before for another {request.kind}; allowed: the same request, or a number never used"
        )
    return Intent.of(row) if row is not None else None


async def stored_before(
    pool: asyncpg.Pool, merchant: str, request: Request, digest: bytes
) -> tuple[Intent, bool]:
    """Return the intent that won against a repeat of its request at the same moment, and that it is not new."""
    found = await existing(pool, merchant, request, digest)
    assert found is not None, "the insert met a conflict, so the other intent exists"
    return found, False


def draft(vault: Vault, clock: Clock, merchant: str, request: Request, digest: bytes, fee: int) -> Intent:
    """Return a request's intent with every id that its next steps will use, but without a channel and its number."""
    now = clock.now()
    id_ = new_id(clock)
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
        account_token=seal(vault, account, merchant, id_) if account else None,
        account_tail=account.number[-4:] if account else "",
        account_type=str(account.type) if account else "",
        return_url=request.return_url,
        channel="",
        channel_order_no="",
        requested_at=now.replace(microsecond=0),
        business_date=china_day(now) if request.kind is Operation.PAYOUT else settlement_day(now),
        template=posting.TEMPLATES.get(request.kind, ""),
        voucher=new_id(clock),
        undo_voucher=new_id(clock),
        state=State.CREATED,
        created_at=now,
        product=request.product or ("cashier" if request.kind is Operation.PURCHASE else ""),
        instalments=request.instalments,
        fee_by=request.fee_by,
    )


def charged(merchant: Merchant, intent: Intent) -> Intent:
    """Return an intent, whose channel is chosen, with its fee and the rule of today that charges it. A later attempt at
    another channel does not change it. A fee that the payer bears is added to what it pays. Raises `NoFeeRule`,
    `InvalidInput`.
    """
    ask = Ask(
        FeeKind(intent.kind.value),
        intent.channel,
        intent.product,
        intent.instalments,
        intent.account_type,
        intent.fee_by,
    )
    fee = fee_of(merchant.fee_rules, ask, intent.amount, china_day(intent.created_at))
    surcharge = fee.fen if fee.on_top else 0
    return replace(
        intent,
        amount=check_amount(intent.amount + surcharge),
        surcharge=surcharge,
        fee=fee.fen,
        fee_rule=fee.rule,
        fee_taken=fee.taken,
    )


def first_steps(clock: Clock, intent: Intent) -> list[Step]:
    """Return the evidence of a request: received, and (if its attempt is stored together with it) sent."""
    key, number = f"Idempotency-Key {intent.idempotency_key}", intent.channel_order_no
    received = new_step(clock, intent.id, StepKind.RECEIVED, state=State.CREATED, message=key)
    if intent.state is State.CREATED:
        return [received]
    return [received, new_step(clock, intent.id, StepKind.SENT, state=intent.state, message=number)]


def check_active(merchant: Merchant) -> None:
    """Raise `NotAllowed` unless the merchant may take payments and be paid out."""
    if merchant.state is not MerchantState.ACTIVE:
        raise NotAllowed(f"merchant {merchant.id} is {merchant.state}; only an active one may move money")


def check_not_closed(merchant: Merchant) -> None:
    """Raise `NotAllowed` if the merchant is closed. A frozen one still gives payers their money back."""
    if merchant.state is MerchantState.CLOSED:
        raise NotAllowed(f"merchant {merchant.id} is closed; allowed: one that is active or frozen")


async def shared(pool: asyncpg.Pool, intent: Intent, split: Split | None) -> Intent:
    """Return a pay-in with the parts that other merchants get of it. Raises `InvalidInput`, `NotAllowed`."""
    if split is None:
        return intent
    shares = resolve(split, intent.merchant, intent.amount - intent.surcharge, intent.fee - intent.surcharge)
    await check_receivers(pool, intent.merchant, shares)
    return replace(
        intent, shares=stored(shares), refund_from=split.refund_from, shared=sum(fen for _, fen in shares)
    )


async def check_receivers(pool: asyncpg.Pool | asyncpg.Connection, seller: str, shares: Shares) -> None:
    """Raise `NotAllowed` unless all receivers are active merchants of the seller's shard: a voucher is of one shard."""
    receivers = [receiver for receiver, _ in shares]
    if await pool.fetchval(queries.active_merchants, receivers) < len(shares):
        raise NotAllowed("split.receiver: one is no active merchant; allowed: merchants that are active")
    if away := await pool.fetchval(queries.elsewhere, seller, receivers):
        raise NotAllowed(
            f"split.receiver: the accounts of {away} are on another shard of the ledger; allowed: one of the seller's shard"
        )
