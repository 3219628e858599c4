"""Reading the fields of the bank's records: whatever is not as documented is `MalformedMessage`."""

import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

from zhangfang.channels.cmb.envelope import Json
from zhangfang.channels.port import MalformedMessage
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.kernel.text.texts import storable

T = TypeVar("T")


def records(body: Json, block: str) -> list[Json]:
    """Return the records of a block; a block that is absent or null has none."""
    found = body.get(block)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise MalformedMessage(f"{block}: {type(found).__name__}; expected a list of objects")
    return found


def readable(found: Iterable[Json], read: Callable[[Json], T]) -> list[T]:
    """Return what `read` makes of each record of a list of returns. One that cannot be read is left out: its money comes
    back by a line of the statement, which proves the return as well.
    """
    made = []
    for record in found:
        with contextlib.suppress(MalformedMessage):
            made.append(read(record))
    return made


def text(record: Json, field: str) -> str:
    """Return a field as text, `""` if absent; the bank fills some with blanks and writes some as bare numbers.

    What could not be stored is an escape, which no code or number has.
    """
    found = record.get(field)
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        raise MalformedMessage(f"{field}: {type(found).__name__}; expected text")
    return storable(str(found)).strip()


def note(record: Json, field: str) -> str:
    """Return a field that only people read, whatever it is; `""` if absent."""
    found = record.get(field)
    return "" if found is None else storable(str(found)).strip()


def required(record: Json, field: str) -> str:
    """Return a field that must be there."""
    found = text(record, field)
    if not found:
        raise MalformedMessage(f"{field}: missing; expected text")
    return found


def fen(record: Json, field: str) -> int:
    """Return yuan with at most two decimals as fen; a third decimal is refused even if it is 0."""
    try:
        return yuan_to_fen(text(record, field), field)
    except InvalidInput as error:
        raise MalformedMessage(str(error)) from error


def positive_fen(record: Json, field: str) -> int:
    """Return the amount of a payment."""
    amount = fen(record, field)
    if amount <= 0:
        raise MalformedMessage(f"{field}: zero or less; expected more than 0.00 yuan")
    return amount


def day(record: Json, field: str) -> date:
    """Return a date, yyyyMMdd."""
    return _parsed(text(record, field), "%Y%m%d", field).date()


def moment(record: Json) -> datetime:
    """Return the China time of a line as UTC; a line without a time is at the start of its day."""
    time = text(record, "transTime") or "000000"
    moment = _parsed(text(record, "transDate") + time, "%Y%m%d%H%M%S", "transDate, transTime")
    return moment.astimezone(UTC)


def _parsed(text: str, pattern: str, field: str) -> datetime:
    """Read digits as China time; the length is checked because strptime also takes single digits."""
    try:
        moment = datetime.strptime(text, pattern).replace(tzinfo=CHINA)
        if f"{moment:{pattern}}" == text:
            return moment
    except (ValueError, OverflowError):
        pass
    raise MalformedMessage(f"{field}: {len(text)} characters; expected digits such as {pattern}")
