"""Reads a channel's CSV file by a map of columns. For the layout of another contract, the map changes, not the code.

The layouts of ChinaUMS, Lakala, EPCC and the generic bank are not public [G]; what the connectors read is a convention
between this platform and its sandbox banks:

- the first line holds the columns' names, in any order; a name that the map does not know is neither read nor kept;
- the last line is `#,count=<rows>,<column>=<sum>…` with the sums that the layout asks for. Without it the file is
incomplete; if counts or sums do not agree, or a cell that is summed cannot be read, the file is refused.

A row in which another cell cannot be read becomes a line that is `unread`; a text may hold any bytes. Every error is a
`MalformedMessage` that names line and column.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zhangfang.channels import unread
from zhangfang.channels.cells import Convert, text
from zhangfang.channels.port import FileLine, MalformedMessage
from zhangfang.kernel.text.texts import storable

MAX_BYTES = 64 * 1024 * 1024
_FOOTER = "#"
# utf-8-sig is UTF-8 that may begin with a byte order mark. Bytes that are no text become escapes such as \xb0, which no
# strict cell takes; in neither encoding can they swallow a comma, a quote or a line end.
ENCODINGS = {"UTF-8": "utf-8-sig", "GB18030": "gb18030"}


class Column(NamedTuple):
    """How a column is read: the field's name, its conversion, and how its text is stored (personal data: masked)."""

    field: str
    convert: Convert = text
    shown: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's columns by their names in it, its encoding (a key of ENCODINGS), and which sums its last line has."""

    columns: Mapping[str, Column]
    totals: Sequence[str] = ()
    encoding: str = "UTF-8"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, its converted fields, and its text as it may be stored (the map's columns).

    `wrong` says of each cell that could not be read what was wrong; its field is not in `values`.
    """

    line_no: int
    values: Mapping[str, Any]
    raw: str
    names: Mapping[str, str] = field(repr=False)
    wrong: Mapping[str, str] = field(default_factory=dict)

    def fault(self, field_name: str, allowed: str) -> MalformedMessage:
        """Return the error for a field that does not fit the rest of its row."""
        return MalformedMessage(f"line {self.line_no}, column {self.names[field_name]}: allowed: {allowed}")

    def file_line(self) -> FileLine:
        """Return the row as a line of a reconciliation file; its fields are named as FileLine's."""
        return FileLine(line_no=self.line_no, raw=self.raw, **self.values)


def lines(data: bytes, layout: Layout, line: Callable[[Row], FileLine]) -> tuple[FileLine, ...]:
    """Return the lines of a whole file; `line` makes one of a row. Raises `MalformedMessage`."""

    def whole(row: Row) -> FileLine:
        if row.wrong:
            raise MalformedMessage(next(iter(row.wrong.values())))
        return line(row)

    return unread.lines(read(data, layout), whole)


def read(data: bytes, layout: Layout) -> list[Row]:
    """Return the rows of a whole file. Raises `MalformedMessage`."""
    cells = _cells(_decoded(data, layout.encoding))
    _, header = next(cells, (0, []))
    places = _places(header, layout)
    names = {column.field: name for name, column in layout.columns.items()}
    sums = {"count": 0} | dict.fromkeys(layout.totals, 0)
    rows: list[Row] = []
    for line_no, row in cells:
        if row[0] == _FOOTER:
            _check_footer(line_no, row[1:], sums)
            if next(cells, None) is not None:
                raise MalformedMessage(f"line {line_no}: the sums are not the last line")
            return rows
        read_row = _row(line_no, row, header, places, names)
        rows.append(read_row)
        sums["count"] += 1
        for name in layout.totals:
            summed = layout.columns[name].field
            if summed in read_row.wrong:
                raise MalformedMessage(read_row.wrong[summed])
            sums[name] += read_row.values[summed]
    raise MalformedMessage("the file ends without a line of counts and sums: it is not complete")


def _decoded(data: bytes, encoding: str) -> str:
    if len(data) > MAX_BYTES:
        raise MalformedMessage(f"{len(data)} bytes; at most {MAX_BYTES} are read")
    return storable(data.decode(ENCODINGS[encoding], "backslashreplace"))


def _cells(whole: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and cells; lines with nothing on them are passed over."""
    reader = csv.reader(io.StringIO(whole, newline=""), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise MalformedMessage(f"line {reader.line_num}: no CSV ({error})") from None
        if row is None:
            return
        if row:
            yield reader.line_num, row


def _places(header: Sequence[str], layout: Layout) -> list[tuple[int, Column]]:
    """Return the place of each column of the map in a row."""
    named = [name.strip() for name in header]
    for name in layout.columns:
        if named.count(name) != 1:
            raise MalformedMessage(f"line 1: the column {name} is there {named.count(name)} times, not once")
    return [(named.index(name), column) for name, column in layout.columns.items()]


def _row(
    line_no: int,
    row: Sequence[str],
    header: Sequence[str],
    places: Sequence[tuple[int, Column]],
    names: Mapping[str, str],
) -> Row:
    if len(row) != len(header):
        raise MalformedMessage(f"line {line_no}: {len(row)} columns, the first line has {len(header)}")
    values, wrong = {}, {}
    for place, (name, convert, _) in places:
        try:
            values[name] = convert(row[place])
        except ValueError as error:
            got = f"{len(row[place])} characters"
            wrong[name] = f"line {line_no}, column {names[name]}: got {got}; allowed: {error}"
    return Row(line_no, values, ",".join(column.shown(row[place]) for place, column in places), names, wrong)


def _check_footer(line_no: int, cells: Sequence[str], sums: Mapping[str, int]) -> None:
    """Raise unless the last line has exactly the counts and sums of the lines above."""
    said = dict(cell.partition("=")[::2] for cell in cells)
    if len(said) != len(cells) or said.keys() != sums.keys():
        raise MalformedMessage(f"line {line_no}: the last line must have {', '.join(sums)}, each once")
    for name, counted in sums.items():
        if said[name] != str(counted):
            raise MalformedMessage(f"line {line_no}, {name}: is not the {counted} of the lines above")
