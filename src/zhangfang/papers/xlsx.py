"""A paper as a workbook, one sheet a table: texts as texts, amounts as numbers with two decimals."""

import re
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import IO, Any

from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.text.sheets import Cell, Fen, text_of
from zhangfang.papers.model import Paper, Table, TooLong

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_LAST_ROW = 1_000_000  # the format ends at 1,048,576
_NAME = re.compile(r"[\[\]:*?/\\']")  # what a sheet's name may not have; 31 characters at most


def write_xlsx(paper: Paper, out: IO[bytes]) -> None:
    """Write a workbook; rows go to disk one by one, so memory does not grow with them.

    The library takes 12 MB, which a process that only answers requests does not need.
    """
    import xlsxwriter

    book = xlsxwriter.Workbook(out, _OPTIONS)
    book.set_properties({"title": paper.title, "created": paper.at.astimezone(UTC).replace(tzinfo=None)})
    looks = {
        "text": book.add_format(),
        "money": book.add_format({"num_format": "#,##0.00"}),
        "bold": book.add_format({"bold": True}),
        "sum": book.add_format({"bold": True, "num_format": "#,##0.00", "top": 1}),
    }
    for n, table in enumerate(paper.tables, start=1):
        _sheet(book.add_worksheet(f"{n} {_NAME.sub(' ', table.title)}"[:31]), paper, table, looks)
    book.close()


def _sheet(sheet: Any, paper: Paper, table: Table, looks: dict[str, Any]) -> None:
    sheet.write_string(0, 0, paper.title, looks["bold"])
    at = 1
    for label, value in paper.facts:
        sheet.write_string(at, 0, label)
        sheet.write_string(at, 1, value)
        at += 1
    for column, one in enumerate(table.columns):
        sheet.set_column(column, column, max(one.width * 0.6, 9))
        sheet.write_string(at, column, one.title, looks["bold"])
    sheet.freeze_panes(at + 1, 0)
    for row in table.rows:
        at += 1
        if at >= _LAST_ROW:
            raise TooLong(f"a sheet has {_LAST_ROW} rows at most: take the CSV")
        _row(sheet, at, row, looks["text"], looks["money"])
    for row in table.totals:
        at += 1
        _row(sheet, at, row, looks["bold"], looks["sum"])
    for line in paper.foot:
        at += 1
        sheet.write_string(at, 0, line)


def _row(sheet: Any, at: int, row: Sequence[Cell], text: Any, money: Any) -> None:
    """Write a row. A spreadsheet's only number is a double: exact for fen below 2^53, and only for reading."""
    for column, cell in enumerate(row):
        if isinstance(cell, Fen):
            sheet.write_number(at, column, Decimal(fen_to_yuan(cell)), money)
        elif isinstance(cell, int):
            sheet.write_number(at, column, cell, text)
        elif cell is not None and cell != "":
            sheet.write_string(at, column, text_of(cell), text)
