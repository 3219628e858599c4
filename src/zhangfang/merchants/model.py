"""The merchant's vocabulary. All of it is frozen, so a request cannot change what the API keeps in memory."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from zhangfang.kernel.text.masking import masked_account

ALWAYS = date(2000, 1, 1)
"""For `FeeRule.effective_from`: from the merchant's first day on."""

MEDIA = frozenset({"card", "passbook", "corporate"})


class MerchantState(StrEnum):
    """What a merchant may do.

    `frozen`: no new payment and no payout leaves, nothing is settled; what was sent goes on, and payers get refunds.
    `closed`: nothing more, for good; it had no balance and nothing open.
    """

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class FeeKind(StrEnum):
    """What a fee is charged for. A refund has no fee: it returns a share of the payment's fee."""

    PURCHASE = "purchase"
    COLLECTION = "collection"
    PAYOUT = "payout"


class Taken(StrEnum):
    """When a fee is taken."""

    SUCCESS = "success"  # with the payment or the payout
    SETTLEMENT = "settlement"  # out of the merchant's settlement
    MONTH = "month"  # billed after the month; the bill is paid by a decision of people
    AVAILABLE = (
        "available"  # billed after the month; the contract lets the bill be taken from available money
    )


class OnRefund(StrEnum):
    """What happens to the fee of a payment that is refunded. `TERMS`: what the merchant's terms say (share or kept)."""

    TERMS = ""
    SHARE = "share"  # given back in proportion
    KEPT = "kept"
    WHOLE = "whole"  # all of it with the first refund, as far as that refund reaches


@dataclass(frozen=True, slots=True)
class Tier:
    """A step of a rule: what is over `over_fen` is charged at `rate_ppm`."""

    over_fen: int
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class FeeRule:
    """A line of the contract: `rate_ppm` parts per million (6000 is 0.6 %) plus `fixed_fen`, within min and max fen.

    It applies from the day `effective_from` (China) on, through the day `until` if there is one. A plain rule has these
    figures alone. An agreed one, which two people have approved, may name what it is for: a channel, a product, a number
    of instalments, a type of account (`credit` or `personal/I/credit`), who bears the charge of instalments. `tiers` are
    by the amount or by the month's volume (`tiers_by`); `tiers_how` is `marginal` (each part at its own rate) or `whole`
    (all of it at the rate of the tier that it reaches). A fee that the payer bears (`borne`) is paid on top of the price.
    How rules are chosen and worked out: `zhangfang.fees`.
    """

    kind: FeeKind
    rate_ppm: int
    fixed_fen: int = 0
    min_fen: int = 0
    max_fen: int | None = None
    effective_from: date = ALWAYS
    until: date | None = None
    channel: str = ""
    product: str = ""
    instalments: int | None = None
    account_type: str = ""
    fee_by: str = ""
    tiers: tuple[Tier, ...] = ()
    tiers_by: Literal["amount", "month"] = "amount"
    tiers_how: Literal["marginal", "whole"] = "marginal"
    taken: Taken = Taken.SUCCESS
    on_refund: OnRefund = OnRefund.TERMS
    borne: Literal["merchant", "payer"] = "merchant"
    id: UUID | None = field(default=None, compare=False)  # None: not stored yet


@dataclass(frozen=True, slots=True)
class Terms:
    """How a merchant is settled: T+n in working days, whether it is paid out by itself, and whether the fee of a payment
    is kept when it is refunded. They apply to what is accepted from the day `effective_from` (China) on.

    A `cycle` (see `cycles`) holds instead of T+n. The others are of a settlement run from that day on: what comes to less
    than `least_fen` waits for the next run, and of what is settled `reserve_ppm` millionths are held back for
    `reserve_days`. `when_short` says where the money of a refund comes from that the merchant lacks. `advance_fen` is the
    most that own funds may have advanced at a time.
    """

    effective_from: date
    settlement_days: int
    auto_payout: bool
    keep_fee_on_refund: bool
    cycle: str = ""
    least_fen: int = 0
    reserve_ppm: int = 0
    reserve_days: int = 0
    when_short: str = "refuse"
    advance_fen: int = 0


@dataclass(frozen=True, slots=True)
class ProductCycle:
    """The settlement cycle of one product of a merchant, from a day on; an empty one is the merchant's own again."""

    product: str
    effective_from: date
    cycle: str


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A merchant's account in the clear: exists only during the call. `medium` is one of `MEDIA`."""

    number: str
    name: str
    medium: str = "corporate"
    bank: str = ""

    def __repr__(self) -> str:
        """Personal data never reaches a log by way of a repr."""
        return f"BankAccount(number='{masked_account(self.number)}')"


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """What a merchant is created from. With an `external_ref` ([A-Za-z0-9._-], at most 40) it is created once."""

    name: str
    external_ref: str | None = None
    auto_payout: bool = False
    settlement_days: int = 1
    keep_fee_on_refund: bool = False
    fee_rules: tuple[FeeRule, ...] = ()
    settlement_account: BankAccount | None = None


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant with its past and future fee rules and terms: all that a payment needs of it.

    Its own fields hold the terms that it began with; `rules.terms_on` gives those of a day.
    """

    id: str
    external_ref: str | None
    name: str
    state: MerchantState
    auto_payout: bool
    settlement_days: int
    keep_fee_on_refund: bool
    created_at: datetime
    fee_rules: tuple[FeeRule, ...]
    later_terms: tuple[Terms, ...] = ()


@dataclass(frozen=True, slots=True)
class SettlementAccount:
    """The account a merchant is paid to, masked; `token` opens it in the vault."""

    id: str
    merchant: str
    token: str
    tail: str
    name_masked: str
    bank: str
    medium: str
    fingerprint: str
    bound_at: datetime
    agreed_by: str | None = None  # None: nobody has agreed on it yet, so nothing is paid there


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret, which only the merchant has."""

    id: str
    merchant: str
    tail: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None = None  # the machine's time
    last_used_at: datetime | None = None  # to about a minute
