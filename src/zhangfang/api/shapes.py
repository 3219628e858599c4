"""What goes in and out of the API. Amounts are integers of fen; ids are prefixed text; times are RFC 3339."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import structlog

from zhangfang.api.returns import back
from zhangfang.channels.port import Form, NotPresented, Operation, PartyAccount
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import MAX_FEN
from zhangfang.kernel.text.texts import ALLOWED
from zhangfang.payments import (
    MOST_INSTALMENTS,
    MOST_PARTS,
    PREFIX,
    Desk,
    Intent,
    NewShare,
    Split,
    State,
    order_of,
)

log = structlog.get_logger()

Fen = Annotated[int, msgspec.Meta(ge=1, le=MAX_FEN, description="fen (1/100 yuan)")]
OrderNo = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9._:/#@-]+$",
        description="your own number, unique for ever",
    ),
]
Text = Annotated[str, msgspec.Meta(max_length=100, description=f"{ALLOWED}; no card number")]


class Account(msgspec.Struct, forbid_unknown_fields=True):
    """A payer's or payee's account. It is stored as a vault token only."""

    number: Annotated[str, msgspec.Meta(pattern="^[0-9]{8,32}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    medium: Literal["card", "credit", "passbook", "virtual", "corporate"] = "card"
    bank: Annotated[str, msgspec.Meta(max_length=60)] = ""
    id_no: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z]{0,18}$")] = ""
    phone: Annotated[str, msgspec.Meta(pattern="^[0-9]{0,11}$")] = ""
    holder: Literal["", "personal", "corporate"] = ""
    class_: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{0,20}$")] = msgspec.field(
        default="", name="class"
    )

    def party(self) -> PartyAccount:
        """Return it as channels take it."""
        return PartyAccount(**msgspec.structs.asdict(self))


class NewPayment(msgspec.Struct, forbid_unknown_fields=True):
    """A pay-in: `purchase` takes the payer to the channel's cashier or wallet, `collection` debits `account`.

    A collection needs a mandate of the account's owner. `instalments` are periods, whose charge `fee_by` bears.
    """

    kind: Literal["purchase", "collection"]
    order_no: OrderNo
    amount: Fen
    currency: Literal["CNY"] = "CNY"
    description: Text = ""
    account: Account | None = None
    return_url: Annotated[str, msgspec.Meta(max_length=500, pattern="^https?://")] | None = None
    product: Literal["", "cashier", "alipay_app"] = ""
    instalments: Annotated[int, msgspec.Meta(ge=0, le=MOST_INSTALMENTS)] = 0
    fee_by: Literal["", "payer", "merchant"] = ""
    splits: "NewSplit | None" = None


class NewPart(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a payment for another merchant: `amount` in fen, or `ppm` in millionths; one of the two."""

    receiver: Annotated[str, msgspec.Meta(pattern="^mer_[0-9a-hjkmnp-tv-z]{26}$")]
    amount: Annotated[int, msgspec.Meta(ge=0, le=MAX_FEN)] = 0
    ppm: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class NewSplit(msgspec.Struct, forbid_unknown_fields=True):
    """Parts of a payment for other merchants; together at most the payment less its fee, and the rest is yours.

    `fee_from` says who bears the fee of parts in `ppm`: `seller` takes them of the whole, `all` of what the fee leaves.
    `refund_from` says who gives back first at a refund: `proportional` all, or the `seller`.
    """

    parts: Annotated[list[NewPart], msgspec.Meta(min_length=1, max_length=MOST_PARTS)]
    fee_from: Literal["seller", "all"] = "seller"
    refund_from: Literal["proportional", "seller"] = "proportional"

    def asked(self) -> Split:
        """Return it as payments take it."""
        parts = tuple(NewShare(one.receiver, one.amount, one.ppm) for one in self.parts)
        return Split(parts, self.fee_from, self.refund_from)


class SplitShown(msgspec.Struct):
    """A split of a payment: OPEN, DONE or REFUSED."""

    payment: str
    state: str
    parts: list[NewPart]
    reason: str


class NewRefund(msgspec.Struct, forbid_unknown_fields=True):
    """Give a payment back, in whole or in part."""

    order_no: OrderNo
    amount: Fen
    currency: Literal["CNY"] = "CNY"
    description: Text = ""


class NewVoid(msgspec.Struct, forbid_unknown_fields=True):
    """Void the whole of a payment within the channel's day."""

    order_no: OrderNo
    description: Text = ""


class NewPayout(msgspec.Struct, forbid_unknown_fields=True):
    """Pay out of the available balance, to the settlement account if no other is given."""

    order_no: OrderNo
    amount: Fen
    currency: Literal["CNY"] = "CNY"
    description: Text = ""
    account: Account | None = None


class Redirect(msgspec.Struct):
    """What the payer's browser has to post to the cashier."""

    url: str
    fields: dict[str, str]
    method: str = "POST"


class App(msgspec.Struct):
    """What your app hands to the wallet's SDK on the payer's phone."""

    payload: dict[str, str]


class Shown(msgspec.Struct, omit_defaults=True):
    """An intent as its merchant sees it. `state` is one of the documented states; later facts stand beside it.

    `amount` is what the payer pays. If it bears the fee, that is what you asked for and the `surcharge`.
    """

    id: str
    kind: str
    order_no: str
    amount: int
    fee: int
    currency: str
    state: str
    created_at: datetime
    description: str = ""
    channel: str = ""
    channel_order_no: str = ""
    account_tail: str = ""
    payment: str | None = None
    settle_date: str | None = None
    decided_at: datetime | None = None
    code: str | None = None
    message: str | None = None
    refunded: int = 0
    voided: bool = False
    returned_at: datetime | None = None
    settled: bool = False
    instalments: int = 0
    shared: int = 0
    surcharge: int = 0
    redirect: Redirect | None = None
    app: App | None = None


def show(intent: Intent, client: Redirect | App | None = None) -> Shown:
    """Return the intent as its merchant sees it, with what takes its payer to the channel."""
    return Shown(
        id=prefixed(PREFIX[intent.kind], intent.id),
        kind=intent.kind.value,
        order_no=intent.order_no,
        amount=intent.amount,
        fee=intent.fee,
        currency="CNY",
        state=intent.state.value,
        created_at=intent.created_at,
        description=intent.description,
        channel=intent.channel,
        channel_order_no=intent.channel_order_no,
        account_tail=intent.account_tail,
        payment=prefixed("pay", intent.original) if intent.original else None,
        settle_date=intent.settle_date.isoformat() if intent.settle_date else None,
        decided_at=intent.decided_at,
        code=intent.code,
        message=intent.message,
        refunded=intent.refunded,
        voided=intent.voided,
        returned_at=intent.returned_at,
        settled=intent.settlement is not None,
        instalments=intent.instalments,
        shared=intent.shared,
        surcharge=intent.surcharge,
        redirect=client if isinstance(client, Redirect) else None,
        app=client if isinstance(client, App) else None,
    )


async def client_of(desk: Desk, intent: Intent, base_url: str) -> Redirect | App | None:
    """Return what takes the payer of a purchase to the channel; None if it waits for nobody.

    None as well if the channel does not give it just now: the payment is shown without it, and asked for again.
    """
    if intent.kind is not Operation.PURCHASE or intent.state is not State.REDIRECTED:
        return None
    try:
        made = await desk.acquirers[intent.channel].present(
            await order_of(desk.pool, desk.vault, desk.journal, intent), back(desk.vault, base_url, intent.id)
        )
    except NotPresented as error:
        log.warning("a channel did not present a purchase", intent=str(intent.id), error=str(error))
        return None
    return Redirect(made.url, dict(made.fields)) if isinstance(made, Form) else App(dict(made.payload))


class Page(msgspec.Struct):
    """Up to `limit` items, newest first; `cursor` leads to the next page, null at the end."""

    items: list[Shown]
    cursor: str | None


class TimelineStep(msgspec.Struct):
    """One step and what proves it."""

    at: datetime
    kind: str
    verdict: str
    state: str
    code: str
    message: str


class Timeline(msgspec.Struct):
    """All steps, oldest first."""

    steps: list[TimelineStep]


class FeeShown(msgspec.Struct):
    """Why a fee was charged: the `rule` of its date and the arithmetic, each in words (`zh`, `en`).

    `taken` is empty for a fee that is taken with the payment, otherwise `settlement`, `month` or `available`. `stored`
    says whether the payment names its rule; one from before rules had ids is explained by the rules of its date.
    """

    fee: int
    taken: str
    rule: dict[str, str]
    arithmetic: dict[str, str]
    stored: bool


class NewQuote(msgspec.Struct, forbid_unknown_fields=True):
    """A purchase that somebody thinks of."""

    amount: Fen
    product: Literal["", "cashier", "alipay_app"] = ""
    instalments: Annotated[int, msgspec.Meta(ge=0, le=MOST_INSTALMENTS)] = 0
    fee_by: Literal["", "payer", "merchant"] = ""


class QuoteShown(msgspec.Struct):
    """What a purchase of `price` fen would cost now: the payer pays `amount`, of which `surcharge` is the fee on top.

    `fee` is yours to bear unless it is the surcharge; 0 if it is billed after the month. The rules and the channel of the
    moment hold: a payment that is created later may differ.
    """

    price: int
    surcharge: int
    amount: int
    fee: int
    taken: str
    channel: str
    rule: dict[str, str]
    arithmetic: dict[str, str]


class BalanceShown(msgspec.Struct):
    """Balances in fen, read at one moment: `as_of` is the ledger's sequence number."""

    pending: int
    available: int
    guarantee: int
    frozen: int
    as_of: int
    at: datetime


class NewFeeRule(msgspec.Struct, forbid_unknown_fields=True):
    """A fee: `rate_ppm` parts per million (6000 is 0.6 %) plus `fixed_fen`, at least `min_fen`, at most `max_fen`."""

    kind: Literal["purchase", "collection", "payout"]
    rate_ppm: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    fixed_fen: Annotated[int, msgspec.Meta(ge=0, le=MAX_FEN)] = 0
    min_fen: Annotated[int, msgspec.Meta(ge=0, le=MAX_FEN)] = 0
    max_fen: Annotated[int, msgspec.Meta(ge=0, le=MAX_FEN)] | None = None


class NewMerchantBody(msgspec.Struct, forbid_unknown_fields=True):
    """A merchant; with an `external_ref` (your own code for it) it is created once."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    external_ref: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._-]{1,40}$")] | None = None
    auto_payout: bool = False
    settlement_days: Annotated[int, msgspec.Meta(ge=0, le=30)] = 1
    keep_fee_on_refund: bool = False
    fee_rules: list[NewFeeRule] = []
    settlement_account: Account | None = None


class MerchantShown(msgspec.Struct):
    """A merchant."""

    id: str
    name: str
    state: str
    external_ref: str | None
    auto_payout: bool
    settlement_days: int
    created_at: datetime


class ApiKeyShown(msgspec.Struct):
    """A new API key: the secret is shown this once."""

    id: str
    secret: str
