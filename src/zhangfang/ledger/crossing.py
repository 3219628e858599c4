"""Money from an account of one shard to an account of another: the rules. `crossings` asks the shards.

A crossing has three steps, and is recorded nowhere but in the two ledgers:

1. here: a pending without timeout, from the account to the transit account of the other shard. What it holds counts
   against the account's floor at once; its memo is the account that is to have the money.
2. there: a transfer from the transit account of this shard to that account, under the id that follows from the pending's.
3. here: the pending is posted when that transfer stands, voided when it never can. Any other answer proves nothing, so
   the crossing stays open and is asked for again, as is one without an answer.

Why a stop at any moment loses, doubles or invents no money: step 2 has one id, so it happens once, whoever asks and
however often. "It stands" and "it never can" are both final, and only one of them can be true. So everybody who finishes
a crossing comes to the same end, and the ledger resolves a pending once. Until then the pending is open, and holds all
that step 2 needs to know. What arrived there is never more than what is held or posted here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import numbered
from zhangfang.ledger.chart import account
from zhangfang.ledger.model import (
    DURABLE,
    NO_ID,
    Account,
    Book,
    Entry,
    Result,
    Transfer,
    TransferFlag,
)

TRANSIT: Final = 3021
LEAVES, ARRIVES = 991, 992  # the kinds of steps 1 and 2; step 3 keeps the kind of what it resolves
STANDS: Final = frozenset({Result.CREATED, Result.EXISTS})
_SUBJECT = "shard-"


class Fate(StrEnum):
    """What an answer to step 2 proves."""

    STANDS = "stands"
    NEVER = "never"
    UNPROVEN = "unproven"


class Outcome(StrEnum):
    """How far a crossing has come."""

    ARRIVED = "arrived"  # credited there, debited here: final
    REFUSED = "refused"  # nothing moved or held; final if the reason is durable or came from step 2
    OPEN = "open"  # held here, and finished later; the money may have arrived
    BROKEN = "broken"  # somebody else resolved the pending against what stands there: for people


@dataclass(frozen=True, slots=True)
class Crossing:
    """Money on its way from `debit` on shard `here` to `credit` on shard `there`. `amount` in fen.

    `id` is a UUIDv7 that ends in 00 (`new_id`); it is the voucher of all three steps, on both shards.
    """

    id: UUID
    here: int
    there: int
    book: Book
    debit: UUID
    credit: UUID
    amount: int
    business_date: date

    @classmethod
    def between(
        cls, id_: UUID, debit: Account, credit: Account, amount: int, business_date: date
    ) -> "Crossing":
        """Return the crossing between two accounts of one book on two shards, or raise `InvalidInput`."""
        if id_.int & 0xFF:
            raise InvalidInput("id", "one that does not end in 00", "a voucher's id, as `new_id` makes them")
        if debit.shard == credit.shard or debit.book != credit.book:
            raise InvalidInput("accounts", "two of one shard or of two books", "one book, two shards")
        ends = (debit.shard, credit.shard, debit.book, debit.id, credit.id)
        return cls(id_, *ends, amount, business_date)


def transit(book: Book, shard: int, other: int) -> Account:
    """Return the account on `shard` through which a book's money goes to `other` and comes from it."""
    return replace(account(TRANSIT, f"{_SUBJECT}{other}", book), shard=shard)


def hold(one: Crossing) -> Transfer:
    """Return step 1."""
    to = transit(one.book, one.here, one.there).id
    made = (numbered(one.id, 1), one.debit, to, one.amount, one.book, LEAVES, one.id, one.business_date)
    return Transfer(*made, flags=TransferFlag.PENDING, memo=one.credit)


def arrival(one: Crossing, business_date: date) -> Transfer:
    """Return step 2. The date is not the pending's where that is closed; a later request differs in nothing else."""
    from_ = transit(one.book, one.there, one.here).id
    made = (numbered(one.id, 2), from_, one.credit, one.amount, one.book, ARRIVES, one.id, business_date)
    return Transfer(*made, memo=one.debit)


def resolution(one: Crossing, fate: Fate, id_: UUID, business_date: date) -> Transfer:
    """Return step 3 under a new id `id_`.

    New, because a refusal (the account was frozen meanwhile) is remembered under its id and must not bind the next try;
    that it happens once is seen to by the pending. With CHAIN the entry is found under its voucher, whatever its id.
    """
    flag = TransferFlag.POST if fate is Fate.STANDS else TransferFlag.VOID
    made = (id_, NO_ID, NO_ID, 0, one.book, 0, one.id, business_date)
    return Transfer(*made, flags=flag | TransferFlag.CHAIN, pending_id=numbered(one.id, 1), memo=one.credit)


def fate(one: Crossing, answer: Result, under_its_id: Transfer | None) -> Fate:
    """Return what the answer to step 2 proves, with the transfer that stands there under its id.

    A durable refusal is remembered, so no later request can succeed; nor can one whose id something else has taken
    (or a refusal of the same step with another date).
    """
    if answer in STANDS:
        return Fate.STANDS
    if under_its_id and under_its_id == arrival(one, under_its_id.business_date):
        return Fate.STANDS
    return Fate.NEVER if answer in DURABLE or answer is Result.EXISTS_DIFFERENT else Fate.UNPROVEN


def outcome(proven: Fate, answer: Result) -> Outcome:
    """Return how far a crossing has come, from what step 2 proved and the answer to step 3."""
    ends = {Fate.STANDS: Outcome.ARRIVED, Fate.NEVER: Outcome.REFUSED}
    against = {Fate.STANDS: Result.PENDING_ALREADY_VOIDED, Fate.NEVER: Result.PENDING_ALREADY_POSTED}
    if answer is against[proven]:
        return Outcome.BROKEN
    done = STANDS | {Result.PENDING_ALREADY_POSTED, Result.PENDING_ALREADY_VOIDED}
    return ends[proven] if answer in done else Outcome.OPEN


def unresolved(entries: Iterable[Entry], to: UUID, resolved: set[UUID]) -> list[Transfer]:
    """Return the pendings among entries of the account `to` that credit it and are open.

    `resolved` are those known to be resolved by later entries; the ones that these entries resolve are added to it.
    """
    transfers = [entry.transfer for entry in entries]
    resolved.update(one.pending_id for one in transfers)
    holds = (one for one in transfers if one.flags & TransferFlag.PENDING and one.credit == to)
    return [one for one in holds if one.id not in resolved]


def crossing(held: Transfer, here: int, there: int) -> Crossing | None:
    """Return the crossing whose step 1 a pending is, or None for one that is something else."""
    ends = (held.book, held.debit, held.memo, held.amount, held.business_date)
    one = Crossing(held.voucher, here, there, *ends)
    return one if not held.voucher.int & 0xFF and held == hold(one) else None
