"""A paper as a file: written to a stream, as bytes, or by a process of its own."""

import csv
import io
import pickle
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import IO

from zhangfang.kernel import elsewhere
from zhangfang.kernel.text.sheets import Cell, safe, text_of
from zhangfang.papers.model import Paper
from zhangfang.papers.xlsx import write_xlsx

MEDIA: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


def write_csv(paper: Paper, out: IO[bytes]) -> None:
    """Write UTF-8 with a byte order mark: the facts, then each table, one empty line apart, then the foot.

    Numbers stay as they are, for programs; a text that a spreadsheet would run as a formula gets an apostrophe.
    """
    text = io.TextIOWrapper(out, "utf-8-sig", newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow((safe(paper.title),))
    writer.writerows((label, safe(value)) for label, value in paper.facts)
    for table in paper.tables:
        writer.writerows(((), (safe(table.title),)) if len(paper.tables) > 1 else ((),))
        writer.writerow([column.title for column in table.columns])
        writer.writerows([_cell(cell) for cell in row] for row in table.rows)
        writer.writerows([_cell(cell) for cell in row] for row in table.totals)
    writer.writerows(((), *((safe(line),) for line in paper.foot)))
    text.flush()
    text.detach()


def _cell(cell: Cell) -> str:
    return safe(cell) if isinstance(cell, str) else text_of(cell)


def write_pdf(paper: Paper, out: IO[bytes]) -> None:
    """Write a PDF. Its library is loaded by the first one: it takes 0.3 s and 30 MB, which a process that only answers
    requests does not need. Raises `TooLong`.
    """
    from zhangfang.papers import pdf

    pdf.write_pdf(paper, out)


def prepare() -> None:
    """Load what a PDF needs, for processes that are forked from this one."""
    from zhangfang.papers import pdf

    pdf.prepare()


FORMS: Mapping[str, Callable[[Paper, IO[bytes]], None]] = {
    "csv": write_csv,
    "xlsx": write_xlsx,
    "pdf": write_pdf,
}


def write(form: str, paper: Paper, out: IO[bytes]) -> None:
    """Write a paper in a form, `csv`, `xlsx` or `pdf`, to a stream of bytes."""
    FORMS[form](paper, out)


def as_bytes(form: str, paper: Paper) -> bytes:
    """Return a paper in a form."""
    out = io.BytesIO()
    write(form, paper, out)
    return out.getvalue()


def made(form: str, paper: Paper) -> AsyncGenerator[bytes, None]:
    """Yield a paper in a form, made by a process of its own; for the event loop of a process that answers others."""
    return elsewhere.made("zhangfang.papers", form, given=_pickled(paper))


async def _pickled(paper: Paper) -> AsyncIterator[bytes]:
    tables = [replace(table, rows=list(table.rows)) for table in paper.tables]
    yield pickle.dumps(replace(paper, tables=tables))
