"""Spreadsheets: texts of others in files that people open, and files of people that are no text.

Only what people open is guarded: a file of results that programs join keeps every number as it came.
"""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# The first bytes of what a spreadsheet saves where a text is wanted.
_NO_TEXT = {
    b"PK\x03\x04": "a workbook (XLSX) or another ZIP",
    b"\xd0\xcf\x11\xe0": "a workbook (XLS)",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


def safe(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def no_text(data: bytes) -> str:
    """Return what a file is that was given for a text in UTF-8, by its first bytes; `""` if nothing speaks against it."""
    return next((what for mark, what in _NO_TEXT.items() if data.startswith(mark)), "")
