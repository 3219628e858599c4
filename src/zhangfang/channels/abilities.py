"""What some channels can do besides moving one order: sign mandates, take batches, report returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from zhangfang.channels.port import (
    Answer,
    Notification,
    Operation,
    Order,
    PartyAccount,
    PaymentChannel,
    Rules,
)
from zhangfang.kernel.ids import order_no


@runtime_checkable
class NumberingChannel(Protocol):
    """A connector whose channel needs order numbers in its own format. A number is stored before anything is sent."""

    def order_number(self, id_: UUID, at: datetime) -> str:
        """Return a new order number for an id made at `at`. Raises `ChannelError` if none can be made now."""
        ...


def order_number(channel: object, id_: UUID, at: datetime) -> str:
    """Return the order number for a channel, in the channel's own format if it is a `NumberingChannel`."""
    # A payment needs one: asking the class for its protocol takes 20 times as long as looking for the method.
    number: Callable[[UUID, datetime], str] | None = getattr(channel, "order_number", None)
    return number(id_, at) if number else order_no(id_)


@dataclass(frozen=True, slots=True)
class Signing:
    """A mandate that a payer shall sign. `order_no` is ours and never re-used (at most 32 of [0-9A-Za-z])."""

    order_no: str
    requested_at: datetime
    account: PartyAccount


@dataclass(frozen=True, slots=True)
class Signed:
    """The result of a signing. With SUCCESS, `agreement` is the channel's own number of the mandate."""

    answer: Answer
    agreement: str = ""


@runtime_checkable
class SigningChannel(PaymentChannel, Protocol):
    """A connector whose channel keeps mandates. No method raises for a failure of the network or the bank."""

    async def request_code(self, signing: Signing) -> Answer:
        """Let the channel send the payer a code; SUCCESS once it was sent. May be repeated."""
        ...

    async def sign(self, signing: Signing, code: str) -> Signed:
        """Sign with the code that the payer received. The same signing, sent again, signs once."""
        ...

    async def revoke(self, signing: Signing, agreement: str) -> Answer:
        """End the mandate at the channel. SUCCESS also if it had ended before."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders of one operation that travel in one message. `number` is the channel's: four digits, unique in a day.

    All of it is stored before it is sent, so a re-send has the same bytes. `number` and `requested_at` together
    identify the batch at the channel.
    """

    operation: Operation
    number: str
    requested_at: datetime
    orders: Sequence[Order] = field(repr=False)

    @property
    def amount(self) -> int:
        """Return the sum of all items, in fen."""
        return sum(order.amount for order in self.orders)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The state of a batch. `answer` is about the whole: SUCCESS (finished: `items` has an answer for each order that
    the channel lists, by order number), ACCEPTED (not finished), FAILED (refused: no item was or will be done),
    NOT_FOUND, UNKNOWN, NOT_SENT.
    """

    answer: Answer
    items: Mapping[str, Answer] = field(default_factory=dict)


@runtime_checkable
class BatchChannel(PaymentChannel, Protocol):
    """A connector that takes batches. `batch_rules` are the channel's rules for them, `batch_most` the maximum of
    items."""

    @property
    def batch_most(self) -> Mapping[Operation, int]:
        """Return how many orders one batch may hold, for each operation that has batches."""
        ...

    @property
    def batch_rules(self) -> Rules:
        """Return the waits between queries, and whether a batch that is not found may be sent again."""
        ...

    async def send_batch(self, batch: Batch) -> Answer:
        """Send it. Whatever happens, the result is a verdict. ACCEPTED says that the channel has the whole batch."""
        ...

    async def query_batch(self, batch: Batch) -> BatchResult:
        """Ask what became of it."""
        ...


@runtime_checkable
class ReturningChannel(PaymentChannel, Protocol):
    """A connector whose channel reports payouts that came back after their success (退票)."""

    async def late_returns(self, first: date, last: date) -> Sequence[Notification]:
        """Return the payouts of these days that came back, each as RETURNED. A network failure is a `ChannelError`."""
        ...


@runtime_checkable
class UpkeepChannel(Protocol):
    """A connector that must ask its channel for something regularly, even without payments."""

    async def upkeep(self) -> None:
        """Do it; may be repeated at any time. A network failure is a `ChannelError`."""
        ...
