"""The calls about money: payments, refunds, voids, payouts, balance."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from zhangfang.api.calls import Call, Spec
from zhangfang.api.shapes import (
    BalanceShown,
    FeeShown,
    NewPart,
    NewPayment,
    NewPayout,
    NewQuote,
    NewRefund,
    NewSplit,
    NewVoid,
    Page,
    QuoteShown,
    Shown,
    SplitShown,
    Timeline,
    TimelineStep,
    client_of,
    show,
)
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.fees import explain, why
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.ledger import Book, account_id
from zhangfang.merchants import settlement_account_of
from zhangfang.payments import PREFIX, Intent, NotFound, Request, accept, quote, split_payment

KINDS = {
    "pay": (Operation.PURCHASE, Operation.COLLECTION),
    "ref": (Operation.REFUND, Operation.VOID),
    "pot": (Operation.PAYOUT,),
}
LAST = UUID(int=2**128 - 1)


async def create_payment(call: Call) -> tuple[int, Shown]:
    """Create a purchase or a collection."""
    new: NewPayment = call.body
    request = Request(
        kind=Operation(new.kind),
        order_no=new.order_no,
        amount=new.amount,
        idempotency_key=call.key,
        description=new.description,
        account=new.account.party() if new.account else None,
        return_url=new.return_url,
        product=new.product,
        instalments=new.instalments,
        fee_by=new.fee_by,
        split=new.splits.asked() if new.splits else None,
    )
    return await _accept(call, request)


async def split(call: Call) -> tuple[int, SplitShown]:
    """Give parts of a payment to other merchants."""
    new: NewSplit = call.body
    payment = parse("pay", call.path["id"])
    desk = call.desk
    made, created = await split_payment(
        desk.pool, desk.ledger, desk.clock, call.who, payment, new.asked(), call.key
    )
    parts = [NewPart(receiver, fen) for receiver, fen in made.shares]
    shown = SplitShown(prefixed("pay", payment), made.state, parts, made.reason)
    return 201 if created else 200, shown


async def create_refund(call: Call) -> tuple[int, Shown]:
    """Refund a payment."""
    new: NewRefund = call.body
    original = parse("pay", call.path["id"])
    request = Request(
        Operation.REFUND, new.order_no, new.amount, call.key, new.description, original=original
    )
    return await _accept(call, request)


async def create_void(call: Call) -> tuple[int, Shown]:
    """Void a payment."""
    new: NewVoid = call.body
    original = await _mine(call, "pay")
    request = Request(
        Operation.VOID, new.order_no, original.amount, call.key, new.description, original=original.id
    )
    return await _accept(call, request)


async def create_payout(call: Call) -> tuple[int, Shown]:
    """Pay out."""
    new: NewPayout = call.body
    account = new.account.party() if new.account else await _settlement_account(call)
    request = Request(Operation.PAYOUT, new.order_no, new.amount, call.key, new.description, account=account)
    return await _accept(call, request)


async def _settlement_account(call: Call) -> PartyAccount:
    held = await settlement_account_of(call.desk.pool, call.desk.vault, call.who.id)
    return PartyAccount(held.number, held.name, held.medium, held.bank)


async def _accept(call: Call, request: Request) -> tuple[int, Shown]:
    intent, created = await accept(call.desk, call.who, request)
    return 201 if created else 200, show(intent, await client_of(call.desk, intent, call.office.base_url))


async def _mine(call: Call, prefix: str) -> Intent:
    intent = await call.desk.journal.of_merchant(call.who.id, parse(prefix, call.path["id"]))
    if intent is None or PREFIX[intent.kind] != prefix:
        raise NotFound("id: you have nothing with this id")
    return intent


def getter(prefix: str) -> Any:
    """Return the function that shows one intent."""

    async def get(call: Call) -> tuple[int, Shown]:
        intent = await _mine(call, prefix)
        return 200, show(intent, await client_of(call.desk, intent, call.office.base_url))

    return get


def lister(prefix: str) -> Any:
    """Return the function that shows a page of intents, newest first."""

    async def get(call: Call) -> tuple[int, Page]:
        limit = call.query["limit"]
        before = parse(prefix, call.query["cursor"], "cursor") if "cursor" in call.query else LAST
        found = await call.desk.journal.list_of_merchant(call.who.id, KINDS[prefix], before, limit + 1)
        more = len(found) > limit
        cursor = prefixed(prefix, found[limit - 1].id) if more else None
        return 200, Page([show(intent) for intent in found[:limit]], cursor)

    return get


async def timeline(call: Call) -> tuple[int, Timeline]:
    """Show every step of a payment with its evidence."""
    intent = await _mine(call, "pay")
    steps = await call.desk.journal.steps(intent.id)
    return 200, Timeline(
        [TimelineStep(s.at, s.kind.value, s.verdict, s.state, s.code, s.message) for s in steps]
    )


def explainer(prefix: str) -> Any:
    """Return the function that explains the fee of one intent."""

    async def get(call: Call) -> tuple[int, FeeShown]:
        found = await why(call.desk.pool, (await _mine(call, prefix)).id)
        return 200, FeeShown(found.fee, found.taken, found.rule_words, found.words, found.stored)

    return get


async def quote_payment(call: Call) -> tuple[int, QuoteShown]:
    """Say what a purchase would cost, and whom. Nothing is stored."""
    new: NewQuote = call.body
    asked = Request(
        Operation.PURCHASE, "quote", new.amount, "quote", product=new.product, instalments=new.instalments,
        fee_by=new.fee_by,
    )  # fmt: skip
    found = await quote(call.desk, call.who, asked)
    told = explain(call.who.fee_rules, found.fee_rule, new.amount)
    return 200, QuoteShown(
        new.amount,
        found.surcharge,
        found.amount,
        found.fee,
        found.fee_taken,
        found.channel,
        told.rule,
        told.sum,
    )


async def balance(call: Call) -> tuple[int, BalanceShown]:
    """Show the merchant's balances, all at the same moment."""
    codes = {"pending": 2321, "available": 2322, "guarantee": 2323, "frozen": 2324}
    ids = {name: account_id(Book.CUSTOMERS, code, call.who.id) for name, code in codes.items()}
    found = await call.desk.ledger.account_balances(ids.values())
    fen = {name: _free(found.get(id_)) for name, id_ in ids.items()}
    return 200, BalanceShown(
        **fen, as_of=max((b.seq for b in found.values()), default=0), at=call.desk.clock.now()
    )


def _free(balance: Any) -> int:
    return balance.credits - balance.debits - balance.debits_pending if balance else 0


PAGED = ("cursor", "limit")
CALLS: Sequence[Spec] = (
    Spec("POST", "/v1/payments", "Create a payment", create_payment, NewPayment, Shown, idempotent=True),
    Spec(
        "POST", "/v1/quotes", "Say what a purchase would cost", quote_payment, NewQuote, QuoteShown, creates=False
    ),
    Spec("GET", "/v1/payments", "List payments, newest first", lister("pay"), gives=Page, query=PAGED),
    Spec("GET", "/v1/payments/{id}", "Show a payment", getter("pay"), gives=Shown),
    Spec("GET", "/v1/payments/{id}/timeline", "Show a payment's steps and evidence", timeline, gives=Timeline),
    Spec("GET", "/v1/payments/{id}/fee", "Explain a payment's fee", explainer("pay"), gives=FeeShown),
    Spec("POST", "/v1/payments/{id}/refunds", "Refund a payment", create_refund, NewRefund, Shown, idempotent=True),
    Spec("POST", "/v1/payments/{id}/splits", "Split a payment", split, NewSplit, SplitShown, idempotent=True),
    Spec("POST", "/v1/payments/{id}/void", "Void a payment", create_void, NewVoid, Shown, idempotent=True),
    Spec(
        "GET", "/v1/refunds", "List refunds and voids, newest first", lister("ref"), gives=Page, query=PAGED,
        prefix="ref",
    ),
    Spec("GET", "/v1/refunds/{id}", "Show a refund or void", getter("ref"), gives=Shown, prefix="ref"),
    Spec("GET", "/v1/refunds/{id}/fee", "Explain a refund's fee", explainer("ref"), gives=FeeShown, prefix="ref"),
    Spec("POST", "/v1/payouts", "Pay out", create_payout, NewPayout, Shown, idempotent=True),
    Spec(
        "GET", "/v1/payouts", "List payouts, newest first", lister("pot"), gives=Page, query=PAGED, prefix="pot",
    ),
    Spec("GET", "/v1/payouts/{id}", "Show a payout", getter("pot"), gives=Shown, prefix="pot"),
    Spec("GET", "/v1/payouts/{id}/fee", "Explain a payout's fee", explainer("pot"), gives=FeeShown, prefix="pot"),
    Spec("GET", "/v1/balance", "Show balances", balance, gives=BalanceShown),
)  # fmt: skip
