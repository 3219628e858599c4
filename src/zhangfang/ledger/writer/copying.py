"""PostgreSQL's binary COPY format, written by NumPy: one array is the payload.

Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT. A row is its number of fields and
then each field behind its length in bytes, −1 for NULL; numbers are big-endian, days and microseconds count from 2000.
"""

from collections.abc import Sequence
from datetime import date
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from zhangfang.ledger.engine.rules import NONE
from zhangfang.ledger.wire import Records, days

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
DAY_0 = days(date(2000, 1, 1))
MICROS_0 = DAY_0 * 86_400_000_000

TRANSFER = [
    ("shard", ">i2"),
    ("id", "V16"),
    ("seq", ">i8"),
    ("debit", "V16"),
    ("credit", "V16"),
    ("amount", ">i8"),
    ("book", ">i2"),
    ("kind", ">i4"),
    ("flags", ">i2"),
    ("pending_id", "V16"),
    ("timeout", ">i8"),
    ("voucher", "V16"),
    ("reverses", "V16"),
    ("memo", "V16"),
    ("business_date", ">i4"),
    ("posted_at", ">i8"),
    ("debit_balance", ">i8"),
    ("credit_balance", ">i8"),
    ("digest", "V16"),
]
NULLABLE = ("pending_id", "reverses", "memo")  # where the id that means none is NULL
REFUSAL = [
    ("shard", ">i2"),
    ("id", "V16"),
    ("result", ">i2"),
    ("seq", ">i8"),
    ("refused_at", ">i8"),
    ("digest", "V16"),
]
PAGE = [
    ("shard", ">i2"),
    ("account", "V16"),
    ("seq", ">i8"),
    ("first_seq", ">i8"),
    ("business_date", ">i4"),
    ("debit_sum", ">i8"),
    ("credit_sum", ">i8"),
    ("debits", ">i8"),
    ("credits", ">i8"),
    ("debits_pending", ">i8"),
    ("credits_pending", ">i8"),
]
LINES = [
    ("bytes", ">i4"),
    ("dimensions", ">i4"),
    ("nulls", ">i4"),
    ("element", ">i4"),
    ("length", ">i4"),
    ("from", ">i4"),
]
INT4 = 23  # the type's oid

Columns = Sequence[tuple[str, str]]


def names(columns: Columns) -> list[str]:
    """Return the columns' names, in the order of the payload."""
    return [name for name, _ in columns]


def filled(columns: Columns, count: int, nulls: Sequence[str] = (), more: Columns = ()) -> npt.NDArray[Any]:
    """Return an array of `count` rows with everything in it but the values; a field of `nulls` has none.

    `more` is a last field, which the caller fills in together with its length.
    """
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, type_ in columns:
        layout.append((f"{name} length", ">i4"))
        if name not in nulls:
            layout.append((name, type_))
    array = np.zeros(count, np.dtype([*layout, *more]))
    array["fields"] = len(columns) + bool(more)
    for name, type_ in columns:
        array[f"{name} length"] = -1 if name in nulls else np.dtype(type_).itemsize
    return array


def transfers(rows: Records, shard: int, at: int) -> bytes:
    """Return the payload of a batch's rows (ROW), posted at moment `at`: in groups with the same fields NULL."""
    absent = np.array([_is_none(rows[name]) for name in NULLABLE])
    parts = [HEADER]
    for which in product((True, False), repeat=len(NULLABLE)):
        chosen = np.all(np.array(which) == absent.T, axis=1)
        if chosen.any():
            parts.append(_transfers(rows if chosen.all() else rows[chosen], which, shard, at))
    return b"".join([*parts, TRAILER])


def _is_none(ids: Records) -> npt.NDArray[np.bool_]:
    none: npt.NDArray[np.bool_] = np.logical_not(
        np.ascontiguousarray(ids).view(np.uint64).reshape(-1, 2).any(axis=1)
    )
    return none


def _transfers(rows: Records, none: Sequence[bool], shard: int, at: int) -> bytes:
    nulls = [name for name, is_none in zip(NULLABLE, none, strict=True) if is_none]
    payload = filled(TRANSFER, len(rows), nulls)
    constant = {"shard": shard, "posted_at": at - MICROS_0}
    for name, _ in TRANSFER:
        if name in constant:
            payload[name] = constant[name]
        elif name not in nulls:
            payload[name] = rows[name]
    payload["business_date"] -= DAY_0
    return payload.tobytes()


def refusals(made: Records, shard: int, at: int) -> bytes:
    """Return the payload of a batch's refusals, refused at moment `at`."""
    payload = filled(REFUSAL, len(made))
    payload["shard"], payload["refused_at"] = shard, at - MICROS_0
    for name in ("id", "result", "seq", "digest"):
        payload[name] = made[name]
    return HEADER + payload.tobytes() + TRAILER


def or_none(id_: bytes) -> bytes | None:
    """Return None for the id that means none, as the tables have it."""
    return None if id_ == NONE else id_
