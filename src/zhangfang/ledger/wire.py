"""The ledger's protocol over a Unix socket: a header, then records of one fixed size, so that an array is the message.

Ids are 16 bytes as a UUID prints them, numbers are little-endian, text is ASCII padded with zeros. A request and its
answer carry the same request id; an answer's op has its highest bit set. A frame that is not of this shape closes
the connection it came on, and nothing else.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.ledger.model import (
    MAX_AMOUNT,
    Account,
    AccountFlag,
    Answered,
    Balance,
    Book,
    Entry,
    Result,
    Transfer,
    TransferFlag,
)

Records = npt.NDArray[np.void]
Ids = npt.NDArray[np.void]  # dtype V16

MAGIC = b"ZFLG"
VERSION = 1
MAX_COUNT = 8_192
MAX_BODY = 2 << 20
ANSWER = 0x80
HEADER = struct.Struct("<4sBBHQII")  # magic, version, op, zero, request id, records, bytes of the body
NO_MOMENT = -1


class MalformedFrame(ZhangfangError):
    """Bytes on the ledger's socket are not a frame of its protocol; the connection is closed."""


class Op(IntEnum):
    """What a frame asks for."""

    CREATE_ACCOUNTS = 1
    CREATE_TRANSFERS = 2
    LOOKUP_ACCOUNTS = 3
    LOOKUP_TRANSFERS = 4
    ACCOUNT_TRANSFERS = 5
    ACCOUNT_BALANCES = 6
    STATUS = 7


_ASK = [
    ("id", "V16"),
    ("debit", "V16"),
    ("credit", "V16"),
    ("amount", "<i8"),
    ("book", "<u2"),
    ("kind", "<u2"),
    ("flags", "<u2"),
    ("pending_id", "V16"),
    ("timeout", "<u4"),
    ("voucher", "V16"),
    ("reverses", "V16"),
    ("memo", "V16"),
    ("business_date", "<i4"),  # days since 1970-01-01
]
TRANSFER = np.dtype(_ASK)
ACCOUNT = np.dtype(
    [
        ("book", "<u2"),
        ("code", "<u2"),
        ("subject", "S40"),
        ("flags", "<u2"),
        ("limit", "<i8"),
        ("shard", "<u2"),
    ]
)
RESULT = np.dtype([("result", "<u2"), ("seq", "<i8")])
ENTRY = np.dtype(
    [("seq", "<i8"), *_ASK, ("posted_at", "<i8"), ("debit_balance", "<i8"), ("credit_balance", "<i8")]
)
ID = np.dtype([("id", "V16")])
PAGE = np.dtype([("account", "V16"), ("after", "<i8"), ("limit", "<u4")])
MOMENT = np.dtype([("account", "V16"), ("seq", "<i8"), ("at", "<i8")])  # at most one of both, the other −1
BALANCE = np.dtype(
    [
        ("account", "V16"),
        ("debits", "<i8"),
        ("credits", "<i8"),
        ("debits_pending", "<i8"),
        ("credits_pending", "<i8"),
        ("seq", "<i8"),
    ]
)
STATUS = np.dtype(
    [
        ("shard", "<u2"),
        ("epoch", "<i8"),
        ("seq", "<i8"),
        ("at", "<i8"),
        ("accounts", "<i8"),
        ("pendings", "<i8"),
        ("closed_through", "<i4"),  # days since 1970-01-01
    ]
)
NOTHING = np.dtype([("nothing", "u1")])

REQUEST = {
    Op.CREATE_ACCOUNTS: ACCOUNT,
    Op.CREATE_TRANSFERS: TRANSFER,
    Op.LOOKUP_ACCOUNTS: ID,
    Op.LOOKUP_TRANSFERS: ID,
    Op.ACCOUNT_TRANSFERS: PAGE,
    Op.ACCOUNT_BALANCES: MOMENT,
    Op.STATUS: NOTHING,
}
RESPONSE = {
    Op.CREATE_ACCOUNTS: RESULT,
    Op.CREATE_TRANSFERS: RESULT,
    Op.LOOKUP_ACCOUNTS: ACCOUNT,
    Op.LOOKUP_TRANSFERS: ENTRY,
    Op.ACCOUNT_TRANSFERS: ENTRY,
    Op.ACCOUNT_BALANCES: BALANCE,
    Op.STATUS: STATUS,
}


class Frame(NamedTuple):
    """A frame's header, checked."""

    op: Op
    request: int
    length: int  # records
    size: int  # bytes of the body


@dataclass(frozen=True, slots=True)
class Status:
    """The writer of a shard: its epoch, the last sequence number and its moment, what it holds, what is closed."""

    shard: int
    epoch: int
    seq: int
    at: datetime
    accounts: int
    pendings: int
    closed_through: date | None


def frame(op: int, request: int, records: Records) -> bytes:
    """Return the bytes of a frame with `records` as its body."""
    body = records.tobytes()
    return HEADER.pack(MAGIC, VERSION, op, 0, request, len(records), len(body)) + body


def header(raw: bytes, *, answer: bool = False) -> Frame:
    """Check a header of a request (or of an `answer`), or raise `MalformedFrame`."""
    magic, version, op, zero, request, count, size = HEADER.unpack(raw)
    if magic != MAGIC or version != VERSION or zero:
        raise MalformedFrame("frame: got another magic, version or reserved field; allowed: ZFLG, 1, 0")
    if bool(op & ANSWER) != answer or op & ~ANSWER not in _OPS:
        raise MalformedFrame(f"op: got {op}; allowed: {sorted(_OPS)}, with {ANSWER} added in an answer")
    known = Op(op & ~ANSWER)
    record = (RESPONSE if answer else REQUEST)[known]
    if count > MAX_COUNT or size > MAX_BODY or size != count * record.itemsize:
        raise MalformedFrame(f"body: got {count} records in {size} bytes; allowed: {record.itemsize} each")
    return Frame(known, request, count, size)


_OPS = {int(op) for op in Op}


def records(body: bytes, dtype: np.dtype[np.void]) -> Records:
    """Return the array that a body is."""
    return np.frombuffer(body, dtype)


def packed(one: Transfer) -> bytes:
    """Return the TRANSFER record of one transfer; a value that does not fit its field is `InvalidInput` naming it."""
    try:
        return _TRANSFER.pack(
            one.id.bytes,
            one.debit.bytes,
            one.credit.bytes,
            one.amount,
            one.book,
            one.kind,
            one.flags,
            one.pending_id.bytes,
            one.timeout,
            one.voucher.bytes,
            one.reverses.bytes,
            one.memo.bytes,
            days(one.business_date),
        )
    except struct.error:
        for field, least, most in _RANGES:
            _fits(field, getattr(one, field), least, most)
        raise


_TRANSFER = struct.Struct("<16s16s16sqHHH16sI16s16s16si")  # for one record, several times faster than NumPy
_RANGES = (
    ("amount", -MAX_AMOUNT - 1, MAX_AMOUNT),
    ("kind", 0, 0xFFFF),
    ("flags", 0, 0xFFFF),
    ("timeout", 0, 0xFFFF_FFFF),
)


def from_transfers(transfers: Sequence[Transfer]) -> Records:
    """Return the records of at most 8,192 transfers; a value that does not fit its field is `InvalidInput`."""
    _few(transfers)
    return np.frombuffer(b"".join(map(packed, transfers)), TRANSFER)


def to_entry(fields: tuple[Any, ...]) -> Entry:
    """Return the entry of an ENTRY record's fields."""
    seq, *ask, posted_at, debit_balance, credit_balance = fields
    transfer = Transfer(
        id=UUID(bytes=ask[0]),
        debit=UUID(bytes=ask[1]),
        credit=UUID(bytes=ask[2]),
        amount=ask[3],
        book=Book(ask[4]),
        kind=ask[5],
        flags=TransferFlag(ask[6]),
        pending_id=UUID(bytes=ask[7]),
        timeout=ask[8],
        voucher=UUID(bytes=ask[9]),
        reverses=UUID(bytes=ask[10]),
        memo=UUID(bytes=ask[11]),
        business_date=to_date(ask[12]),
    )
    return Entry(seq, transfer, to_moment(posted_at), debit_balance, credit_balance)


def from_accounts(accounts: Sequence[Account]) -> Records:
    """Return the records of accounts; a value that does not fit its field is `InvalidInput`."""
    _few(accounts)
    return np.array([_account_fields(one) for one in accounts], ACCOUNT)


def to_accounts(array: Records) -> list[Account]:
    """Return the accounts of ACCOUNT records; a subject that is not ASCII is `MalformedFrame`."""
    try:
        return [
            Account(Book(book), code, subject.decode("ascii"), AccountFlag(flags), limit, shard)
            for book, code, subject, flags, limit, shard in array.tolist()
        ]
    except ValueError as error:
        raise MalformedFrame(
            "account: got an unknown book or flag, or a subject that is not ASCII"
        ) from error


def to_answers(array: Records) -> list[Answered]:
    """Return the answers of RESULT records."""
    return [Answered(Result(result), seq) for result, seq in array.tolist()]


def to_balance(fields: tuple[Any, ...]) -> Balance:
    """Return the balance of a BALANCE record's fields."""
    return Balance(UUID(bytes=fields[0]), *fields[1:])


def to_status(fields: tuple[Any, ...]) -> Status:
    """Return the status of a STATUS record's fields."""
    shard, epoch, seq, at, accounts, pendings, closed = fields
    closed_through = None if closed == NO_MOMENT else to_date(closed)
    return Status(shard, epoch, seq, to_moment(at), accounts, pendings, closed_through)


_EPOCH = datetime.fromtimestamp(0, UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(micros_: int) -> datetime:
    """Return the moment of microseconds since 1970, aware, in UTC."""
    return _EPOCH + timedelta(microseconds=micros_)


def days(day: date) -> int:
    """Return days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


@lru_cache(maxsize=4096)
def to_date(days_: int) -> date:
    """Return the date of days since 1970-01-01."""
    return date.fromordinal(days_ + _EPOCH_DAY)


def _few(asked: Sequence[object]) -> None:
    if len(asked) > MAX_COUNT:
        raise InvalidInput("request", f"{len(asked)} records", f"at most {MAX_COUNT}")


def _account_fields(one: Account) -> tuple[Any, ...]:
    _fits("code", one.code, 0, 0xFFFF)
    _fits("limit", one.limit, -MAX_AMOUNT - 1, MAX_AMOUNT)
    _fits("shard", one.shard, 0, 0xFFFF)
    if not (one.subject.isascii() and 1 <= len(one.subject) <= 40 and one.subject.isprintable()):
        raise InvalidInput("subject", f"{len(one.subject)} characters", "1 to 40 printable ASCII characters")
    return (one.book, one.code, one.subject.encode(), one.flags, one.limit, one.shard)


def _fits(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInput(field, "an integer out of range", f"{least} to {most}")
