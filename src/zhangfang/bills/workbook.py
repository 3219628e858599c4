"""Reads an XLSX: looked through first within bounds, then its rows, as text, go the way of any table.

An XLSX is a ZIP of XML. Before it is opened, its parts are checked: their number and unpacked size, macros, and the cells
of the sheet, since a single value in the last row of a sheet would make its reader fill a million rows in memory.
"""

import csv
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import IO, Any

from python_calamine import CalamineWorkbook

from zhangfang.bills.model import BillRefused, ColumnMap
from zhangfang.bills.text import MOST_AROUND, Plain

MOST_BYTES = 64 * 1024**2
MOST_UNPACKED = 512 * 1024**2
MOST_RATIO = 200  # unpacked to packed: tables of numbers have up to 30
MOST_PARTS = 500
MOST_CELLS = 10_000_000  # rows times columns, up to the last cell that holds something
_CHUNK = 1024 * 1024
_EXACT = 10**15  # from here on a spreadsheet's number has lost its last digits
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*[^/>])?>(<(?:\w+:)?f[\s/>])?")
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d+)"[^>]*>\s*<')
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_BAD = (zipfile.BadZipFile, ValueError, EOFError, OSError, RuntimeError, NotImplementedError)


def take_apart(source: Path, one: ColumnMap, plain: Path, most_rows: int = MOST_CELLS) -> Plain:
    """Write the rows of a workbook's sheet to `plain`, as `text.take_apart` does. Raises `BillRefused`."""
    formulas, rows = _opened(source, one)
    made = Plain(plain)
    with plain.open("w", encoding="utf-8", newline="") as out:
        _copy(_numbered(rows), one, made, out)
    if made.rows > most_rows:
        raise BillRefused(f"the sheet has {made.rows} rows; at most {most_rows} are read")
    _check_formulas(formulas, one, made)
    return made


def first_cells(source: Path, one: ColumnMap, most: int) -> list[list[str]]:
    """Return the cells of the first rows that hold something. Raises `BillRefused`."""
    return [cells for _, cells in islice(_numbered(_opened(source, one)[1]), most)]


def _opened(source: Path, one: ColumnMap) -> tuple[dict[int, str], list[list[Any]]]:
    """Return the formulas of a workbook, and the rows of its sheet."""
    try:
        formulas = _look_through(source)
        book = CalamineWorkbook.from_path(str(source))
        name = _sheet(book.sheet_names, one.sheet)
        return formulas, book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except BillRefused:
        raise
    except Exception as error:  # calamine raises several kinds of its own
        raise BillRefused(f"the file is no XLSX that can be read ({type(error).__name__})") from None


def _sheet(names: list[str], wanted: str) -> str:
    if not wanted and len(names) == 1:
        return names[0]
    if wanted not in names:
        raise BillRefused(f"the workbook has {len(names)} sheets, and none is chosen; allowed: a map with the sheet's name"
                          if not wanted else f"the workbook has no sheet named {wanted}")  # fmt: skip
    return wanted


def _look_through(source: Path) -> dict[int, str]:
    """Return the first cell with a formula of each column, by the column's number from 0. Raises `BillRefused`."""
    size = source.stat().st_size
    if size > MOST_BYTES:
        raise BillRefused(f"{size} bytes; at most {MOST_BYTES} of an XLSX are read")
    formulas: dict[int, str] = {}
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
            _check_parts(parts, size)
            left = MOST_UNPACKED
            for part in parts:
                with archive.open(part) as data:
                    sheet = part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml")
                    left -= _look_at_sheet(data, formulas) if sheet else _drained(data, left)
                if left < 0:
                    raise BillRefused(f"the workbook unpacks to more than {MOST_UNPACKED} bytes")
    except _BAD as error:
        raise BillRefused(f"the file is no XLSX: a damaged ZIP ({type(error).__name__})") from None
    return formulas


def _check_parts(parts: list[zipfile.ZipInfo], size: int) -> None:
    names = [part.filename for part in parts]
    if len(parts) > MOST_PARTS or len(set(names)) != len(names):
        raise BillRefused(f"the workbook has {len(parts)} parts; at most {MOST_PARTS}, each once, are read")
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise BillRefused("the workbook has macros (vbaProject.bin); allowed: one without")
    if "[Content_Types].xml" not in names:
        raise BillRefused("the file is a ZIP, and no workbook (XLSX)")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MOST_UNPACKED or unpacked > MOST_RATIO * max(size, 1):
        raise BillRefused(
            f"the workbook of {size} bytes unpacks to {unpacked}; at most {MOST_UNPACKED}, {MOST_RATIO} times"
        )


def _drained(data: IO[bytes], most: int) -> int:
    size = 0
    while size <= most and (part := data.read(_CHUNK)):
        size += len(part)
    return size


def _look_at_sheet(data: IO[bytes], formulas: dict[int, str]) -> int:
    """Return the size of a sheet; note its formulas. Raises `BillRefused` if it reaches too far."""
    size, rest, last, wide = 0, b"", 1, 1
    while part := data.read(_CHUNK):
        size += len(part)
        seen = rest + part
        if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
            raise BillRefused("a sheet of the workbook declares entities; allowed: none")
        cut = seen.rfind(b"<", 0, max(len(seen) - 512, 0)) if len(part) == _CHUNK else len(seen)
        seen, rest = (seen[:cut], seen[cut:]) if cut > 0 else (seen, b"")
        last = max([last, *(int(found[1]) for found in _ROW.finditer(seen))])
        for found in _CELL.finditer(seen):
            if place := _PLACE.search(found[1] or b""):
                column = _column(place[1])
                last, wide = max(last, int(place[2])), max(wide, column + 1)
                if found[2]:
                    formulas.setdefault(column, (place[1] + place[2]).decode())
            elif found[2]:
                raise BillRefused("a cell without a place holds a formula; allowed: values")
        if last * wide > MOST_CELLS:
            raise BillRefused(
                f"a sheet reaches to row {last} and column {wide}; at most {MOST_CELLS} cells are read"
            )
    return size


def _column(letters: bytes) -> int:
    """Return the number of a column from 0: A is 0, Z 25, AA 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _numbered(rows: list[list[Any]]) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(rows, 1):
        cells = [_cell(value) for value in row]
        if any(cells):
            yield number, cells


def _cell(value: Any) -> str:
    """Return a cell as text: times as ISO 8601 has them with a space, numbers with all their digits."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    if isinstance(value, float) and abs(value) >= _EXACT:
        return f"\\{value!r}"  # no number may hold a backslash: the row is unread
    return (
        str(value).strip().replace("\0", "\\x00").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    )


def _copy(rows: Iterator[tuple[int, list[str]]], one: ColumnMap, made: Plain, out: IO[str]) -> None:
    writer = csv.writer(out, delimiter=one.delimiter, lineterminator="\n")
    begun = False
    for number, cells in rows:
        first = cells[0].strip(one.strip + " ")
        if not begun and (number <= one.skip or (one.head and first.startswith(one.head))):
            made.around.append(_joined(cells))
            continue
        if not begun:
            begun, plain = True, [cell.strip(one.strip + " \t") for cell in cells]
            made.headings = plain if one.header else [str(n + 1) for n in range(len(cells))]
            if one.header:
                continue
        if one.foot and first.startswith(one.foot):
            made.around += [_joined(cells), *(_joined(rest) for _, rest in rows)]
            break
        writer.writerow([number, *cells])
        made.rows += 1
    if not begun:
        raise BillRefused("the sheet has no header row: it is not complete, or of another layout")
    if len(made.around) > MOST_AROUND:
        raise BillRefused(f"more than {MOST_AROUND} rows stand before or after the table")


def _joined(cells: list[str]) -> str:
    return ",".join(cells).rstrip(",")


def _check_formulas(formulas: dict[int, str], one: ColumnMap, made: Plain) -> None:
    """Refuse formulas in the columns of the map: what they show was computed by somebody else's program, or by none."""
    names = {column.name for column in one.columns}
    for at, place in sorted(formulas.items()):
        if at < len(made.headings) and made.headings[at] in names:
            raise BillRefused(f"cell {place}, column {made.headings[at]}: holds a formula; allowed: a value")
