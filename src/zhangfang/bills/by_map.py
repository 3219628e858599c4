"""Reads a bank's statement by a column map. Its proof is the column of balances: each must follow from the one before."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zhangfang.bills.apart import take_apart
from zhangfang.bills.model import WAYS, BillRefused, ColumnMap, Statement
from zhangfang.bills.movements import MOST_ENTRIES, Entry, whole
from zhangfang.bills.text import Plain, cells_of
from zhangfang.channels import cells
from zhangfang.kernel.clock import CHINA

_NOTHING = ("", "0", "0.00", "-")


def read_by_map(source: Path, one: ColumnMap) -> list[Statement]:
    """Return the one statement of a file. Raises `BillRefused`."""
    if one.kind != "statement":
        raise BillRefused(f"the map {one.name} reads channels' files; allowed: a map of bank statements")
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.csv"
        rows = _rows(take_apart(source, one, plain, MOST_ENTRIES), one)
    if not rows:
        raise BillRefused("the statement has no movement, so nothing proves its balance")
    return [_statement(rows, one)]


def _rows(plain: Plain, one: ColumnMap) -> list["_Row"]:
    for column in one.columns:
        if (times := list(plain.headings).count(column.name)) != 1:
            raise BillRefused(f"the column {column.name} is there {times} times in the header row, not once")
    places = {column.field: list(plain.headings).index(column.name) + 1 for column in one.columns}
    with plain.path.open(encoding="utf-8") as lines:
        held = [cells_of(line.rstrip("\n"), one) for line in lines]
    return [_Row(one, found[0], {field: found[at] for field, at in places.items()}) for found in held]


def _statement(rows: Sequence["_Row"], one: ColumnMap) -> Statement:
    """Return the statement; a bank that lists the newest movement first is read from the end."""
    for ordered in (rows, rows[::-1]):
        opening = ordered[0].balance - ordered[0].signed
        if all(after.follows(before) for before, after in pairwise(ordered)):
            number = f"{ordered[0].day:%Y%m%d}-{ordered[-1].day:%Y%m%d}"
            return whole(number, one.name, opening, ordered[-1].balance, [row.entry() for row in ordered])
    wrong = next(after.line for before, after in pairwise(rows) if not after.follows(before))
    raise BillRefused(
        f"line {wrong}: the balance does not follow from the row before: the statement is not complete"
    )


class _Row:
    """One row: its line in the file, and what its cells hold."""

    def __init__(self, one: ColumnMap, line: str, held: dict[str, str]) -> None:
        """Read the cells. Raises `BillRefused`, which names the line and the column."""
        self.line, self._map, self._held = line, one, held
        self.balance = self._fen("balance")
        self.booked = self._read("time", cells.moment(one.time))
        self.signed = self._movement()

    @property
    def day(self) -> date:
        """Return the day in China."""
        day: date = self.booked.astimezone(CHINA).date()
        return day

    def follows(self, before: "_Row") -> bool:
        """Whether the balance is the one of the row before, and this movement."""
        return bool(self.balance == before.balance + self.signed)

    def entry(self) -> Entry:
        """Return the movement."""
        texts = [self._held.get(name, "") for name in ("reference", "request_no", "counterparty", "text")]
        booked = self.booked if "%H" in self._map.time else self.day
        ours, request, other, text = texts
        way = self.signed > 0
        return Entry(
            f"line {self.line}",
            self._held["sequence"],
            booked,
            abs(self.signed),
            way,
            ours,
            request,
            other,
            text,
        )

    def _movement(self) -> int:
        """Return fen, below zero for what left the account."""
        if "amount" not in self._held:
            came, left = (self._fen(name, absent=True) for name in ("amount_in", "amount_out"))
            if (came == 0) == (left == 0):
                raise self._wrong("amount_in", "an amount in one of the two columns")
            return came - abs(left)
        amount = self._fen("amount")
        if "direction" in self._held:
            words = {word.word: WAYS[word.means] for word in self._map.words if word.field == "direction"}
            return abs(amount) if self._read("direction", cells.one_of(words)) else -abs(amount)
        return amount

    def _fen(self, field: str, *, absent: bool = False) -> int:
        cell = self._held[field].replace(",", "")
        if absent and cell in _NOTHING:
            return 0
        self._held[field] = cell
        made: int = self._read(field, cells.signed_yuan if self._map.unit == "yuan" else cells.signed_fen)
        return made

    def _read(self, field: str, convert: cells.Convert) -> Any:
        try:
            return convert(self._held[field])
        except ValueError as error:
            raise self._wrong(field, str(error)) from None

    def _wrong(self, field: str, allowed: str) -> BillRefused:
        column, got = self._map.column(field) or field, f"{len(self._held.get(field, ''))} characters"
        return BillRefused(f"line {self.line}, column {column}: got {got}; allowed: {allowed}")
