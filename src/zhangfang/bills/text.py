"""Takes a text file of any size apart as a stream: lines before the table, its header row, its rows, lines after it.

The rows are written to a file in UTF-8, each with its line number before it, for `table` to read. Bytes that are no text
in the map's encoding become escapes such as `\\xb0`, which no number or amount can hold.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import IO

from zhangfang.bills.model import BillRefused, ColumnMap
from zhangfang.kernel.text.sheets import no_text

MOST_BYTES = 4 * 1024**3
MOST_ROWS = 20_000_000
MOST_AROUND = 200  # lines before the table, and after it
_LINE = 64 * 1024  # characters of one line
_LOOK = 64 * 1024  # bytes that are looked at to tell encodings apart
_CODECS = {"utf-8": "utf-8-sig", "gb18030": "gb18030", "utf-16": "utf-16"}


@dataclass(slots=True)
class Plain:
    """A table taken out of its file: the headings with their column numbers, its rows on disk, and the lines around it."""

    path: Path
    headings: Sequence[str] = ()
    rows: int = 0
    around: list[str] = field(default_factory=list)


def take_apart(source: Path, one: ColumnMap, plain: Path, most_rows: int = MOST_ROWS) -> Plain:
    """Write the rows of a text file to `plain`; return what else was found. Raises `BillRefused`."""
    if (size := source.stat().st_size) > MOST_BYTES:
        raise BillRefused(f"{size} bytes; at most {MOST_BYTES} are read")
    with source.open("rb") as raw:
        check_encoding(raw.read(_LOOK), one.encoding)
        raw.seek(0)
        text = io.TextIOWrapper(raw, _CODECS[one.encoding], errors="backslashreplace", newline=None)
        made = Plain(plain)
        with plain.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            _copy(_numbered(text), one, made, out, most_rows)
        text.detach()
    return made


def first_rows(source: Path, one: ColumnMap, most: int) -> list[list[str]]:
    """Return the cells of the first lines that hold something. Raises `BillRefused`."""
    with source.open("rb") as raw:
        check_encoding(raw.read(_LOOK), one.encoding)
        raw.seek(0)
        text = io.TextIOWrapper(raw, _CODECS[one.encoding], errors="backslashreplace", newline=None)
        found = [_parted(line, one) for _, line in islice(_numbered(text), most)]
        text.detach()
    return found


def check_encoding(begin: bytes, encoding: str) -> None:
    """Raise `BillRefused` if the first bytes show that the file is something else than the map says."""
    what = no_text(begin)
    if what.startswith("text in UTF-16") and encoding == "utf-16":
        return
    if not what and encoding != "utf-16" and b"\0" in begin:
        what = "text in UTF-16 or no text at all"
    if not what and encoding == "gb18030" and not begin.isascii() and _decodes(begin, "utf-8"):
        what = "text in UTF-8"
    if not what and encoding == "utf-8" and not _decodes(begin, "utf-8") and _decodes(begin, "gb18030"):
        what = "text in GBK (GB18030)"
    if not what and not begin.strip():
        what = "nothing"
    if what:
        raise BillRefused(f"the file is {what}; allowed: text in {encoding}, as the map says")


def _decodes(begin: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(begin)  # the last character may be cut off
    except UnicodeDecodeError:
        return False
    return True


def _numbered(text: IO[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, without their ends; blank ones are passed over."""
    number = 0
    while line := text.readline(_LINE):
        number += 1
        if len(line) == _LINE and not line.endswith("\n"):
            raise BillRefused(f"line {number}: longer than {_LINE} characters")
        if line.strip():
            yield number, line.rstrip("\n").replace("\0", "\\x00")


def _copy(lines: Iterator[tuple[int, str]], one: ColumnMap, made: Plain, out: IO[str], most: int) -> None:
    begun, record = False, ""
    for number, line in lines:
        if not begun and (number <= one.skip or (one.head and line.startswith(one.head))):
            _around(made, line)
            continue
        if not begun:
            begun, cells = True, _parted(line, one)
            made.headings = cells if one.header else [str(n + 1) for n in range(len(cells))]
            if one.header:
                continue
        if not record and _foot(one, line):
            _around(made, line)
            for _, rest in lines:
                _around(made, rest)
            break
        record = _record(line, one) if not record else f"{record} {line}"
        if (
            one.quote and not one.widths and record.count(one.quote) % 2
        ):  # a quoted cell goes on over the line's end
            if len(record) > _LINE:
                raise BillRefused(f"line {number}: a quoted cell has no end")
            continue
        _check_width(number, record, one, made)
        out.write(f"{number}{one.delimiter}{record}\n")
        record, made.rows = "", made.rows + 1
        if made.rows > most:
            raise BillRefused(f"line {number}: more than {most} rows")
    if not begun:
        raise BillRefused("the file has no header row: it is not complete, or of another layout")
    if record:
        raise BillRefused("the file ends inside a quoted cell: it is not complete")


def _check_width(number: int, record: str, one: ColumnMap, made: Plain) -> None:
    plain = not one.quote or one.quote not in record
    width = record.count(one.delimiter) + 1 if plain else len(cells_of(record, one))
    if width != len(made.headings):
        raise BillRefused(f"line {number}: {width} columns, and the header row has {len(made.headings)}")


def _record(line: str, one: ColumnMap) -> str:
    """Return a line of columns with fixed widths as one with delimiters; any other as it is."""
    if not one.widths:
        return line
    made = io.StringIO()
    csv.writer(made, delimiter=one.delimiter, quotechar=one.quote or None, lineterminator="").writerow(
        _parted(line, one)
    )
    return made.getvalue()


def _parted(line: str, one: ColumnMap) -> list[str]:
    """Return the cells of a line. What goes beyond the last fixed width is a cell too many, which is refused."""
    if not one.widths:
        return cells_of(line, one)
    held = line.encode("gb18030", "backslashreplace")
    ends = list(accumulate(one.widths))
    ends = [end for end, width in zip(ends, one.widths, strict=True) if end - width < len(held)]
    if len(held) > sum(one.widths):
        ends.append(len(held))
    cells = [held[begin:end].decode("gb18030", "backslashreplace") for begin, end in pairwise((0, *ends))]
    return [cell.strip(one.strip + " \t") for cell in cells]


def _foot(one: ColumnMap, line: str) -> bool:
    return bool(one.foot) and line.strip(one.strip + " ").startswith(one.foot)


def _around(made: Plain, line: str) -> None:
    made.around.append(line)
    if len(made.around) > MOST_AROUND:
        raise BillRefused(f"more than {MOST_AROUND} lines stand before or after the table")


def cells_of(line: str, one: ColumnMap) -> list[str]:
    """Return the cells of one line, without what the map strips."""
    if one.quote:
        found = next(csv.reader([line], delimiter=one.delimiter, quotechar=one.quote))
    else:
        found = line.split(one.delimiter)
    return [cell.strip(one.strip + " \t") for cell in found]
