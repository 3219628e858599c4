"""Pure decisions: whether a file's header and lines are valid, and whether its totals are as announced."""

import csv
import re
from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec

from zhangfang.batches.errors import Problem
from zhangfang.batches.model import Upload
from zhangfang.channels.port import PartyAccount
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import MAX_FEN
from zhangfang.kernel.text.checks import check_number
from zhangfang.kernel.text.json_once import read_once

MOST_ITEMS = 100_000
MOST_BYTES = 64 * 1024 * 1024
LONGEST_LINE = 4096  # bytes
COLUMNS = ("order_no", "amount", "number", "name")
OPTIONAL = ("id_no", "phone", "medium", "bank", "holder", "class", "description")
FORMS = ("csv", "jsonl")
_FEN = re.compile(r"[0-9]{1,12}")
_CONTEXT = re.compile(r" - at `\$\.?(.*)`$")


class Line(msgspec.Struct, forbid_unknown_fields=True, rename={"class_": "class"}):
    """A line's fields, not yet checked. `amount` in fen."""

    order_no: str
    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_FEN)]
    number: str
    name: str
    id_no: str = ""
    phone: str = ""
    medium: str = "card"
    bank: str = ""
    holder: str = ""
    class_: str = ""
    description: str = ""

    def party(self) -> PartyAccount:
        """Return the payer's account."""
        return PartyAccount(
            self.number, self.name, self.medium, self.bank, self.id_no, self.phone, self.holder, self.class_
        )


Reader = Callable[[str], Line]


def check_upload(upload: Upload) -> None:
    """Raise `InvalidInput` naming the field of the announcement that is not allowed."""
    check_number(upload.batch_no, "batch_no")
    if upload.form not in FORMS:
        raise InvalidInput("Content-Type", "another kind of file", "text/csv or application/x-ndjson")
    if not 1 <= upload.count <= MOST_ITEMS:
        raise InvalidInput("count", f"the integer {upload.count}", f"1 to {MOST_ITEMS} items")
    if not 0 <= upload.amount <= MOST_ITEMS * MAX_FEN:
        raise InvalidInput(
            "amount", "an integer out of range", f"the sum of all items in fen, up to {MOST_ITEMS * MAX_FEN}"
        )


def csv_reader(header: str) -> Reader:
    """Return a reader for the lines under a header. Raises `InvalidInput` if the header is not valid."""
    names = _fields(header)
    missing = [name for name in COLUMNS if name not in names]
    unknown = [str(at) for at, name in enumerate(names, 1) if name not in (*COLUMNS, *OPTIONAL)]
    twice = [name for name in (*COLUMNS, *OPTIONAL) if names.count(name) > 1]
    wrong = {"without": missing, "with an unknown column at position": unknown, "twice with": twice}
    if shape := "; ".join(f"one {words} {', '.join(found)}" for words, found in wrong.items() if found):
        raise InvalidInput("header", shape, f"{','.join(COLUMNS)}, and any of {','.join(OPTIONAL)}")
    keys = ["class_" if name == "class" else name for name in names]

    def read(text: str) -> Line:
        values = _fields(text)
        if len(values) != len(keys):
            raise InvalidInput("line", f"{len(values)} fields", f"{len(keys)} fields, as in the header")
        held = {key: value for key, value in zip(keys, values, strict=True) if value or key in COLUMNS}
        return Line(**held | {"amount": _fen(held["amount"])})  # type: ignore[arg-type]

    return read


def _fields(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise InvalidInput("line", "quotes that do not end", "fields in closed quotes, on one line") from None


def _fen(text: str) -> int:
    if not _FEN.fullmatch(text) or not 1 <= int(text) <= MAX_FEN:
        raise InvalidInput("amount", f"{len(text)} characters", f"an integer of fen, 1 to {MAX_FEN}")
    return int(text)


_decode = msgspec.json.Decoder(Line).decode


def json_reader(text: str) -> Line:
    """Read a line of JSON. Raises `InvalidInput`."""
    try:
        read_once(text, "line")
        return _decode(text)
    except msgspec.ValidationError as error:
        shape, *path = _CONTEXT.split(str(error))
        allowed = (
            f"an object of {', '.join(COLUMNS)}, and any of {', '.join(OPTIONAL)}; amount an integer of fen"
        )
        raise InvalidInput((path or [""])[0] or "line", shape[0].lower() + shape[1:], allowed) from None
    except ValueError:
        raise InvalidInput("line", "what is no JSON", "one JSON object per line") from None


def problem(line: int, error: InvalidInput) -> Problem:
    """Return a problem of a line, named by the file's own column."""
    column = error.field.removeprefix("account.")
    return Problem(line, "class" if column == "class_" else column, error.shape, error.allowed)


def wrong_totals(upload: Upload, count: int, amount: int, *, all_read: bool) -> list[Problem]:
    """Return how a file differs from its control totals.

    The count includes all lines. The sum must be exact if every amount could be read; otherwise the sum of the readable
    amounts may not exceed it.
    """
    found = []
    if count != upload.count:
        found.append(Problem(0, "count", f"{count} lines", f"the announced {upload.count}"))
    if amount != upload.amount if all_read else amount > upload.amount:
        found.append(Problem(0, "amount", f"a sum of {amount} fen", f"the announced {upload.amount}"))
    return found


def split_evenly(count: int, most: int) -> Sequence[int]:
    """Return the sizes of the fewest portions of at most `most`, as equal as possible."""
    parts = -(-count // most)
    return [count // parts + (n < count % parts) for n in range(parts)] if count else []
