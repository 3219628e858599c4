"""Tables as files: CSV that Excel reads rightly, and XLSX. A table is exported whole or refused, never cut."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import xlsxwriter

from zhangfang.kernel.clock import in_china
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sheets import safe

LIMIT = 50_000
_EXACT_DIGITS = 11  # Excel shows a longer number in another form and loses its last digits


class Fen(int):
    """An amount in a table: written as yuan."""


Cell = Any  # str, int, Fen, date, datetime, UUID or None


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return UTF-8 with a byte-order mark. Excel gets long numbers and what looks like a formula as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(sheet: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook of one sheet: texts as text, amounts as numbers with two decimals."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True, "in_memory": True}) as book:
        yuan, bold = book.add_format({"num_format": "#,##0.00"}), book.add_format({"bold": True})
        page = book.add_worksheet(sheet[:31])
        page.freeze_panes(1, 0)
        page.set_column(0, len(head) - 1, 20)
        for column, text in enumerate(head):
            page.write_string(0, column, text, bold)
        for at, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, Fen):
                    page.write_number(at, column, Decimal(fen_to_yuan(cell)), yuan)
                elif isinstance(cell, int):
                    page.write_number(at, column, cell)
                elif cell is not None:
                    page.write_string(at, column, text_of(cell))
    return out.getvalue()


def text_of(cell: Cell) -> str:
    """Return a cell as text; times in Beijing time, to the millisecond."""
    if cell is None:
        return ""
    if isinstance(cell, Fen):
        return fen_to_yuan(cell)
    if isinstance(cell, datetime):
        return f"{in_china(cell):%Y-%m-%d %H:%M:%S}.{cell.microsecond // 1000:03}"
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _csv_cell(cell: Cell) -> str:
    text = text_of(cell)
    if not isinstance(cell, str | UUID):
        return text
    return "\t" + text if text.isdigit() and len(text) > _EXACT_DIGITS else safe(text)
