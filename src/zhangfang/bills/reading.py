"""Reads a channel's file of any size by a column map: whole and proven by its own totals, or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zhangfang.bills.apart import first_rows, take_apart
from zhangfang.bills.model import Bill, BillRefused, ColumnMap
from zhangfang.bills.table import Counted, table
from zhangfang.bills.text import Plain
from zhangfang.bills.totals import check_totals
from zhangfang.channels.unread import MOST

NUMBERS = 5_000  # order numbers that are compared with payments before a map is used
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """The totals of a file whose layout has none, as the bank's own page says. `sum` is fen in less fen out."""

    count: int
    sum: int


def read_file(source: Path, one: ColumnMap, day: date, target: Path, said: Said | None = None) -> Bill:
    """Read a file of the settlement date `day` into the CSV `target`. Raises `BillRefused`; then nothing is at `target`.

    `said` is needed where the map has no totals: a file is complete only with its own.
    """
    with TemporaryDirectory(dir=target.parent) as folder:
        plain = _apart(source, one, Path(folder) / "plain.csv")
        with table(plain, one, day) as found:
            counted = found.count()
            _check(plain, one, counted, said)
            draft = Path(folder) / "lines.csv"
            found.write(draft)
        draft.replace(target)
    return Bill(
        target, digest_of(source), counted.rows, counted.pay_in, counted.pay_out, counted.fee, counted.unread
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """What a file would become: first lines, order numbers, counts, lines around the table, and why it is refused."""

    lines: Sequence[Mapping[str, Any]]
    numbers: Sequence[str]
    counted: Counted
    around: Sequence[str]
    refused: str


def look(source: Path, one: ColumnMap, day: date, most: int, said: Said | None = None) -> Looked:
    """Read a file as `read_file` does, and keep nothing. Raises `BillRefused` where no row can be looked at."""
    with TemporaryDirectory() as folder:
        plain = _apart(source, one, Path(folder) / "plain.csv")
        with table(plain, one, day) as found:
            counted, refused = found.count(), ""
            try:
                _check(plain, one, counted, said)
            except BillRefused as error:
                refused = str(error)
            return Looked(found.first(most), found.numbers(NUMBERS), counted, plain.around, refused)


def raw_rows(source: Path, one: ColumnMap, most: int) -> list[list[str]]:
    """Return the first rows of a file as they stand, whatever they mean; of `one`, only the format counts."""
    return first_rows(source, one, most)


def digest_of(source: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    with source.open("rb") as data:
        while part := data.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def _apart(source: Path, one: ColumnMap, plain: Path) -> Plain:
    if one.kind != "file":
        raise BillRefused(f"the map {one.name} reads bank statements; allowed: a map of channels' files")
    return take_apart(source, one, plain)


def _check(plain: Plain, one: ColumnMap, counted: Counted, said: Said | None) -> None:
    """Raise `BillRefused` unless the rows are complete by the file's totals, and few enough of them are unread."""
    if counted.fatal:
        raise BillRefused(counted.fatal)
    if counted.unread and (counted.unread == counted.rows or counted.unread > MOST):
        raise BillRefused(
            f"{counted.unread} of {counted.rows} rows cannot be read; the first: {counted.first_unread}"
        )
    if one.totals:
        check_totals(
            one.totals, plain.around, counted.totals, fen=one.unit == "fen", fee_minus=one.fee_sign == "minus"
        )
    elif said is None:
        raise BillRefused(
            "the map has no line of totals; allowed: with the count and the sum that the bank states"
        )
    elif (said.count, said.sum) != (counted.rows, counted.totals["sum"]):
        has = f"the file has {counted.rows} and {counted.totals['sum']}"
        raise BillRefused(f"totals: {said.count} rows and {said.sum} fen were said, and {has}")
