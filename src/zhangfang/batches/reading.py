"""Reads a file as it arrives: bytes become lines, and lines become collections or problems. It is never held whole.

Blank rows are passed over and counted nowhere, but keep their number.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from zhangfang.batches.errors import SHOWN, BatchInvalid, Problem
from zhangfang.batches.model import Upload
from zhangfang.batches.rules import (
    LONGEST_LINE,
    MOST_BYTES,
    MOST_ITEMS,
    Line,
    Reader,
    csv_reader,
    json_reader,
    problem,
    wrong_totals,
)
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.sheets import no_text

# What a row may hold and still be blank: a spreadsheet writes ",,,," below its table.
_BLANK = {"csv": b', \t"', "jsonl": b" \t"}
Read = tuple[int, Line | Problem]  # the number of the line in the file, from 1, and its content


@dataclass(slots=True)
class Reading:
    """Reads one file. `feed` and `end` yield its lines; `check` compares the totals. Raises `BatchInvalid`."""

    upload: Upload
    count: int = 0
    amount: int = 0
    bad: int = 0
    unread: int = 0  # bad lines whose amount is not known
    problems: list[Problem] = field(default_factory=list)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _size: int = 0
    _line: int = 0
    _rest: bytes = b""
    _read: Reader | None = None
    _seen: set[str] = field(default_factory=set)

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the bytes so far."""
        return self._digest.digest()

    def feed(self, data: bytes) -> Iterator[Read]:
        """Take the next bytes and yield the lines that they complete."""
        self._digest.update(data)
        self._size += len(data)
        if self._size > MOST_BYTES:
            raise BatchInvalid([Problem(0, "file", "more", f"at most {MOST_BYTES} bytes")], 1)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)  # `_lines` refuses it, so that no longer line is ever held
            self._rest = b""
        return self._lines(lines)

    def end(self) -> Iterator[Read]:
        """Yield the last line, if no line end follows it."""
        rest, self._rest = self._rest, b""
        return self._lines([rest])

    def check(self) -> None:
        """Raise `BatchInvalid` if the totals are not as announced, or if there are bad lines and they are not allowed."""
        wrong = wrong_totals(self.upload, self.count, self.amount, all_read=not self.unread)
        if wrong or (self.bad and not self.upload.partial):
            found = sorted(self.problems, key=lambda one: one.line)
            raise BatchInvalid([*wrong, *found], len(wrong) + self.bad)

    def _lines(self, lines: list[bytes]) -> Iterator[Read]:
        for raw in lines:
            self._line += 1
            line = raw.removesuffix(b"\r")
            if self._line == 1:
                self._check_text(line)
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > LONGEST_LINE:
                shape, allowed = f"a line of more than {LONGEST_LINE} bytes", f"at most {LONGEST_LINE}"
                raise BatchInvalid([Problem(self._line, "line", shape, allowed)], 1)
            if line.strip(_BLANK[self.upload.form]) and (one := self._one(line)) is not None:
                yield self._line, one

    def _check_text(self, first: bytes) -> None:
        if what := no_text(first):
            raise BatchInvalid(
                [Problem(1, "file", what, "text in UTF-8; a spreadsheet saves it as CSV UTF-8")], 1
            )

    def _one(self, line: bytes) -> Line | Problem | None:
        """Return the content of a line, None for the header."""
        try:
            text = line.decode()
            if self._read is None:
                self._read = json_reader if self.upload.form == "jsonl" else self._header(text)
                if self.upload.form != "jsonl":
                    return None
            self._count()
            return self._good(self._read(text))
        except UnicodeDecodeError:
            self._count()
            self.unread += 1
            return self.note(Problem(self._line, "line", "bytes that are not UTF-8", "UTF-8"))
        except InvalidInput as error:
            self.unread += 1
            return self.note(problem(self._line, error))

    def _header(self, text: str) -> Reader:
        try:
            return csv_reader(text)
        except InvalidInput as error:
            raise BatchInvalid([problem(1, error)], 1) from None

    def _count(self) -> None:
        self.count += 1
        if self.count > MOST_ITEMS:
            raise BatchInvalid([Problem(self._line, "file", "more lines", f"at most {MOST_ITEMS} items")], 1)

    def _good(self, line: Line) -> Line:
        self.amount += line.amount
        if line.order_no in self._seen:
            raise InvalidInput("order_no", "the number of an earlier line", "another number for each line")
        self._seen.add(line.order_no)
        return line

    def note(self, bad: Problem) -> Problem:
        """Count a bad line, and keep the first ones to show them."""
        self.bad += 1
        if len(self.problems) < SHOWN:
            self.problems.append(bad)
        return bad
