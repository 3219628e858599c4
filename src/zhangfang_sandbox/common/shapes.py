"""Fields of a control plane's request that every bank with accounts reads alike."""

from collections.abc import Mapping
from typing import Any

from zhangfang_sandbox.common.control import Refused, need

MOST_FEN = 10**15  # 15 digits of yuan and fen


def word(data: Mapping[str, Any], name: str, most: int) -> str:
    """Return a text field of 1 to `most` characters."""
    value = str(need(data, name, str))
    if not 1 <= len(value) <= most or any("\ud800" <= character <= "\udfff" for character in value):
        raise Refused(f"{name}: must have 1 to {most} characters of Unicode, got {len(value)}")
    return value


def fen(data: Mapping[str, Any], name: str, least: int) -> int:
    """Return an amount in fen."""
    value = need(data, name, int)
    if not least <= value <= MOST_FEN:
        raise Refused(f"{name}: must be from {least} to {MOST_FEN} fen")
    return int(value)


def sequence(query: Mapping[str, str]) -> int:
    """Return the parameter `after` of a listing, 0 if it is not there."""
    after = query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise Refused("after: must be a number, the seq of a movement")
    return int(after)
