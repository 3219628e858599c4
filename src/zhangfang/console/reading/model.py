"""What the console shows, as it was read: frozen records. Amounts are fen, times aware, None means "nothing is known".

No record holds a figure that was not read: a page that could not read shows a dash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Seal:
    """What the independent auditor last found, and whether the seal 平 may stand on it now."""

    holds: bool
    at: datetime | None
    ok: bool | None
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What every page's frame says: how much is unknown or waits for a person, and where the ledger is."""

    unknown: int
    manual: int
    breaks: int
    returned: int
    untold: int
    ledger_seq: int
    duplicates: int = 0
    proposals: int = 0
    deadlines: int = 0  # freezes that expire, entries of the register that are due

    @property
    def errands(self) -> int:
        """How many things wait for a person."""
        return self.manual + self.breaks + self.returned + self.untold + self.duplicates + self.deadlines


@dataclass(frozen=True, slots=True)
class Figures:
    """The day's figures: pay-ins, payouts and refunds asked for in it, and everything that is unknown at present."""

    orders: int
    pay_in_asked: int
    pay_in_count: int
    pay_in_fen: int
    payout_count: int
    payout_fen: int
    payout_open: int
    payout_returned: int
    refund_count: int
    refund_fen: int
    refund_open: int
    unknown_count: int
    unknown_fen: int
    unknown_oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the day in China: successful pay-ins today and the day before, and today's still unknown."""

    hour: int
    today_fen: int
    before_fen: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that waits for a person. `what` is manual, break, duplicate, returned or untold; `link` where to do it.

    A break has its channel in place of the merchant, and its key as `number`.
    """

    what: str
    detail: str
    merchant: str | None
    number: str
    amount: int | None
    since: datetime
    link: str


@dataclass(frozen=True, slots=True)
class Payment:
    """A row of a list of payments, refunds or payouts."""

    id: UUID
    kind: str
    merchant: str
    merchant_name: str | None
    order_no: str
    amount: int
    fee: int
    description: str
    channel: str
    channel_order_no: str
    channel_ref: str | None
    state: str
    code: str | None
    message: str | None
    account_tail: str
    business_date: date
    settle_date: date | None
    created_at: datetime
    decided_at: datetime | None
    unknown_since: datetime | None
    next_action_at: datetime | None
    queries: int
    refunded: int
    voided: bool
    returned_at: datetime | None
    matched_on: date | None
    arrived_seq: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a filter's newest rows (its states left out) are in each state and have each later fact."""

    states: Mapping[str, int]
    facts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Total:
    """The number of rows and the sum of their amounts; `more`: there are more rows, and the sum says nothing."""

    count: int
    fen: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of evidence as it is stored."""

    id: UUID
    at: datetime
    kind: str
    verdict: str
    state: str
    code: str
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a transfer (分录): of its two amounts one is None. `held` is not posted yet, and may never be."""

    seq: int
    voucher: UUID
    account: UUID
    code: int
    subject: str
    business_date: date
    posted_at: datetime
    kind: int
    held: bool
    debit: int | None
    credit: int | None


@dataclass(frozen=True, slots=True)
class Links:
    """The voucher that a voucher reverses, the one that reverses it, and its payment."""

    reverses: UUID | None
    reversed_by: UUID | None
    payment: UUID | None
    closed_through: date | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Where the channel's file lists a payment."""

    settle_date: date
    line_no: int
    amount: int
    name: str
    arrived_at: datetime | None
    arrived_seq: str | None


@dataclass(frozen=True, slots=True)
class Banked:
    """A bank line that belongs to a payment."""

    account: str
    sequence: str
    booked_at: datetime
    amount: int
    credit: bool
    reversal: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What a payment's page needs beyond the row: its request, its vouchers, its settlement, when the merchant was told."""

    idempotency_key: str
    request_digest: bytes
    voucher: UUID
    undo_voucher: UUID
    original: UUID | None
    settlement: UUID | None
    settled_on: date | None
    file_received_at: datetime | None
    file_arrived_at: datetime | None
    file_arrived_seq: str | None
    told_at: datetime | None
    told_attempts: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """A payment with all its evidence."""

    payment: Payment
    facts: Facts
    steps: tuple[Step, ...]
    lines: tuple[Line, ...]
    listed: tuple[Listed, ...]
    banked: tuple[Banked, ...]
    undone_by: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an account with the account's balance after it (debit positive)."""

    seq: int
    posted_at: datetime
    business_date: date
    voucher: UUID
    intent: UUID | None
    debit: int | None
    credit: int | None
    balance: int


@dataclass(frozen=True, slots=True)
class AccountOf:
    """Which account a history is of."""

    id: UUID
    book: int
    code: int
    subject: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """One channel's file of a day against our payments of that day. `name` None: it has not arrived."""

    channel: str
    name: str | None
    digest: str | None
    received_at: datetime | None
    matched_at: datetime | None
    arrived_at: datetime | None
    arrived_seq: str | None
    lines: int
    matched: int
    not_due: int
    breaks: int
    ours_fen: int
    theirs_fen: int | None
    fee_fen: int | None
    due_at: datetime | None
    due_note: str | None


@dataclass(frozen=True, slots=True)
class StatementResult:
    """One bank account's lines of a day against what the ledger posted from them."""

    account: str
    lines: int
    posted: int
    breaks: int
    ours_fen: int
    theirs_fen: int
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class SideLine:
    """A line of a channel's file, a bank line or one of our payments, of which a figure is made.

    `status` is what became of a file's line, or the kind of our payment; `fen` is negative where money leaves.
    `all_count` and `all_fen` are of all lines, on whichever page.
    """

    number: str
    reference: str
    theirs: str | None
    at: datetime | None
    status: str
    fen: int
    intent: UUID | None
    voucher: UUID | None
    all_count: int
    all_fen: int


@dataclass(frozen=True, slots=True)
class Break:
    """Two values that differ. `ours` or `theirs` is None where that side has nothing."""

    id: UUID
    cls: str
    channel: str
    settle_date: date
    key: str
    ours: int | None
    theirs: int | None
    difference: int
    note: str
    template: str
    opened_at: datetime
    cure: str | None
    cleared_at: datetime | None
    cleared_by: str | None
    proposed_cure: str | None
    proposed_by: str | None
    proposal: UUID | None
    intent: UUID | None
    owner: str | None
    kind: str | None
    our_order: str | None
    our_ref: str | None
    our_time: datetime | None
    our_state: str | None
    their_line: int | None
    their_order: str | None
    their_ref: str | None
    their_text: str | None
    their_time: datetime | None
