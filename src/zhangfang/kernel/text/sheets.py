"""What stands in the cells of files: amounts, times, and texts of others in files that people open.

Only what people open is guarded: a file of results that programs join keeps every number as it came.
"""

from datetime import date, datetime
from typing import Any

from zhangfang.kernel.clock import in_china
from zhangfang.kernel.money import fen_to_yuan

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# The first bytes of what a spreadsheet saves where a text is wanted.
_NO_TEXT = {
    b"PK\x03\x04": "a workbook (XLSX) or another ZIP",
    b"\xd0\xcf\x11\xe0": "a workbook (XLS)",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}

Cell = Any  # str, int, Fen, date, datetime, UUID or None


class Fen(int):
    """An amount in a table: written as yuan."""


def safe(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def no_text(data: bytes) -> str:
    """Return what a file is that was given for a text in UTF-8, by its first bytes; `""` if nothing speaks against it."""
    return next((what for mark, what in _NO_TEXT.items() if data.startswith(mark)), "")


def text_of(cell: Cell) -> str:
    """Return a cell as text; times in Beijing time, to the millisecond."""
    if cell is None:
        return ""
    if isinstance(cell, Fen):
        return fen_to_yuan(cell)
    if isinstance(cell, datetime):
        return f"{in_china(cell):%Y-%m-%d %H:%M:%S}.{cell.microsecond // 1000:03}"
    return cell.isoformat() if isinstance(cell, date) else str(cell)
