"""The checks of a single transfer, and what a hold is. Pure functions, which know no order and no history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import NamedTuple

from zhangfang.ledger.engine.accounts import Held
from zhangfang.ledger.model import MAX_AMOUNT, NO_ID, AccountFlag, Result, TransferFlag
from zhangfang.ledger.wire import days

NONE = NO_ID.bytes
LINKED, PENDING, POST, VOID, CHAIN, EXPIRED, SET_FLAGS, CLOSE_PERIOD = (int(flag) for flag in TransferFlag)
RESOLVES = POST | VOID
CREDIT_FLOOR, DEBIT_FLOOR, FROZEN, CLOSED = (int(flag) for flag in AccountFlag)
FLOORS = CREDIT_FLOOR | DEBIT_FLOOR
FIRST_DAY, LAST_DAY = days(date(2000, 1, 1)), days(date(2199, 12, 31))
CLOSES, REOPENS = 0, 1  # the `kind` of CLOSE_PERIOD


class Ask(NamedTuple):
    """A row (`rows.ROW`) as a tuple, for the law: the same fields."""

    id: bytes
    debit: bytes
    credit: bytes
    amount: int
    book: int
    kind: int
    flags: int
    pending_id: bytes
    timeout: int
    voucher: bytes
    reverses: bytes
    memo: bytes
    business_date: int
    digest: bytes
    position: int
    known: int
    debit_at: int
    credit_at: int
    moved: int
    held: int
    seq: int
    debit_balance: int
    credit_balance: int


@dataclass(slots=True)
class Pending:
    """A hold. `chain` names the chain it was made in, None for one alone; `deadline` is in microseconds, 0 for never."""

    id: bytes
    seq: int
    debit_at: int
    credit_at: int
    amount: int
    book: int
    kind: int
    chain: bytes | int | None
    deadline: int
    voucher: bytes
    memo: bytes
    business_date: int


def malformed(ask: Ask, months: Sequence[tuple[int, int]]) -> Result:
    """Return the refusal of form, which needs no account: the id, the flags, the amount, equal accounts."""
    if not _id_valid(ask.id, months):
        return Result.ID_INVALID
    if not _flags_valid(ask):
        return Result.FLAGS_INVALID
    if ask.amount < 0 or (ask.amount and ask.flags & (VOID | CHAIN | SET_FLAGS | CLOSE_PERIOD)):
        return Result.AMOUNT_INVALID
    if ask.amount == 0 and not ask.flags & (RESOLVES | SET_FLAGS | CLOSE_PERIOD):
        return Result.AMOUNT_INVALID
    resolves_any = ask.debit == NONE and ask.flags & RESOLVES
    if ask.debit == ask.credit and not (resolves_any or ask.flags & (SET_FLAGS | CLOSE_PERIOD)):
        return Result.ACCOUNTS_EQUAL
    return Result.CREATED


def _id_valid(id_: bytes, months: Sequence[tuple[int, int]]) -> bool:
    if id_[6] >> 4 != 7 or id_[8] >> 6 != 0b10:
        return False
    born = int.from_bytes(id_[:6], "big")
    return any(first <= born < end for first, end in months)


def _flags_valid(ask: Ask) -> bool:
    sort = ask.flags & (PENDING | RESOLVES | SET_FLAGS | CLOSE_PERIOD)
    if sort.bit_count() > 1 or ask.flags & ~(LINKED | CHAIN | sort):
        return False
    if ask.flags & CHAIN and not sort & RESOLVES:
        return False
    if (ask.timeout and sort != PENDING) or (ask.pending_id != NONE and not sort & RESOLVES):
        return False
    if sort == SET_FLAGS:
        return ask.debit == ask.credit and not ask.kind & ~(FROZEN | CLOSED)
    if sort == CLOSE_PERIOD:
        return ask.debit == ask.credit == NONE and ask.kind in (CLOSES, REOPENS)
    return True


def refused(debit: Held, credit: Held, amount: int) -> Result:
    """Return why `amount` may not go from `debit` to `credit`, or CREATED. Pendings count like posted amounts."""
    if debit.flags & FROZEN:
        return Result.ACCOUNT_FROZEN
    if (debit.flags | credit.flags) & CLOSED:
        return Result.ACCOUNT_CLOSED
    taken = debit.debits + debit.debits_pending + amount
    given = credit.credits + credit.credits_pending + amount
    if debit.flags & CREDIT_FLOOR and taken > debit.credits + debit.limit:
        return Result.EXCEEDS_CREDITS
    if credit.flags & DEBIT_FLOOR and given > credit.debits + credit.limit:
        return Result.EXCEEDS_DEBITS
    if max(taken, given) > MAX_AMOUNT:
        return Result.OVERFLOW
    return Result.CREATED


def same_accounts(ask: Ask, pending: Pending) -> bool:
    """Tell whether a resolution names the pending's accounts, or none, and its book."""
    sides = ask.debit_at in (0, pending.debit_at) and ask.credit_at in (0, pending.credit_at)
    return sides and ask.book == pending.book


def may_end(pending: Pending, became_: Result, amount: int, *, same: bool) -> Result:
    """Return why a pending may not be resolved with an amount, or CREATED. `same`: its accounts and book were named."""
    if not same:
        return Result.PENDING_DIFFERENT
    if became_ is not Result.CREATED:
        return became_
    return Result.EXCEEDS_PENDING if amount > pending.amount else Result.CREATED


def derived(id_: bytes, millis: int, number: int) -> bytes:
    """Return the id of moment `millis` that follows from `id_` and `number`: the same one each time.

    It is a UUIDv8 with a UUIDv7's time, so that it lies in the same partition and no client may take it.
    """
    tail = bytearray(blake2b(id_ + number.to_bytes(4, "big"), digest_size=10).digest())
    tail[0] = 0x80 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return millis.to_bytes(6, "big") + bytes(tail)


def became(flags: int) -> Result:
    """Return what a later request for a pending is told, from the flags of the entry that resolved it."""
    if flags & POST:
        return Result.PENDING_ALREADY_POSTED
    return Result.PENDING_EXPIRED if flags & EXPIRED else Result.PENDING_ALREADY_VOIDED
