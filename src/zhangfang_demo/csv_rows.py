"""Rows of a CSV that a person made: all of it is read, or none, and what is wrong is said by line.

An error names the line, the field, the shape of what came and what is allowed; values are never repeated in it.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.text.sheets import no_text

MAX_ROWS = 200_000
MAX_BYTES = 64 * 1024 * 1024  # 200,000 rows are some 25 MB
SHOWN = 20

Row = dict[str, str]
Problem = tuple[int, InvalidInput]  # the line of the file, counted from 1, and what is wrong there
T = TypeVar("T")


class OrdersInvalid(ZhangfangError):
    """The file is not as allowed, so nothing of it is done. `problems` are the first 20, in the order of lines."""

    def __init__(self, problems: Sequence[str], source: str = "the file") -> None:
        """List the problems, one a line; `source` is the file's name."""
        self.problems = list(problems[:SHOWN])
        lines = [f"{source} is not as allowed, so nothing of it was done:", *self.problems]
        if len(problems) > SHOWN:
            lines.append(f"and {len(problems) - SHOWN} more")
        super().__init__("\n".join(lines))


def read_rows(
    path: Path, columns: Sequence[str], optional: Sequence[str], make: Callable[[Row], T]
) -> tuple[dict[int, T], list[Problem]]:
    """Return what `make` makes of each row, by the row's line, and the rows that it refuses."""
    records = _records(path)
    _, header = next(records)
    if wrong := _wrong_header(header, columns, optional):
        raise invalid(path, [(1, InvalidInput("header", wrong, ",".join(columns)))])
    made: dict[int, T] = {}
    problems: list[Problem] = []
    for line, fields in records:
        try:
            if len(fields) != len(header):
                raise InvalidInput("row", f"{len(fields)} fields", f"{len(header)} fields, as in the header")
            made[line] = make(dict(zip(header, fields, strict=True)))
        except InvalidInput as error:
            problems.append((line, error))
    if not made and not problems:
        raise invalid(path, [(1, InvalidInput("file", "a header without rows", "at least one row"))])
    return made, problems


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line where it begins, the header first; blank rows are left out."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    start, count = 1, 0
    try:
        for fields in reader:
            if any(fields) or not count:
                yield start, fields
                count += 1
            if count > MAX_ROWS + 1:
                raise invalid(path, [(start, InvalidInput("file", "more rows", f"at most {MAX_ROWS} rows"))])
            start = reader.line_num + 1
    except csv.Error as error:
        problem = InvalidInput("row", f"what is no CSV ({error})", "quotes closed, fields up to 128 KB")
        raise invalid(path, [(start, problem)]) from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a NUL byte is a ValueError
        why = error.strerror if isinstance(error, OSError) else "no path"
        raise OrdersInvalid([f"file: got {why}; allowed: a CSV that can be read"], path.name) from None
    if len(data) > MAX_BYTES:
        raise OrdersInvalid([f"file: got more; allowed: at most {MAX_BYTES} bytes"], path.name)
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise OrdersInvalid(["file: got an empty file; allowed: a header and rows"], path.name)
    if what := no_text(data):
        raise OrdersInvalid([f"file: got {what}; allowed: a CSV in UTF-8"], path.name)
    if (at := data.find(b"\0")) >= 0:
        raise invalid(path, [(_line(data, at), InvalidInput("file", "a NUL byte", "text in UTF-8"))])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        allowed = "UTF-8, with or without byte order mark (in a spreadsheet: save as 'CSV UTF-8')"
        problem = InvalidInput("file", "bytes that are not UTF-8", allowed)
        raise invalid(path, [(_line(data, error.start), problem)]) from None


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _wrong_header(header: Sequence[str], columns: Sequence[str], optional: Sequence[str]) -> str:
    """Return what is wrong with a header, "" if nothing. It may be a row of data, so its words are not repeated."""
    for name, separator in (("semicolons", ";"), ("tabs", "\t"), ("bars", "|")):
        if len(header) == 1 and set(header[0].split(separator)) >= {*columns}:
            return f"columns parted by {name}; a comma parts them (in a spreadsheet: save as 'CSV UTF-8')"
    missing = [column for column in columns if column not in header]
    unknown = [str(at) for at, name in enumerate(header, 1) if name not in (*columns, *optional)]
    twice = [name for name in (*columns, *optional) if header.count(name) > 1]
    wrong = {"without": missing, "with an unknown column at position": unknown, "twice with": twice}
    return "; ".join(f"one {words} {', '.join(found)}" for words, found in wrong.items() if found)


def invalid(path: Path, problems: Iterable[Problem]) -> OrdersInvalid:
    """Return the error that lists the problems of a file by line."""
    found = sorted(problems, key=lambda problem: problem[0])
    return OrdersInvalid([f"line {line}: {error}" for line, error in found], path.name)
