"""A table leaves as a file that another process makes: whole or not at all, never faster than it is read, a few at once."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import aclosing

import openpyxl
import pytest

from zhangfang.web.export import Cell, ExportFailed, Fen, export

ROW: list[Cell] = ["北辰置业", Fen(-5), 7, None, "=1+1", "2" * 20]
ROWS = 1200


async def pages(broken: bool = False) -> AsyncIterator[list[list[Cell]]]:
    for _ in range(ROWS // 100):
        yield [ROW] * 100
    if broken:
        raise OSError("the database went away")


async def whole(kind: str) -> bytes:
    return b"".join([chunk async for chunk in export(kind, "rows", list("abcdef"), pages())])


async def test_a_csv_has_every_row() -> None:
    head, *rows = csv.reader(io.StringIO((await whole("csv")).decode("utf-8-sig"), newline=""))
    assert head == list("abcdef")
    assert rows == [["北辰置业", "-0.05", "7", "", "'=1+1", "\t" + "2" * 20]] * ROWS


async def test_a_workbook_has_every_row() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(await whole("xlsx"))).active
    assert sheet is not None
    head, *rows = sheet.iter_rows(values_only=True)
    assert head == tuple("abcdef")
    assert rows == [("北辰置业", -0.05, 7, None, "=1+1", "2" * 20)] * ROWS


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_table_that_cannot_be_read_to_its_end_is_no_file(kind: str) -> None:
    with pytest.raises(OSError, match="went away"):
        async for _ in export(kind, "rows", list("abcdef"), pages(broken=True)):
            pass


async def test_a_file_that_cannot_be_made_is_none() -> None:
    with pytest.raises((ExportFailed, ConnectionError)):
        async for _ in export("pdf", "rows", ["a"], pages()):
            pass


async def test_what_nobody_takes_is_not_read_and_its_process_ends_with_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, started = 0, []
    start = asyncio.create_subprocess_exec

    async def endless() -> AsyncIterator[list[list[Cell]]]:
        nonlocal read
        while True:
            read += 1
            yield [ROW] * 1000
            await asyncio.sleep(0)

    async def noted(*command: str, stdin: int, stdout: int) -> asyncio.subprocess.Process:
        started.append(await start(*command, stdin=stdin, stdout=stdout))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    async with aclosing(export("csv", "rows", list("abcdef"), endless())) as chunks:
        assert await anext(chunks)
        before = -1
        while before != read:  # until pipes and buffers are full
            before = read
            await asyncio.sleep(0.5)
        assert read < 200
    assert started[0].returncode is not None
