"""What the law says of a row: the answer given before, the pending it resolves, the refusal to remember."""

from typing import NamedTuple

from zhangfang.ledger.engine.rules import Ask, Pending
from zhangfang.ledger.model import Result

MICROSECONDS = 1_000_000


class Retold(NamedTuple):
    """The answer that was given before to the row at a position. `seq` is what an earlier batch gave it; `as_at` names
    the row of this batch whose sequence number it is."""

    position: int
    result: Result
    seq: int = 0
    as_at: int = -1


class Resolution(NamedTuple):
    """What the row at a position becomes by resolving a pending."""

    position: int
    debit_at: int
    credit_at: int
    amount: int
    book: int
    kind: int
    pending_id: bytes
    moved: int
    held: int


class Refused(NamedTuple):
    """A refusal to remember, of the row at a position. It follows the last row that stands at a position below `after`."""

    position: int
    after: int
    result: Result


def pending_of(ask: Ask, at: int, chain: bytes | int | None) -> Pending:
    """Return the hold that a row makes at a moment; its `seq` is the row's."""
    deadline = at + ask.timeout * MICROSECONDS if ask.timeout else 0
    return Pending(
        ask.id, ask.seq, ask.debit_at, ask.credit_at, ask.amount, ask.book, ask.kind, chain, deadline, ask.voucher,
        ask.memo, ask.business_date,
    )  # fmt: skip
