"""What some channels can do beside moving one order: sign mandates, take batches, tell of returns."""

from collections.abc import Mapping, Sequence
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
    """A connector whose channel has order numbers of its own shape. A number is stored before anything is sent."""

    def order_number(self, id_: UUID, at: datetime) -> str:
        """Return a new order number for an id born at `at`. Raises `ChannelError` where the channel gives none now."""
        ...


def order_number(channel: object, id_: UUID, at: datetime) -> str:
    """Return the number under which a channel is to know an order: of the channel's own shape, if it has one."""
    return channel.order_number(id_, at) if isinstance(channel, NumberingChannel) else order_no(id_)


@dataclass(frozen=True, slots=True)
class Signing:
    """A mandate that a payer is to sign. `order_no` is ours and never re-used (at most 32 of [0-9A-Za-z])."""

    order_no: str
    requested_at: datetime
    account: PartyAccount


@dataclass(frozen=True, slots=True)
class Signed:
    """What became of a signing. With SUCCESS `agreement` is the channel's own number of the mandate."""

    answer: Answer
    agreement: str = ""


@runtime_checkable
class SigningChannel(PaymentChannel, Protocol):
    """A connector that keeps mandates at the channel. Nothing here raises for what a network or a bank can do."""

    async def request_code(self, signing: Signing) -> Answer:
        """Have the channel send the payer a code; SUCCESS once it is on its way. May be repeated."""
        ...

    async def sign(self, signing: Signing, code: str) -> Signed:
        """Sign with the code that the payer received. The same signing, sent again, signs once."""
        ...

    async def revoke(self, signing: Signing, agreement: str) -> Answer:
        """End the mandate at the channel. SUCCESS also where it had ended before."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders of one operation that travel in one message. `number` is the channel's: four digits, unique in a day.

    All of it is stored before it is sent, so that a re-send is equal to the byte. `number` and `requested_at` together
    name the batch at the channel.
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
    """What is known of a batch. `answer` is about the whole: SUCCESS (worked off: `items` has an answer for each order
    that the channel lists, by order number), ACCEPTED (not yet), FAILED (refused: no item was or will be done),
    NOT_FOUND, UNKNOWN, NOT_SENT.
    """

    answer: Answer
    items: Mapping[str, Answer] = field(default_factory=dict)


@runtime_checkable
class BatchChannel(PaymentChannel, Protocol):
    """A connector that takes batches. `batch_rules` are the channel's law for them, `batch_most` the items in one."""

    @property
    def batch_most(self) -> Mapping[Operation, int]:
        """Return how many orders one batch may hold, for each operation that has batches."""
        ...

    @property
    def batch_rules(self) -> Rules:
        """Return the waits between queries, and whether a batch that is not found may be sent again."""
        ...

    async def send_batch(self, batch: Batch) -> Answer:
        """Send it; whatever happens on the way is a verdict. ACCEPTED says that the channel has the whole of it."""
        ...

    async def query_batch(self, batch: Batch) -> BatchResult:
        """Ask what became of it."""
        ...


@runtime_checkable
class ReturningChannel(PaymentChannel, Protocol):
    """A connector whose channel can tell of payouts that came back after their success (退票)."""

    async def late_returns(self, first: date, last: date) -> Sequence[Notification]:
        """Return the payouts of these days that came back, each as RETURNED. A network failure is a `ChannelError`."""
        ...


@runtime_checkable
class UpkeepChannel(Protocol):
    """A connector that has to ask its channel for something from time to time, whether there are payments or not."""

    async def upkeep(self) -> None:
        """Do it; may be repeated at any time. A network failure is a `ChannelError`."""
        ...
