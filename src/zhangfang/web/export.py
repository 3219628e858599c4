"""Tables as files: CSV that Excel reads rightly, and XLSX. A table is exported whole or refused, never cut."""

import pickle
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from uuid import UUID

from zhangfang.kernel.elsewhere import AT_ONCE, made
from zhangfang.kernel.elsewhere import NotMade as ExportFailed
from zhangfang.kernel.text.sheets import Cell, Fen, safe, text_of

__all__ = ["AT_ONCE", "LIMIT", "Cell", "ExportFailed", "Fen", "csv_cell", "export", "text_of"]

LIMIT = 50_000
_EXACT_DIGITS = 11  # Excel shows a longer number in another form and loses its last digits


def export(
    kind: str, name: str, head: Sequence[str], pages: AsyncIterator[Sequence[Sequence[Cell]]]
) -> AsyncGenerator[bytes, None]:
    """Yield a table as a file of a kind, `csv` or `xlsx`, while its pages are read; whatever goes wrong raises.

    The file is made by a process of its own (`web.sheet`). If nobody reads, nothing is read from the database either.
    """
    return made("zhangfang.web.sheet", kind, name, given=_pickled(head, pages))


async def _pickled(
    head: Sequence[str], pages: AsyncIterator[Sequence[Sequence[Cell]]]
) -> AsyncIterator[bytes]:
    yield pickle.dumps(list(head))
    async for page in pages:
        yield pickle.dumps(page)
    yield pickle.dumps(None)


def csv_cell(cell: Cell) -> str:
    """Return a cell as a spreadsheet that opens the file should read it: long numbers as text, nothing as a formula."""
    text = text_of(cell)
    if not isinstance(cell, str | UUID):
        return text
    return "\t" + text if text.isdigit() and len(text) > _EXACT_DIGITS else safe(text)
