"""Tables as files: CSV that Excel reads rightly, and XLSX. A table is exported whole or refused, never cut."""

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sheets import safe

LIMIT = 50_000
AT_ONCE = 2  # files that are made at once
_CHUNK = 64 * 1024
_EXACT_DIGITS = 11  # Excel shows a longer number in another form and loses its last digits


class ExportFailed(ZhangfangError):
    """A file could not be made whole."""


class Fen(int):
    """An amount in a table: written as yuan."""


Cell = Any  # str, int, Fen, date, datetime, UUID or None


async def export(
    kind: str, name: str, head: Sequence[str], pages: AsyncIterator[Sequence[Sequence[Cell]]]
) -> AsyncGenerator[bytes, None]:
    """Yield a table as a file of a kind, `csv` or `xlsx`, while its pages are read; whatever goes wrong raises.

    The file is made by a process of its own (`web.sheet`), so the event loop only hands pages and bytes on. If nobody
    reads, nothing is read from the database either.
    """
    command = (sys.executable, "-m", "zhangfang.web.sheet", kind, name)
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    feeding = asyncio.create_task(_feed(child.stdin, head, pages))
    try:
        while chunk := await child.stdout.read(_CHUNK):
            yield chunk
        await feeding
        if await child.wait():
            raise ExportFailed(f"the {kind} could not be made; see the log")
    finally:
        feeding.cancel()
        if child.returncode is None:
            child.kill()
        await child.stdout.read()
        await child.wait()


async def _feed(
    into: asyncio.StreamWriter, head: Sequence[str], pages: AsyncIterator[Sequence[Sequence[Cell]]]
) -> None:
    try:
        into.write(pickle.dumps(list(head)))
        async for page in pages:
            into.write(pickle.dumps(page))
            await into.drain()
        into.write(pickle.dumps(None))
    finally:
        into.close()


def text_of(cell: Cell) -> str:
    """Return a cell as text; times in Beijing time, to the millisecond."""
    if cell is None:
        return ""
    if isinstance(cell, Fen):
        return fen_to_yuan(cell)
    if isinstance(cell, datetime):
        return f"{in_china(cell):%Y-%m-%d %H:%M:%S}.{cell.microsecond // 1000:03}"
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def csv_cell(cell: Cell) -> str:
    """Return a cell as a spreadsheet that opens the file should read it: long numbers as text, nothing as a formula."""
    text = text_of(cell)
    if not isinstance(cell, str | UUID):
        return text
    return "\t" + text if text.isdigit() and len(text) > _EXACT_DIGITS else safe(text)
