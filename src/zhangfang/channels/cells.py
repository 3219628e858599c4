"""How the cells of a channel's CSV file are converted. What a cell does not fit raises ValueError: what is allowed there."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import yuan_to_fen

_FEN = re.compile(r"[0-9]{1,15}")
_SIGNED = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"[!-~]{0,64}")

Convert = Callable[[str], Any]


def text(cell: str) -> str:
    """Return the cell without the spaces around it. It may hold anything, so nothing is matched on it."""
    return cell.strip()


def number(cell: str) -> str:
    """Return a number of ours or theirs, `""` for none."""
    found = cell.strip()
    if not _NUMBER.fullmatch(found) or "\\" in found:
        raise ValueError("at most 64 visible ASCII characters without a backslash")
    return found


def fen(cell: str) -> int:
    """Return whole fen, never negative."""
    if not _FEN.fullmatch(cell):
        raise ValueError("1 to 15 digits, in fen")
    return int(cell)


def signed_fen(cell: str) -> int:
    """Return whole fen; a minus means below zero."""
    if not _SIGNED.fullmatch(cell):
        raise ValueError("1 to 15 digits, in fen, a minus before them if need be")
    return int(cell)


def yuan(cell: str) -> int:
    """Return fen for yuan with at most two decimals, never negative."""
    amount = signed_yuan(cell)
    if amount < 0 or cell.startswith("-"):
        raise ValueError("yuan with at most two decimals, not below zero")
    return amount


def signed_yuan(cell: str) -> int:
    """Return fen for yuan with at most two decimals, below zero with a minus."""
    try:
        return yuan_to_fen(cell)
    except InvalidInput as error:
        raise ValueError(error.allowed) from None


def one_of(allowed: Mapping[str, Any]) -> Convert:
    """Return a conversion that takes only the keys of `allowed`, and gives their values."""

    def convert(cell: str) -> Any:
        if cell not in allowed:
            raise ValueError(", ".join(allowed))
        return allowed[cell]

    return convert


def day(form: str) -> Convert:
    """Return a conversion of dates written as `form` (as in strptime)."""
    return lambda cell: _moment(cell, form).date()


def moment(form: str) -> Convert:
    """Return a conversion of China times written as `form` to aware times."""
    return lambda cell: _moment(cell, form)


def _moment(cell: str, form: str) -> datetime:
    try:
        read_at = datetime.strptime(cell, form).replace(tzinfo=CHINA)
    except ValueError:
        raise ValueError(f"a time that exists, written {form}") from None
    if read_at.strftime(form) != cell:  # strptime takes 2026-1-2 for 2026-01-02, and digits of other scripts
        raise ValueError(f"a time written exactly {form}")
    return read_at
