"""Reads bank statements in SWIFT MT940 (Customer Statement Message): docs/reference/bills.md has the sources.

A statement may come as several messages, its pages: 60F to 62M, 60M to 62M, 60M to 62F. Only accounts in CNY are read.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from zhangfang.bills.model import BillRefused, Statement
from zhangfang.bills.movements import Entry, content, fen, whole
from zhangfang.kernel.text.sheets import no_text

_TAG = re.compile(r":(\d{2}[A-Z]?):(.*)")
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})([\d,]{1,15})")
_LINE = re.compile(
    r"(\d{6})(\d{4})?(R?[CD])[A-Z]?(\d[\d,]{0,14})[A-Z][A-Z0-9]{3}([^\n]{0,16}?)(?://([^\n]{0,16}))?(?:\n(.{0,34}))?"
)
_LINES_AROUND = ("20", "21", "25", "28C", "28", "60F", "60M", "62F", "62M", "64", "65")
_NOTHING = ("", "NONREF")


class Field(NamedTuple):
    """A field: the number of its line, its tag, and its text, continuation lines after line ends."""

    line: int
    tag: str
    text: str


def read_mt940(source: Path) -> list[Statement]:
    """Return the statements of a file, in its order. Raises `BillRefused`."""
    data = content(source)
    if (what := no_text(data)) or b"\0" in data[:4096]:
        raise BillRefused(
            f"the file is {what or 'text in UTF-16 or no text at all'}; allowed: MT940 in ASCII, UTF-8 or GBK"
        )
    pages = [_Page(fields) for fields in _messages(_decoded(data))]
    if not pages:
        raise BillRefused("the file has no field :20:; allowed: MT940")
    made: list[Statement] = []
    while pages:
        several = [pages.pop(0)]
        while not several[-1].is_last:
            if not pages:
                raise BillRefused(f"statement {several[0].number}: ends without :62F:; it is not complete")
            several.append(pages.pop(0))
        made.append(_statement(several))
    return made


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", "backslashreplace")


def _messages(text: str) -> Iterator[list[Field]]:
    """Yield the fields of each message: it begins with :20:. Envelope blocks and the end mark `-` are passed over."""
    fields: list[Field] = []
    for number, whole_line in enumerate(text.split("\n"), 1):
        line = re.sub(r"^(\{[^}]*\})*\{4:", "", whole_line).strip("\r\x01\x03")
        if (line.startswith("-") and line.strip("-}") == "") or not line:
            continue
        if found := _TAG.match(line):
            if found[1] == "20" and fields:
                yield fields
                fields = []
            fields.append(Field(number, found[1], found[2].strip()))
        elif fields:
            last = fields[-1]
            fields[-1] = last._replace(text=f"{last.text}\n{line}")
        elif not line.startswith("{"):
            raise BillRefused(f"line {number}: text before the field :20:")
    if fields:
        yield fields


class _Page:
    """One message: its account and number, balances and movements, checked as far as one message can be."""

    def __init__(self, fields: Sequence[Field]) -> None:
        first = fields[0]
        if first.tag != "20":
            raise BillRefused(f"line {first.line}: the field :{first.tag}: before :20:")
        for field in fields:
            if field.tag not in (*_LINES_AROUND, "61", "86"):
                raise BillRefused(f"line {field.line}: the field :{field.tag}:, which MT940 does not have")
        self.account = _only(fields, "25").text
        number = _only(fields, "28C", "28").text
        self.number, _, self.page = number.partition("/")
        opening, closing = _only(fields, "60F", "60M"), _only(fields, "62F", "62M")
        self.is_first, self.is_last = opening.tag == "60F", closing.tag == "62F"
        self.opening, self.closing = _balance(opening), _balance(closing)
        self.line = first.line
        self.movements = list(_movements(fields))


def _only(fields: Sequence[Field], *tags: str) -> Field:
    found = [field for field in fields if field.tag in tags]
    if len(found) != 1:
        names = " or ".join(f":{tag}:" for tag in tags)
        raise BillRefused(
            f"line {fields[0].line}: the message has {names} {len(found)} times, not once: it is not complete"
        )
    return found[0]


def _movements(fields: Sequence[Field]) -> Iterator[tuple[Field, str]]:
    """Yield each :61: with the text of the :86: that follows it."""
    for field, after in zip(fields, [*fields[1:], None], strict=True):
        if field.tag == "61":
            yield field, after.text.replace("\n", "") if after is not None and after.tag == "86" else ""


def _statement(pages: Sequence[_Page]) -> Statement:
    first = pages[0]
    place = f"statement {first.number}"
    if not first.is_first:
        raise BillRefused(f"{place}, line {first.line}: begins with :60M:; its first page is missing")
    for before, page in pairwise(pages):
        if page.is_first or (page.account, page.number) != (first.account, first.number):
            raise BillRefused(f"{place}, line {page.line}: another statement before :62F:; a page is missing")
        if page.opening != before.closing:
            raise BillRefused(
                f"{place}, line {page.line}: :60M: is not the :62M: of the page before; a page is missing"
            )
    every = [one for page in pages for one in page.movements]
    entries = [_entry(field, text, first.number, n) for n, (field, text) in enumerate(every, 1)]
    return whole(first.number, first.account, first.opening, pages[-1].closing, entries)


def _entry(field: Field, text: str, number: str, n: int) -> Entry:
    place = f"line {field.line}"
    found = _LINE.fullmatch(field.text)
    if found is None:
        raise BillRefused(f"{place}: a field :61: of {len(field.text)} characters; allowed: as in MT940")
    value, entered, mark, amount, ours, theirs, more = found.groups("")
    ours, theirs = ours.strip(), theirs.strip()
    return Entry(
        place=place,
        sequence=theirs or f"{number}-{n}",
        booked=_booked(value, entered, place),
        amount=_fen(amount, place),
        credit=mark in ("C", "RD"),
        reference="" if ours in _NOTHING else ours,
        text=text or more,
        reversal=mark.startswith("R"),
    )


def _balance(field: Field) -> int:
    found = _BALANCE.fullmatch(field.text)
    if found is None or found[3] != "CNY":
        raise BillRefused(
            f"line {field.line}: a balance :{field.tag}: of {len(field.text)} characters; allowed: in CNY"
        )
    return _fen(found[4], f"line {field.line}") * (1 if found[1] == "C" else -1)


def _fen(text: str, place: str) -> int:
    whole_, comma, part = text.partition(",")
    if not comma:
        raise BillRefused(
            f"{place}: an amount without a comma; allowed: yuan, a comma, and at most two decimals"
        )
    return fen(f"{whole_}.{part}", place)


def _booked(value: str, entered: str, place: str) -> date:
    """Return the entry date (MMDD), in the year that is next to the value date (YYMMDD); without one, the value date."""
    try:
        day = _day(value)
        if not entered:
            return day
        years = (day.year - 1, day.year, day.year + 1)
        near = [_day(f"{year % 100:02d}{entered}") for year in years if not _leap(entered) or year % 4 == 0]
        return min(near, key=lambda one: abs(one - day))
    except ValueError:
        raise BillRefused(f"{place}: a date that there is not") from None


def _leap(entered: str) -> bool:
    return entered == "0229"


def _day(text: str) -> date:
    return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
