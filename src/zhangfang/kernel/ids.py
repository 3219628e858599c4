"""Ids: UUIDv7 inside the platform, prefixed text outside, 32 characters of hex for channels.

An id contains the business time of its creation, so that ids sort by time and the ledger finds the partition.
"""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_VALUE = {letter: n for n, letter in enumerate(_ALPHABET)}
_LENGTH = 26
_RANDOM = (1 << 54) - 1


def new_id(clock: Clock) -> UUID:
    """Return a new UUIDv7 of the present time. Its last byte is zero: a voucher numbers its lines there.

    The 12 bits after the version hold the fraction of the millisecond (RFC 9562, 6.2, method 3), so that the steps of
    one process sort in the order in which they happened.
    """
    micros = int(clock.now().timestamp() * 1_000_000)
    millis, fraction = divmod(micros, 1000)
    tail = (int.from_bytes(os.urandom(7)) & _RANDOM) << 8
    return UUID(int=(millis << 80) | (0x7 << 76) | (fraction * 4096 // 1000 << 64) | (0b10 << 62) | tail)


def born_at(id_: UUID) -> datetime:
    """Return the time of creation that a UUIDv7 contains."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=id_.int >> 80)


def numbered(id_: UUID, line: int) -> UUID:
    """Return the id of line 1…255 of the voucher `id_`. The last byte of a voucher's id is zero."""
    if not 1 <= line <= 255 or id_.int & 0xFF:
        raise ValueError(f"line {line} of {id_}: a voucher ends in 00 and has lines 1 to 255")
    return UUID(int=id_.int | line)


def prefixed(prefix: str, id_: UUID) -> str:
    """Return the id in its public form: `prefixed("pay", id)` is `pay_` and 26 characters."""
    return f"{prefix}_" + "".join(_ALPHABET[id_.int >> shift & 31] for shift in range(125, -1, -5))


def parse(prefix: str, text: str, field: str = "id") -> UUID:
    """Return the UUID behind `prefixed` text, or raise `InvalidInput` naming `field`."""
    head, _, body = text.partition("_")
    if head != prefix or len(body) != _LENGTH or not _VALUE.keys() >= set(body) or body[0] > "7":
        raise InvalidInput(field, f"{len(text)} characters", f"{prefix}_ and {_LENGTH} of [{_ALPHABET}]")
    value = 0
    for letter in body:
        value = value << 5 | _VALUE[letter]
    return UUID(int=value)


def order_no(id_: UUID) -> str:
    """Return the channel order number of an id: 32 characters of hex, which every channel and its file can hold."""
    return id_.hex
