"""The three forms of the two tables: CSV for people, rows of text in a release, and `Tables` for `decide`.

Every row is checked before the table is accepted. A problem names the line, the column, the length of what came and
what is allowed. It never repeats the value: somebody may send a wrong file that has personal data.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import time
from importlib import resources
from typing import Any

from zhangfang.channels.port import AccountType, Operation
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import MAX_FEN
from zhangfang.routing.model import Cell, Kind, Route, TableInvalid, Tables

Row = Mapping[str, str]

COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ROUTES: (
        "operation", "product", "channel", "min_fen", "max_fen", "instalments", "opens", "closes",
        "rate_ppm", "fixed_fen", "priority", "share", "agreement", "mark",
    ),
    Kind.ACCOUNT_TYPES: (
        "channel", "operation", "holder", "class", "medium", "support", "limit_fen", "bound_only", "mark",
    ),
}  # fmt: skip
MAX_ROWS = 20_000
MAX_CHARACTERS = 4 * 1024 * 1024
MEDIA = ("card", "credit", "passbook", "virtual", "corporate")
PERSONAL = ("I", "II", "III")
ROUTED = (Operation.PURCHASE, Operation.COLLECTION, Operation.PAYOUT)
PRODUCTS = {
    Operation.PURCHASE: ("cashier", "alipay_app"),
    Operation.COLLECTION: ("",),
    Operation.PAYOUT: ("",),
}
MARKS = ("V", "V2", "C", "K", "G")
_CLASS = re.compile(r"[A-Za-z0-9_-]{1,16}", re.ASCII)
_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


def shipped_text(kind: Kind) -> str:
    """Return the table that comes with the software, as CSV."""
    return resources.files("zhangfang.routing").joinpath("data", f"{kind}.csv").read_text("utf-8")


def read(kind: Kind, text: str) -> list[Row]:
    """Return the rows of a CSV, all checked. Raises `TableInvalid` with every problem and its line."""
    if len(text) > MAX_CHARACTERS:
        raise TableInvalid([f"file: got {len(text)} characters; allowed: at most {MAX_CHARACTERS}"])
    records = _records(text.removeprefix("\ufeff"))
    header = COLUMNS[kind]
    if not records or tuple(records[0][1]) != header:
        raise TableInvalid([f"line 1: header: got another one; allowed: {','.join(header)}"])
    problems: list[str] = []
    rows: list[Row] = []
    for line, fields in records[1:]:
        if len(fields) == len(header):
            rows.append(dict(zip(header, fields, strict=True)))
            problems += _problem(kind, line, rows[-1])
        else:
            problems.append(f"line {line}: row: got {len(fields)} fields; allowed: {len(header)}")
    problems += _twice(kind, [(line, fields) for line, fields in records[1:] if len(fields) == len(header)])
    if not 1 <= len(records) - 1 <= MAX_ROWS:
        problems.append(f"file: got {len(records) - 1} rows; allowed: 1 to {MAX_ROWS}")
    if problems:
        raise TableInvalid(problems)
    return rows


def write(kind: Kind, rows: Iterable[Row]) -> str:
    """Return rows as the CSV that `read` takes."""
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS[kind], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def tables(version: int, routes: Iterable[Row], cells: Iterable[Row]) -> Tables:
    """Return checked rows as `Tables`."""
    by_operation: dict[tuple[Operation, str], list[Route]] = {}
    for row in routes:
        one = _route(row)
        by_operation.setdefault((one.operation, one.product), []).append(one)
    made = map(_cell, cells)
    return Tables(
        version,
        {key: tuple(rows) for key, rows in by_operation.items()},
        {(cell.channel, cell.operation, cell.type): cell for cell in made},
    )


def _records(text: str) -> list[tuple[int, list[str]]]:
    """Return each record with the line on which it begins; blank lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[tuple[int, list[str]]] = []
    start = 1
    try:
        for fields in reader:
            if fields:
                found.append((start, fields))
            start = reader.line_num + 1
    except csv.Error:
        raise TableInvalid(
            [f"line {start}: row: got what is no CSV; allowed: quotes that close, fields up to 128 KB"]
        ) from None
    return found


def _problem(kind: Kind, line: int, row: Row) -> list[str]:
    try:
        _MAKERS[kind](row)
    except InvalidInput as error:
        return [f"line {line}: {error}"]
    return []


def _twice(kind: Kind, records: Sequence[tuple[int, list[str]]]) -> list[str]:
    """Return the rows that repeat an earlier one: the same cell of account types, or the same route, amounts and
    hours."""
    width = 5 if kind is Kind.ACCOUNT_TYPES else 8
    first: dict[tuple[str, ...], int] = {}
    problems = []
    for line, fields in records:
        earlier = first.setdefault(tuple(fields[:width]), line)
        if earlier != line:
            columns = ", ".join(COLUMNS[kind][:width])
            problems.append(f"line {line}: {columns}: got what line {earlier} has; allowed: each once")
    return problems


def _route(row: Row) -> Route:
    operation = _operation(row)
    low, high = _number(row, "min_fen", 1, MAX_FEN), _number(row, "max_fen", 1, MAX_FEN)
    if low > high:
        raise InvalidInput("max_fen", "less than min_fen", f"min_fen to {MAX_FEN}")
    return Route(
        operation=operation,
        product=_one_of(row, "product", PRODUCTS[operation]),
        channel=_one_of(row, "channel", CHANNELS),
        min_fen=low,
        max_fen=high,
        instalments=_periods(row, operation),
        opens=_hour(row, "opens"),
        closes=_hour(row, "closes"),
        rate_ppm=_number(row, "rate_ppm", 0, 1_000_000),
        fixed_fen=_number(row, "fixed_fen", 0, MAX_FEN),
        priority=_number(row, "priority", 1, 1000),
        share=_number(row, "share", 1, 1000),
        agreement=_one_of(row, "agreement", ("", "yes") if operation is Operation.COLLECTION else ("",))
        == "yes",
        mark=_one_of(row, "mark", MARKS),
    )


def _cell(row: Row) -> Cell:
    allowed = _one_of(row, "support", ("allowed", "unsupported")) == "allowed"
    limit = _number(row, "limit_fen", 1, MAX_FEN) if row["limit_fen"] else None
    bound_only = _one_of(row, "bound_only", ("", "yes")) == "yes"
    if not allowed and (limit is not None or bound_only):
        field = "limit_fen" if limit is not None else "bound_only"
        raise InvalidInput(field, "a value in an unsupported row", "nothing where support is unsupported")
    return Cell(
        channel=_one_of(row, "channel", CHANNELS),
        operation=_operation(row),
        type=_type(row),
        allowed=allowed,
        limit_fen=limit,
        bound_only=bound_only,
        mark=_one_of(row, "mark", MARKS),
    )


def _type(row: Row) -> AccountType:
    holder = _one_of(row, "holder", ("personal", "corporate"))
    if holder == "personal":
        class_ = _one_of(row, "class", PERSONAL)
    else:
        class_ = _matching(row, "class", _CLASS, "1 to 16 letters, digits, - and _: a class or a bank's code")
    return AccountType(holder, class_, _one_of(row, "medium", MEDIA))


def _operation(row: Row) -> Operation:
    return Operation(_one_of(row, "operation", [one.value for one in ROUTED]))


def _one_of(row: Row, field: str, allowed: Sequence[str]) -> str:
    if row[field] not in allowed:
        shown = ", ".join(one or "nothing" for one in allowed)
        raise InvalidInput(field, f"{len(row[field])} characters", f"one of {shown}")
    return row[field]


def _matching(row: Row, field: str, pattern: "re.Pattern[str]", allowed: str) -> str:
    if not pattern.fullmatch(row[field]):
        raise InvalidInput(field, f"{len(row[field])} characters", allowed)
    return row[field]


def _number(row: Row, field: str, low: int, high: int) -> int:
    allowed = f"an integer from {low} to {high}"
    number = int(_matching(row, field, _NUMBER, allowed))
    if not low <= number <= high:
        raise InvalidInput(field, "an integer out of range", allowed)
    return number


def _hour(row: Row, field: str) -> time:
    text = _matching(row, field, _HOUR, "HH:MM in China time, 00:00 to 24:00")
    return time(int(text[:2]) % 24, int(text[3:]))


def _periods(row: Row, operation: Operation) -> frozenset[int]:
    """Return the numbers of periods, as `0 3 6 12`. Only a purchase can be paid in instalments."""
    most = 60 if operation is Operation.PURCHASE else 0
    allowed = f"numbers of periods from 0 to {most} with spaces between, 0 for paid at once"
    parts = row["instalments"].split(" ")
    if not all(re.fullmatch(r"\d{1,2}", part, re.ASCII) and int(part) <= most for part in parts):
        raise InvalidInput("instalments", f"{len(row['instalments'])} characters", allowed)
    return frozenset(map(int, parts))


def _channels() -> tuple[str, ...]:
    """Return the channels that have a connector: those in the shipped tables."""
    rows = csv.DictReader(io.StringIO(shipped_text(Kind.ACCOUNT_TYPES)))
    return tuple(dict.fromkeys(row["channel"] for row in rows))


CHANNELS = _channels()
_MAKERS: Mapping[Kind, Callable[[Row], Any]] = {Kind.ROUTES: _route, Kind.ACCOUNT_TYPES: _cell}
