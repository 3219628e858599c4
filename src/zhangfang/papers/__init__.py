"""Papers: tables that people keep, as CSV, XLSX and PDF, the same content in the same bytes."""

from zhangfang.kernel.text.sheets import Cell, Fen
from zhangfang.papers.model import Column, Paper, Table, TooLong
from zhangfang.papers.write import FORMS, MEDIA, as_bytes, made, prepare, write

__all__ = [
    "FORMS",
    "MEDIA",
    "Cell",
    "Column",
    "Fen",
    "Paper",
    "Table",
    "TooLong",
    "as_bytes",
    "made",
    "prepare",
    "write",
]
