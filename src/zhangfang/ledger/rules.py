"""What a single transfer is checked against, and the records that memory is made of. Pure; no order, no history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import NamedTuple

from zhangfang.ledger.model import MAX_AMOUNT, NO_ID, AccountFlag, Result, TransferFlag
from zhangfang.ledger.wire import Ask, days

NONE = NO_ID.bytes
LINKED, PENDING, POST, VOID, CHAIN, EXPIRED, SET_FLAGS = (int(flag) for flag in TransferFlag)
CREDIT_FLOOR, DEBIT_FLOOR, FROZEN, CLOSED = (int(flag) for flag in AccountFlag)
FLOORS = CREDIT_FLOOR | DEBIT_FLOOR
FIRST_DAY, LAST_DAY = days(date(2000, 1, 1)), days(date(2199, 12, 31))


class Known(NamedTuple):
    """What was answered for an id. `result` is EXISTS for what stands in the books."""

    result: Result
    seq: int
    digest: bytes


class Row(NamedTuple):
    """A row of the table `transfer`, but for the shard. Its columns have these names."""

    id: bytes
    seq: int
    debit: bytes
    credit: bytes
    amount: int
    book: int
    kind: int
    flags: int
    pending_id: bytes | None
    timeout: int
    voucher: bytes
    reverses: bytes | None
    memo: bytes | None
    business_date: date
    posted_at: datetime
    debit_balance: int
    credit_balance: int
    digest: bytes


class Refusal(NamedTuple):
    """A row of the table `refusal`, but for the shard."""

    id: bytes
    result: int
    seq: int
    refused_at: datetime
    digest: bytes


@dataclass(slots=True)
class Held:
    """An account in memory. Amounts in fen; the pendings are those still open."""

    id: bytes
    book: int
    code: int
    subject: str
    flags: int
    limit: int
    debits: int = 0
    credits: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    def figures(self) -> tuple[int, int, int, int, int]:
        """Return all that a transfer can change."""
        return self.flags, self.debits, self.credits, self.debits_pending, self.credits_pending

    def restore(self, figures: tuple[int, int, int, int, int]) -> None:
        """Take back what changed since `figures`."""
        self.flags, self.debits, self.credits, self.debits_pending, self.credits_pending = figures


@dataclass(frozen=True, slots=True)
class Pending:
    """A hold. `chain` is the sequence number of the first entry of the chain it was made in."""

    id: bytes
    seq: int
    debit: bytes
    credit: bytes
    amount: int
    book: int
    kind: int
    voucher: bytes
    memo: bytes
    business_date: int
    deadline: datetime | None
    chain: int


def malformed(ask: Ask, months: Sequence[tuple[int, int]]) -> Result:
    """Return the refusal of form, which needs no account: the id, the flags, the amount, equal accounts."""
    if not _id_valid(ask.id, months):
        return Result.ID_INVALID
    if not _flags_valid(ask):
        return Result.FLAGS_INVALID
    if ask.amount < 0 or (ask.amount and ask.flags & (VOID | CHAIN | SET_FLAGS)):
        return Result.AMOUNT_INVALID
    if ask.amount == 0 and not ask.flags & (POST | VOID | SET_FLAGS):
        return Result.AMOUNT_INVALID
    resolves_any = ask.debit == NONE and ask.flags & (POST | VOID)
    if ask.debit == ask.credit and not (resolves_any or ask.flags & SET_FLAGS):
        return Result.ACCOUNTS_EQUAL
    return Result.CREATED


def _id_valid(id_: bytes, months: Sequence[tuple[int, int]]) -> bool:
    if id_[6] >> 4 != 7 or id_[8] >> 6 != 0b10:
        return False
    born = int.from_bytes(id_[:6], "big")
    return any(first <= born < end for first, end in months)


def _flags_valid(ask: Ask) -> bool:
    kind = ask.flags & (PENDING | POST | VOID | SET_FLAGS)
    if kind.bit_count() > 1 or ask.flags & ~(LINKED | CHAIN | kind):
        return False
    resolves = bool(kind & (POST | VOID))
    if ask.flags & CHAIN and not resolves:
        return False
    if (ask.timeout and kind != PENDING) or (ask.pending_id != NONE and not resolves):
        return False
    return kind != SET_FLAGS or (ask.debit == ask.credit and not ask.kind & ~(FROZEN | CLOSED))


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


def derived(id_: bytes, millis: int, number: int) -> bytes:
    """Return the UUIDv7 of moment `millis` that follows from `id_` and `number`: the same one each time."""
    tail = bytearray(blake2b(id_ + number.to_bytes(4, "big"), digest_size=10).digest())
    tail[0] = 0x70 | tail[0] & 0x0F
    tail[2] = 0x80 | tail[2] & 0x3F
    return millis.to_bytes(6, "big") + bytes(tail)


def chains(asks: Sequence[Ask]) -> Iterator[tuple[Sequence[Ask], bool]]:
    """Cut a request into its chains, each with whether it was left open at the end."""
    first = 0
    for n, ask in enumerate(asks, 1):
        if not ask.flags & LINKED:
            yield asks[first:n], False
            first = n
    if first < len(asks):
        yield asks[first:], True


def or_none(id_: bytes) -> bytes | None:
    """Return None for the id that means none, as the tables have it."""
    return None if id_ == NONE else id_
