"""What the platform asks of any channel, and what any channel answers.

A connector turns an `Order` into bytes on a wire, and bytes into an `Answer`. It decides nothing about money: it
reports what the channel said, and the verdict of the channel's own code table.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.text.masking import masked_account


class Operation(StrEnum):
    """What a channel is asked to do; also the kind of an intent."""

    PURCHASE = "purchase"
    COLLECTION = "collection"
    REFUND = "refund"
    VOID = "void"
    PAYOUT = "payout"


PAY_INS = (Operation.PURCHASE, Operation.COLLECTION)  # what brings money in


class Verdict(StrEnum):
    """What an answer proves. Only SUCCESS, FAILED and RETURNED are final. NOT_SENT proves that nothing was sent."""

    SUCCESS = "success"
    FAILED = "failed"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    NOT_FOUND = "not_found"
    NOT_SENT = "not_sent"
    MANUAL = "manual"


MOVED = frozenset({Verdict.SUCCESS, Verdict.RETURNED})  # what says that money has moved
DEFINITE = MOVED | {Verdict.FAILED}


class AccountType(NamedTuple):
    """The key of the tables of account types: holder, class, medium; written `personal/I/card`."""

    holder: str
    class_: str
    medium: str

    def __str__(self) -> str:
        """Return it as it is stored and shown."""
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class PartyAccount:
    """The payer of a collection or the payee of a payout, in the clear: exists only during the call.

    `medium` is `card` (debit), `credit`, `passbook`, `virtual` (a sub-account) or `corporate` (a company's account by
    its number alone). `bank` is a CNAPS code or a bank's name, `""` where the channel does not ask for it. `id_no` (of a
    company: its business licence) and `phone` are given only where the channel asks for them. `holder` is `personal` or
    `corporate`. `class_` is I, II or III of a person's account; of a company's it is basic, general, special, temporary
    or a bank's own product code. If holder or class are not given, `type` says what is assumed.
    """

    number: str
    name: str
    medium: str = "card"
    bank: str = ""
    id_no: str = ""
    phone: str = ""
    holder: str = ""
    class_: str = ""

    @property
    def type(self) -> "AccountType":
        """Return the account's type; without holder or class, the usual ones for the medium."""
        holder = self.holder or ("corporate" if self.medium == "corporate" else "personal")
        return AccountType(holder, self.class_ or ("basic" if holder == "corporate" else "I"), self.medium)

    def __repr__(self) -> str:
        """Personal data never reaches a log by way of a repr."""
        return f"PartyAccount(number='{masked_account(self.number)}')"


@dataclass(frozen=True, slots=True)
class Order:
    """One request to a channel. Every field is stored before anything is sent, so a re-send has the same bytes.

    `order_no` has at most 32 of [0-9A-Za-z] and is never re-used. `requested_at` is aware, in whole seconds. `amount`
    is fen. `key` is the merchant's own number, which the channel repeats in its answers. A refund or void names its
    original. `instalments` is the number of periods, 0 for none; `fee_by` says who pays their charge, `payer` or
    `merchant`. `agreement` is the channel's number of the payer's mandate.
    """

    operation: Operation
    order_no: str
    requested_at: datetime
    amount: int
    key: str
    description: str = ""
    account: PartyAccount | None = None
    original_order_no: str = ""
    original_requested_at: datetime | None = None
    original_ref: str = ""
    original_operation: Operation | None = None
    original_amount: int = 0
    instalments: int = 0
    fee_by: str = ""
    agreement: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The channel's answer. `code` and `message` are the channel's own; `raw` is the message with personal data
    masked.

    `elsewhere` is set only with FAILED. It says that the channel itself refused (closed, no permission, a limit of its
    own), not the payer's or payee's bank, so another channel may be tried. `requested_at` is the time of the order that
    the message names, if its protocol has one. `lacks` says what the protocol requires of a message that says that money
    moved, and this one has not: such a message proves nothing.
    """

    verdict: Verdict
    code: str = ""
    message: str = ""
    channel_ref: str = ""
    amount: int | None = None
    settle_date: date | None = None
    raw: str = ""
    elsewhere: bool = False
    requested_at: datetime | None = None
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What the payer's browser posts to the channel's cashier."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AppOrder:
    """What the merchant's app passes to the wallet's SDK on the payer's phone."""

    payload: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """Our reply to a channel's notification: `body` of media type `media`."""

    body: str
    media: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Notification:
    """A verified message that the channel pushed. `order_no` finds the intent; `answer` is the evidence about it."""

    order_no: str
    operation: Operation
    answer: Answer


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of the channel's reconciliation file.

    `amount` is fen, never negative; `credit` says whether the line brings money to us. `fee` is fen, below zero if the
    channel gives it back. `adjustment` marks a line of the exceptions file that corrects `original_order_no`/`channel_ref`.
    `unread` says why a row could not be understood; then only `line_no`, `note` and `raw` say anything:
    its number and its text.
    """

    line_no: int
    order_no: str
    channel_ref: str
    operation: Operation | None
    amount: int
    credit: bool
    fee: int
    adjustment: bool = False
    original_order_no: str = ""
    note: str = ""
    raw: str = ""
    unread: str = ""


@dataclass(frozen=True, slots=True)
class ChannelFile:
    """The complete file of one settlement date. `digest` is the SHA-256 hex of the bytes received."""

    channel: str
    settle_date: date
    name: str
    digest: str
    lines: Sequence[FileLine]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of a bank account. `sequence` is the bank's own number, unique within the account; amounts are fen."""

    account: str
    sequence: str
    booked_at: datetime
    amount: int
    credit: bool
    balance: int
    reference: str = ""
    request_no: str = ""
    counterparty: str = ""
    text: str = ""
    reversal: bool = False
    raw: str = ""


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Lines after a cursor, oldest first, and the cursor to go on from."""

    lines: Sequence[StatementLine]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """A channel's own rules for one operation.

    `query_after`: the waits before each query; the last one is repeated. `resend_after_not_found`: the number of "not
    found" answers after which the identical message may be sent again, None if the channel forbids that.
    """

    query_after: Sequence[timedelta]
    resend_after_not_found: int | None


class ChannelError(ZhangfangError):
    """A message from or to a channel is not as the protocol demands, or nothing came. Its four kinds follow."""


class MalformedMessage(ChannelError):
    """The message cannot be read; the text names the part and what was expected."""


class ForgedMessage(ChannelError):
    """The message can be read, but its signature or certificate chain does not verify."""


class FileNotReady(ChannelError):
    """The channel has not made this day's file yet; ask again later."""


class NotPresented(ChannelError):
    """The channel did not give what the payer's browser or phone needs. The same order may be presented again."""


class NotWritten(InvalidInput):
    """A message that the channel's format cannot hold. Nothing was sent, and sending it again would not help."""


@contextmanager
def writing() -> Iterator[None]:
    """Write a message in this block and send it after it: only here does `InvalidInput` mean that nothing was sent."""
    try:
        yield
    except InvalidInput as error:
        raise NotWritten(error.field, error.shape, error.allowed) from None


class PaymentChannel(Protocol):
    """A connector that moves money. `send` and `query` never raise for what a network or a bank can do."""

    name: str
    rules: Mapping[Operation, Rules]

    async def send(self, order: Order) -> Answer:
        """Send the order. Whatever happens, the result is a verdict. Raises `NotWritten`."""
        ...

    async def query(self, order: Order) -> Answer:
        """Ask what became of the order."""
        ...


@runtime_checkable
class NotifyingChannel(Protocol):
    """A connector whose channel pushes messages to us."""

    name: str

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification | None:
        """Read and verify a message; None if it is genuine but about no order.

        Raises `MalformedMessage`, `ForgedMessage`.
        """
        ...

    def reply(self, *, taken: bool) -> Reply:
        """Return our reply. `taken` is true once the evidence in the message is stored."""
        ...


@runtime_checkable
class AcquiringChannel(PaymentChannel, NotifyingChannel, Protocol):
    """A connector that collects money. It has notifications and a reconciliation file, and may have a cashier."""

    async def present(self, order: Order, return_url: str) -> Form | AppOrder:
        """Return what the payer's browser or app needs to pay at the channel. Safe to repeat. Raises `NotPresented`."""
        ...

    async def file(self, settle_date: date) -> ChannelFile:
        """Fetch the complete file of a date. Raises `FileNotReady`, `MalformedMessage`."""
        ...

    def settlement_of(self, text: str) -> date | None:
        """Return the settlement date in a bank line's text, None if it is not a settlement for us."""
        ...


@runtime_checkable
class BankChannel(PaymentChannel, Protocol):
    """A connector to a bank where we have an account."""

    @property
    def account(self) -> str:
        """Return the number of our account."""
        ...

    async def statement(self, account: str, cursor: str) -> StatementPage:
        """Return the lines after a cursor, `""` for the first page. A network failure is a `ChannelError`."""
        ...


Channels = Mapping[str, PaymentChannel]  # by name
