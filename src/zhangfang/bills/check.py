"""Checks a column map before anything is read by it: every fault names the field or the column, and what is allowed."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from zhangfang.bills.model import FILE_FIELDS, MEANS, STATEMENT_FIELDS, WAYS, ColumnMap
from zhangfang.bills.totals import PLACES, places_of
from zhangfang.channels.port import Operation
from zhangfang.kernel.errors import InvalidInput

MOST_BYTES = 64 * 1024  # of a map as JSON
MOST_COLUMNS = 200
_MOST_TEXT = 200
_MOST_WIDTH = 2_000
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NEEDED = {"file": ("order_no", "amount", "time"), "statement": ("sequence", "time", "balance")}
_TIME = re.compile(r"(?:%[YmdHMS]|[-/.: 年月日时分秒T])+")
_DAY_PARTS = ("%Y", "%m", "%d")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def read_map(text: bytes | str) -> ColumnMap:
    """Return the map that a JSON text holds. Raises `InvalidInput`."""
    if len(text) > MOST_BYTES:
        raise InvalidInput("map", f"{len(text)} bytes", f"at most {MOST_BYTES}")
    try:
        made = msgspec.json.decode(text, type=ColumnMap)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput("map", f"no map ({error})", "JSON with the fields of a column map") from None
    return checked(made)


def checked(one: ColumnMap) -> ColumnMap:
    """Return the map if nothing is wrong with it. Raises `InvalidInput` with the first fault."""
    for fault in faults(one):
        raise fault
    return one


def faults(one: ColumnMap) -> Iterator[InvalidInput]:
    """Yield all that is wrong with a map."""
    if not _NAME.fullmatch(one.name):
        yield InvalidInput(
            "name", f"{len(one.name)} characters", "a to z, 0 to 9 and -, at most 40, a letter first"
        )
    yield from _texts(one)
    yield from _columns(one)
    yield from _words(one)
    if not _TIME.fullmatch(one.time) or any(one.time.count(part) != 1 for part in _DAY_PARTS):
        yield InvalidInput(
            "time", f"{len(one.time)} characters", "%Y, %m and %d once each; %H %M %S and - / . : between"
        )
    if not _HOUR.fullmatch(one.day_begins):
        yield InvalidInput(
            "day_begins", f"{len(one.day_begins)} characters", "HH:MM in China time; 23:00 is the day before"
        )
    for template in one.totals:
        if not (places := places_of(template)) or not places <= PLACES:
            allowed = ", ".join(f"{{{place}}}" for place in sorted(PLACES))
            yield InvalidInput("totals", "a line without a number of ours in it", f"texts with {allowed}")


def _texts(one: ColumnMap) -> Iterator[InvalidInput]:
    if len(one.delimiter) != 1 or one.delimiter in '"\r\n' or not one.delimiter.isascii():
        yield InvalidInput(
            "delimiter", f"{len(one.delimiter)} characters", "one ASCII character, such as , or a tab"
        )
    if one.quote not in ("", '"'):
        yield InvalidInput("quote", f"{len(one.quote)} characters", '" or nothing')
    if (one.format == "fixed") != bool(one.widths):
        yield InvalidInput(
            "widths", f"{len(one.widths)} widths", "one for each column of a fixed text, else none"
        )
    if len(one.widths) > MOST_COLUMNS or any(not 1 <= width <= _MOST_WIDTH for width in one.widths):
        yield InvalidInput(
            "widths", "a number out of range", f"1 to {_MOST_WIDTH}, at most {MOST_COLUMNS} of them"
        )
    if one.widths and one.quote != '"':
        yield InvalidInput("quote", "none", '" in a fixed text: a cell may hold a delimiter')
    if not 0 <= one.skip <= 1000:
        yield InvalidInput("skip", "a number out of range", "0 to 1000 lines")
    for field in ("sheet", "head", "foot", "strip"):
        if len(getattr(one, field)) > _MOST_TEXT or "\n" in getattr(one, field):
            yield InvalidInput(
                field, f"{len(getattr(one, field))} characters", f"at most {_MOST_TEXT} in one line"
            )


def _columns(one: ColumnMap) -> Iterator[InvalidInput]:
    allowed = FILE_FIELDS if one.kind == "file" else STATEMENT_FIELDS
    if not 1 <= len(one.columns) <= MOST_COLUMNS:
        yield InvalidInput("columns", f"{len(one.columns)} columns", f"1 to {MOST_COLUMNS}")
    for column in one.columns:
        if column.field not in allowed:
            yield InvalidInput(f"column {column.name}", f"the field {column.field[:40]}", ", ".join(allowed))
        if not 1 <= len(column.name) <= _MOST_TEXT:
            yield InvalidInput("column", f"a heading of {len(column.name)} characters", f"1 to {_MOST_TEXT}")
        if not one.header and not column.name.isdecimal():
            yield InvalidInput(
                f"column {column.name}", "a heading", "a number from 1, since the file has no header row"
            )
    yield from _twice("field", [column.field for column in one.columns], "one column to a field",
                      [column.name for column in one.columns])  # fmt: skip
    yield from _twice("column", [column.name for column in one.columns], "one field to a column",
                      [column.field for column in one.columns])  # fmt: skip
    for field in _NEEDED[one.kind]:
        if one.column(field) is None:
            yield InvalidInput(field, "no column", f"a column that holds {field}")
    yield from _amounts(one)


def _twice(what: str, keys: Sequence[str], allowed: str, others: Sequence[str]) -> Iterator[InvalidInput]:
    for key, count in Counter(keys).items():
        if count > 1:
            held = ", ".join(other for name, other in zip(keys, others, strict=True) if name == key)
            yield InvalidInput(f"{what} {key}", f"{count} of them: {held}", allowed)


def _amounts(one: ColumnMap) -> Iterator[InvalidInput]:
    """A movement has one amount, and something says its direction."""
    if one.kind == "file":
        if one.column("refund_amount") and not one.column("operation"):
            yield InvalidInput(
                "refund_amount", "no column for operation", "a column that tells refunds from payments"
            )
        return
    two = [field for field in ("amount_in", "amount_out") if one.column(field)]
    if one.column("amount"):
        if two:
            yield InvalidInput(
                "amount", f"a column beside {', '.join(two)}", "one column, or one for each direction"
            )
        if not one.column("direction") and not one.signed:
            yield InvalidInput("direction", "no column", "a column with the direction, or `signed` amounts")
    elif len(two) != 2:
        yield InvalidInput(
            "amount", "no column", "a column for amount, or one each for amount_in and amount_out"
        )


def _words(one: ColumnMap) -> Iterator[InvalidInput]:
    for field, allowed in (("operation", MEANS), ("direction", WAYS)):
        words = [word for word in one.words if word.field == field]
        if one.column(field) and not words:
            yield InvalidInput(
                f"words of {field}", "none", f"each word of its column, as one of {', '.join(allowed)}"
            )
        if words and not one.column(field):
            yield InvalidInput(field, "no column", f"a column that holds the {len(words)} words of the map")
        for word in words:
            if word.means not in allowed or not 1 <= len(word.word) <= _MOST_TEXT:
                yield InvalidInput(
                    f"word {word.word[:40]}", f"the meaning {word.means[:40]}", ", ".join(allowed)
                )
        yield from _twice(
            f"word of {field}", [word.word for word in words], "each word once", [w.means for w in words]
        )
    if one.kind == "file":
        for field in ("incoming", "outgoing"):
            if getattr(one, field) not in [operation.value for operation in Operation]:
                yield InvalidInput(field, f"{len(getattr(one, field))} characters", ", ".join(Operation))
