"""What a column map says, and what the readers give: a channel's file as a CSV on disk, a bank's statement as objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from zhangfang.channels.port import MalformedMessage, Operation, StatementLine


class BillRefused(MalformedMessage):
    """A file is wrong as a whole. The text names the place and what is allowed; nothing of the file is stored."""


class Means(NamedTuple):
    """What a word of the operation column stands for. `credit` None: another column, or the amount's sign, says it."""

    operation: Operation | None
    credit: bool | None
    adjustment: bool = False


MEANS: Mapping[str, Means] = {
    "purchase": Means(Operation.PURCHASE, True),
    "collection": Means(Operation.COLLECTION, True),
    "refund": Means(Operation.REFUND, False),
    "void": Means(Operation.VOID, False),
    "payout": Means(Operation.PAYOUT, False),
    "return": Means(Operation.PAYOUT, True, adjustment=True),
    "adjustment": Means(None, None, adjustment=True),
}
WAYS: Mapping[str, bool] = {"in": True, "out": False}

FILE_FIELDS = (
    "order_no", "channel_ref", "amount", "fee", "time", "operation", "direction", "original_order_no",
    "refund_no", "refund_ref", "refund_amount", "note",
)  # fmt: skip
STATEMENT_FIELDS = (
    "sequence", "time", "amount", "direction", "amount_in", "amount_out", "balance", "reference", "request_no",
    "counterparty", "text",
)  # fmt: skip


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column by its heading (its number from 1 where there is no header row), and the field that it holds."""

    name: str
    field: str


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A word of the column `operation` or `direction`, and what it means: a key of MEANS, or `in` or `out`."""

    field: Literal["operation", "direction"]
    word: str
    means: str


class ColumnMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one layout of files is read; docs/operate/files.md explains each field.

    `head` and `foot` are the first characters of the lines before the header row and of the first line after the table.
    `widths` are those of the columns of a `fixed` text, where a Chinese character has two, as in GBK.
    `totals` are the lines there that hold the file's own totals, with `{count}` and the like where the numbers stand.
    """

    name: str
    kind: Literal["file", "statement"] = "file"
    format: Literal["csv", "fixed", "xlsx"] = "csv"
    encoding: Literal["utf-8", "gb18030", "utf-16"] = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    widths: tuple[int, ...] = ()
    sheet: str = ""
    skip: int = 0
    head: str = ""
    header: bool = True
    foot: str = ""
    strip: str = ""
    columns: tuple[Column, ...]
    words: tuple[Word, ...] = ()
    incoming: str = "purchase"
    outgoing: str = "refund"
    unit: Literal["yuan", "fen"] = "yuan"
    signed: bool = False
    fee_sign: Literal["plus", "minus"] = "plus"
    time: str = "%Y-%m-%d %H:%M:%S"
    day_begins: str = "00:00"
    totals: tuple[str, ...] = ()

    def column(self, field: str) -> str | None:
        """Return the heading of the column that holds a field; None: no column does."""
        return next((one.name for one in self.columns if one.field == field), None)


CANONICAL = (
    "line_no", "order_no", "channel_ref", "operation", "amount", "credit", "fee", "adjustment", "original_order_no",
    "note", "raw", "unread",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bill:
    """A channel's file of one date, read: `path` is a CSV in UTF-8 with the columns CANONICAL, those of `file_line`.

    Sums are fen; `unread` is the number of rows that could not be understood. `digest` is the SHA-256 of the bytes as
    they came, so that the same bytes are known again.
    """

    path: Path
    digest: str
    lines: int
    pay_in: int
    pay_out: int
    fee: int
    unread: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a bank account: balances are fen, below zero for a debt; its lines add up to their difference."""

    number: str
    account: str
    opening: int
    closing: int
    lines: Sequence[StatementLine]
