"""A form's fields become a column map: for each field of a line the heading of its column, and for each word its meaning."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from zhangfang.bills import ColumnMap
from zhangfang.bills.check import faults
from zhangfang.bills.model import FILE_FIELDS, MEANS, STATEMENT_FIELDS, WAYS
from zhangfang.kernel.errors import InvalidInput

PLAIN = (
    "name", "kind", "format", "encoding", "delimiter", "quote", "sheet", "head", "foot", "strip", "unit", "fee_sign", "time",
    "day_begins",
)  # fmt: skip
CHOICES: Mapping[str, Sequence[str]] = {
    "format": ("csv", "fixed", "xlsx"),
    "encoding": ("utf-8", "gb18030", "utf-16"),
    "unit": ("yuan", "fen"),
    "fee_sign": ("plus", "minus"),
    "operation": tuple(MEANS),
    "direction": tuple(WAYS),
}
FIELDS: Mapping[str, Sequence[str]] = {"file": FILE_FIELDS, "statement": STATEMENT_FIELDS}
DEFAULTS: Mapping[str, str] = {
    "name": "", "kind": "file", "format": "csv", "encoding": "utf-8", "delimiter": ",",
    "quote": '"', "sheet": "", "skip": "0", "widths": "", "header": "yes", "head": "",
    "foot": "", "strip": "", "unit": "yuan", "signed": "", "fee_sign": "plus", "time": "%Y-%m-%d %H:%M:%S",
    "day_begins": "00:00", "totals": "", "count": "", "sum": "", "channel": "", "date": "", "reason": "",
}  # fmt: skip


def map_of(typed: Mapping[str, str]) -> ColumnMap:
    """Return the map that a form describes; it may have faults. Raises `InvalidInput` for what is no map at all."""
    held: dict[str, Any] = {name: typed[name] for name in PLAIN} | {
        "skip": _number("skip", typed["skip"]),
        "signed": bool(typed["signed"]),
        "header": bool(typed["header"]),
    }
    if typed["format"] == "fixed":
        held |= {"widths": [_number("widths", one) for one in typed["widths"].split()], "quote": '"'}
    words = [
        {"field": field, "word": typed.get(f"word-{field}-{n}", ""), "means": typed[f"means-{field}-{n}"]}
        for field in ("operation", "direction")
        for n in range(8)
        if typed.get(f"means-{field}-{n}") and typed.get(f"field-{field}")
    ]
    columns = [
        {"name": typed[f"field-{field}"], "field": field}
        for field in fields_of(typed)
        if typed.get(f"field-{field}")
    ]
    totals = [line for line in typed["totals"].splitlines() if line.strip()]
    try:
        return msgspec.convert(held | {"columns": columns, "words": words, "totals": totals}, ColumnMap)
    except msgspec.ValidationError as error:
        raise InvalidInput("map", f"no map ({error})", "what the form offers") from None


def fields_of(typed: Mapping[str, str]) -> Sequence[str]:
    """Return the fields that a line has, of a channel's file or of a bank's statement."""
    return FIELDS.get(typed["kind"], FILE_FIELDS)


def typed_of(one: ColumnMap) -> dict[str, str]:
    """Return a form's fields for a map."""
    held = {name: str(getattr(one, name)) for name in PLAIN}
    held |= {"skip": str(one.skip), "signed": "yes" if one.signed else "", "totals": "\n".join(one.totals)}
    held |= {"header": "yes" if one.header else "", "widths": " ".join(map(str, one.widths))}
    held |= {f"field-{column.field}": column.name for column in one.columns}
    for field in ("operation", "direction"):
        for n, word in enumerate(word for word in one.words if word.field == field):
            held |= {f"word-{field}-{n}": word.word, f"means-{field}-{n}": word.means}
    return held


def complaints(one: ColumnMap) -> list[str]:
    """Return all that is still wrong with a map, as texts."""
    return [str(fault) for fault in faults(one)]


def columns_of(one: ColumnMap) -> dict[str, list[str]]:
    """Return what each heading is, for the table of first rows."""
    made: dict[str, list[str]] = {}
    for column in one.columns:
        made.setdefault(column.name, []).append(column.field)
    return made


def _number(field: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 4:
        raise InvalidInput(field, f"{len(text)} characters", "a whole number")
    return int(text)


__all__ = ["CHOICES", "DEFAULTS", "columns_of", "complaints", "fields_of", "map_of", "typed_of"]
