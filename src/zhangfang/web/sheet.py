"""`python -m zhangfang.web.sheet csv|xlsx NAME`: writes a table from stdin as a file to stdout, in a process of its own.

Making a file takes seconds of computing. Here it takes them from nobody: the process runs at the lowest priority, and its
memory is bounded (`constant_memory`). What comes in is pickled by our parent: the headings, then pages of rows, then None. A
table that ends without None is not whole; then the exit code is 1, and what was written is thrown away.
"""

import csv
import io
import os
import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO

from zhangfang.kernel.money import fen_to_yuan
from zhangfang.web.export import Cell, Fen, csv_cell, text_of

Rows = Iterable[Sequence[Cell]]


def write_csv(_: str, head: Sequence[str], rows: Rows, out: IO[bytes]) -> None:
    """Write UTF-8 with a byte-order mark. Excel gets long numbers and what looks like a formula as text."""
    text = io.TextIOWrapper(out, "utf-8-sig", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([csv_cell(cell) for cell in row] for row in rows)
    text.flush()
    text.detach()


def write_xlsx(name: str, head: Sequence[str], rows: Rows, out: IO[bytes]) -> None:
    """Write a workbook of one sheet: texts as text, amounts as numbers with two decimals."""
    import xlsxwriter  # 12 MB, of which the process that answers requests needs nothing

    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        yuan, bold = book.add_format({"num_format": "#,##0.00"}), book.add_format({"bold": True})
        page = book.add_worksheet(name[:31])
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


def _pages(given: IO[bytes]) -> Iterator[Sequence[Cell]]:
    while (page := pickle.load(given)) is not None:  # noqa: S301 - from our parent; EOFError if it gave up
        yield from page


def main(kind: str, name: str) -> None:
    """Write one file."""
    os.nice(19)
    given = sys.stdin.buffer
    head = pickle.load(given)  # noqa: S301 - as above
    {"csv": write_csv, "xlsx": write_xlsx}[kind](name, head, _pages(given), sys.stdout.buffer)


if __name__ == "__main__":
    main(*sys.argv[1:])
