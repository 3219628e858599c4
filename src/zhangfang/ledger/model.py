"""The ledger's terms: accounts, transfers, and the answer to each. They have the shape of TigerBeetle's on purpose.

A transfer has one debit and one credit account in one ledger, an id made by the client, and gets exactly one result.
The records below are also the wire format: NumPy structured arrays of fixed-size records (`ledger/wire.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, IntFlag
from functools import lru_cache
from uuid import NAMESPACE_OID, UUID, uuid5

NO_ID = UUID(int=0)
MAX_AMOUNT = 2**63 - 1


class Book(IntEnum):
    """A ledger: money of one owner in one currency. No transfer crosses from one to another."""

    CUSTOMERS = 1  # C 客户资金
    OWN = 2  # O 自有资金
    CUSTODIAN = 3  # E 监管专户


class AccountFlag(IntFlag):
    """What an account forbids. `limit` is the numeric overdraft of the side that may not be exceeded."""

    NONE = 0
    CREDIT_FLOOR = 1  # debits, pendings included, may not exceed credits by more than `limit`
    DEBIT_FLOOR = 2  # credits, pendings included, may not exceed debits by more than `limit`
    FROZEN = 4  # takes credits, is not debited (只收不付)
    CLOSED = 8  # takes neither; a hold on it can still be voided


class TransferFlag(IntFlag):
    """What kind of transfer it is. Without any flag it is a plain movement."""

    NONE = 0
    LINKED = 1  # all or nothing with the next transfer of the request
    PENDING = 2  # holds the amount; `timeout` 0 means for ever
    POST = 4  # moves what `pending_id` held; amount 0 means all of it
    VOID = 8  # gives back what `pending_id` held
    CHAIN = 16  # with POST or VOID: every pending of the chain that `pending_id` belongs to
    EXPIRED = 32  # with VOID: the ledger's own entry when a timeout ran out; nobody may ask for it
    SET_FLAGS = 64  # moves nothing: FROZEN and CLOSED of the account (debit = credit) become those of `kind`
    CLOSE_PERIOD = 128  # moves nothing: closes the dates to `business_date` (`kind` 0), or re-opens to it (1)


class Result(IntEnum):
    """The answer to one account or one transfer. If several apply, it is the first from the top."""

    CREATED = 0
    EXISTS = 1
    LINKED_FAILED = 2  # another member of its chain was refused
    CHAIN_OPEN = 3  # the request ended inside a chain
    ID_INVALID = 4  # not a UUIDv7, or the month of its time has no partition
    FLAGS_INVALID = 5
    AMOUNT_INVALID = 6  # zero, negative or above 2^63-1
    ACCOUNTS_EQUAL = 7
    EXISTS_DIFFERENT = 8  # the id is known with other contents
    DEBIT_NOT_FOUND = 9
    CREDIT_NOT_FOUND = 10
    BOOK_DIFFERENT = 11  # the accounts lie in two books, or not in the transfer's
    PERIOD_CLOSED = 12  # the business date is closed
    PENDING_NOT_FOUND = 13
    PENDING_DIFFERENT = 14  # accounts or book differ from the pending's
    PENDING_ALREADY_POSTED = 15
    PENDING_ALREADY_VOIDED = 16
    PENDING_EXPIRED = 17
    EXCEEDS_PENDING = 18
    ACCOUNT_FROZEN = 19
    ACCOUNT_CLOSED = 20
    EXCEEDS_CREDITS = 21  # the debit account's floor
    EXCEEDS_DEBITS = 22  # the credit account's floor
    OVERFLOW = 23


DURABLE = frozenset(
    {
        Result.LINKED_FAILED,
        Result.PENDING_ALREADY_POSTED,
        Result.PENDING_ALREADY_VOIDED,
        Result.PENDING_EXPIRED,
        Result.EXCEEDS_PENDING,
        Result.ACCOUNT_FROZEN,
        Result.ACCOUNT_CLOSED,
        Result.EXCEEDS_CREDITS,
        Result.EXCEEDS_DEBITS,
    }
)
"""Refusals that depend on state: remembered under the id, so that asking again gives the same answer."""


@lru_cache(maxsize=65_536)
def account_id(book: Book, code: int, subject: str, shard: int = 0) -> UUID:
    """Return the id of an account: a pure function of where it stands, so that nobody has to look it up."""
    return uuid5(NAMESPACE_OID, f"zhangfang/{shard}/{int(book)}/{code}/{subject}")


@dataclass(frozen=True, slots=True)
class Account:
    """An account to open. `code` is the chart's four digits, `subject` at most 40 ASCII characters, `limit` fen."""

    book: Book
    code: int
    subject: str
    flags: AccountFlag = AccountFlag.NONE
    limit: int = 0
    shard: int = 0

    @property
    def id(self) -> UUID:
        """The account's id."""
        return account_id(self.book, self.code, self.subject, self.shard)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement to ask for. Amounts in fen, `timeout` in seconds, `kind` the line of the posting template."""

    id: UUID
    debit: UUID
    credit: UUID
    amount: int
    book: Book
    kind: int
    voucher: UUID
    business_date: date
    flags: TransferFlag = TransferFlag.NONE
    pending_id: UUID = NO_ID
    timeout: int = 0
    reverses: UUID = NO_ID
    memo: UUID = NO_ID


@dataclass(frozen=True, slots=True)
class Answered:
    """A result and the ledger's sequence number that acknowledged it (0 for a refusal)."""

    result: Result
    seq: int


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's balance at one sequence number, with its pendings read at the same moment. All in fen."""

    account: UUID
    debits: int
    credits: int
    debits_pending: int
    credits_pending: int
    seq: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer as it stands in the books, with both balances (debits − credits, posted) right after it."""

    seq: int
    transfer: Transfer
    posted_at: datetime
    debit_balance: int
    credit_balance: int
