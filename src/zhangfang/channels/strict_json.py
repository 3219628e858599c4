"""Reads a JSON object from outside strictly: limited in size, no name twice, no NaN, fractions as Decimal.

A text that PostgreSQL could not store is refused: one with half a surrogate pair or with NUL.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from zhangfang.channels.port import MalformedMessage
from zhangfang.kernel.money import MAX_FEN

MAX_BYTES = 64 * 1024


def parse_object(body: bytes, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return the object, or raise `MalformedMessage`."""
    if len(body) > max_bytes:
        raise MalformedMessage(f"{len(body)} bytes; at most {max_bytes} are read")
    try:
        found = json.loads(
            body.decode(), object_pairs_hook=_once, parse_float=Decimal, parse_constant=_refused
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise MalformedMessage(f"{len(body)} bytes that are no JSON ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise MalformedMessage(f"JSON: got {type(found).__name__}; allowed: an object")
    return found


def text(fields: Mapping[str, Any], name: str, allowed: str = "text") -> str:
    """Return a text that must be there and not blank."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedMessage(f"{name}: got {type(value).__name__}; allowed: {allowed}")
    return value


def optional_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text, `""` where there is none."""
    return text(fields, name) if fields.get(name) not in (None, "") else ""


def fen(value: object, name: str) -> int:
    """Return an amount that must be a whole number of fen, from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_FEN:
        raise MalformedMessage(f"{name}: got {type(value).__name__}; allowed: fen from 1 to {MAX_FEN}")
    return value


def fen_of_text(value: object, name: str) -> int:
    """Return an amount that must be a text of digits, in fen, from 1."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit() and len(value) <= 12):
        raise MalformedMessage(f"{name}: got {type(value).__name__}; allowed: 1 to 12 digits, in fen")
    return fen(int(value), name)


def kept(fields: Mapping[str, Any], names: frozenset[str]) -> str:
    """Return the named fields as JSON for storing. All other fields are left out, because they may be personal data."""
    shown = {
        name: str(value)[:200]
        for name, value in fields.items()
        if name in names and isinstance(value, str | int)
    }
    return json.dumps(shown, ensure_ascii=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    for value in found.values():
        if isinstance(value, str) and "\0" in value.encode().decode():  # encode refuses half a surrogate pair
            raise ValueError("a text with NUL")
    return found


def _refused(_: str) -> None:
    raise ValueError("not a number")
