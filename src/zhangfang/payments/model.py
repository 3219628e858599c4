"""The instruction journal's types: an intent, its states, and the steps that are its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.payments.shares import Split


class State(StrEnum):
    """Where an intent stands. UNKNOWN is a state of its own: it is never FAILED, and only evidence ends it."""

    CREATED = "CREATED"  # stored; nothing was sent
    PARKED = "PARKED"  # no routing table has the payee's account type: the money is held, nothing is sent
    REDIRECTED = "REDIRECTED"  # the payer was sent to the cashier
    SENDING = "SENDING"  # the attempt is stored; the message may or may not have left
    ACCEPTED = "ACCEPTED"  # the channel says it is working on it
    UNKNOWN = "UNKNOWN"  # it may have left, and nothing proves how it ended
    MANUAL = "MANUAL"  # the channel itself does not know; people are asking
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    REFUSED = "REFUSED"  # never sent
    CLOSED = "CLOSED"  # the payer never paid


FINAL = frozenset({State.SUCCESS, State.FAILED, State.REFUSED, State.CLOSED})
OPEN = frozenset(State) - FINAL


class StepKind(StrEnum):
    """What kind of evidence a step is."""

    RECEIVED = "received"
    LEDGER = "ledger"
    SENT = "sent"
    ANSWER = "answer"
    QUERY = "query"
    NOTIFICATION = "notification"
    FILE = "file"
    BANK = "bank"
    TOLD = "told"
    PERSON = "person"
    ROUTED = "routed"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Intent:
    """One row of the journal; the columns are explained in the migration that makes the table."""

    id: UUID
    kind: Operation
    merchant: str
    order_no: str
    idempotency_key: str
    request_digest: bytes
    amount: int
    fee: int
    description: str
    channel: str
    channel_order_no: str
    requested_at: datetime
    business_date: date
    template: str
    voucher: UUID
    undo_voucher: UUID
    state: State
    created_at: datetime
    next_action_at: datetime | None = None
    original: UUID | None = None
    account_token: str | None = None
    account_tail: str = ""
    return_url: str | None = None
    ledger_seq: int | None = None
    channel_ref: str | None = None
    settle_date: date | None = None
    code: str | None = None
    message: str | None = None
    unknown_since: datetime | None = None
    decided_at: datetime | None = None
    refunded: int = 0
    fee_refunded: int = 0
    voided: bool = False
    returned_at: datetime | None = None
    arrived_seq: str | None = None
    settlement: UUID | None = None
    product: str = ""
    instalments: int = 0
    fee_by: str = ""
    account_type: str = ""
    mandate: UUID | None = None
    agreement: str = ""
    batch: UUID | None = None
    attempt: int = 1
    table_version: int = 0
    parked_since: datetime | None = None
    queries: int = 0
    not_found: int = 0
    absent_since: datetime | None = None
    ending: str | None = None
    next_channel: str | None = None
    next_version: int | None = None
    lease_until: datetime | None = None
    fence: int = 0
    updated_at: datetime | None = None
    fee_rule: UUID | None = None
    fee_taken: str = ""
    shares: str = ""
    refund_from: str = ""
    shared: int = 0
    splitting: UUID | None = None
    advanced: int = 0
    surcharge: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Intent":
        """Build it from a row of the table."""
        held = {name: row[name] for name in cls.__slots__}
        return cls(**held | {"kind": Operation(row["kind"]), "state": State(row["state"])})


@dataclass(frozen=True, slots=True)
class Request:
    """A merchant's request. `account` is the payer's or payee's, `original` the payment to refund or void.

    `product` of a purchase is `cashier` or `alipay_app`. `instalments` is the number of periods, 0 for none; `fee_by`
    says who pays their charge, `payer` or `merchant`. Only `zhangfang.duplicates` sets `template`: the posting rule that
    reverses a duplicate, U1 or U2; the whole fee is then given back. `split` gives parts of a pay-in to other merchants.
    """

    kind: Operation
    order_no: str
    amount: int
    idempotency_key: str
    description: str = ""
    account: PartyAccount | None = field(default=None, repr=False)
    original: UUID | None = None
    return_url: str | None = None
    product: str = ""
    instalments: int = 0
    fee_by: str = ""
    template: str = ""
    split: Split | None = None


class PaymentError(ZhangfangError):
    """The platform refuses a request about a payment.

    PaymentError
    ├── KeyReused
    ├── OrderNumberTaken
    ├── NotFound
    ├── NotAllowed
    └── OperationStopped
    """


class HeldBack(ZhangfangError):
    """Nothing may be sent of a payment now; the text says why. If nothing was sent of it, it is parked."""


class KeyReused(PaymentError):
    """The Idempotency-Key was used before, with another request."""


class OrderNumberTaken(PaymentError):
    """The merchant's order number was used before, with another request."""


class NotFound(PaymentError):
    """There is no such payment, or it belongs to another merchant; the caller cannot tell which."""


class NotAllowed(PaymentError):
    """The payment's state or amount does not allow it; the message says what would."""


class OperationStopped(PaymentError):
    """A person has stopped this operation of this channel, or the channel is not set up here (any more)."""
