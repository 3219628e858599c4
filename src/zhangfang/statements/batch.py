"""Writes the statements of a date as files, with several processes at once."""

import asyncio
import os
import traceback
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import asyncpg
from rich.progress import track

from zhangfang.kernel.elsewhere import NotMade
from zhangfang.papers import prepare
from zhangfang.statements.files import as_bytes
from zhangfang.statements.store import Version, get, of_day, previous

_PAGE = 500  # merchants that are listed at once
_AT_ONCE = 2  # files that are made at once


async def write_all(
    pool: asyncpg.Pool,
    day: date,
    kind: str,
    form: str,
    out: Path,
    merchant: str | None = None,
    version: int | None = None,
) -> int:
    """Write one file for each merchant, the newest version or a named one; show progress; return how many."""
    wanted = [version] if version is not None else None
    codes = {one.merchant: one.code for one in await _all(pool, day, merchant)}
    with ProcessPoolExecutor(_AT_ONCE, get_context("spawn")) as workers:
        loop = asyncio.get_running_loop()
        running: set[asyncio.Future[None]] = set()
        for id_ in track(codes, f"{kind}.{form}", disable=len(codes) < 2):
            found = await get(pool, id_, day, wanted[0] if wanted else None)
            path = out / f"{codes[id_]}-{day}-{kind}-v{found.version}.{form}"
            given = (found, await previous(pool, found), kind, form, path)
            running.add(asyncio.ensure_future(loop.run_in_executor(workers, _write, *given)))
            if len(running) > 4 * _AT_ONCE:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
        await asyncio.gather(*running)
    return len(codes)


async def _all(pool: asyncpg.Pool, day: date, merchant: str | None) -> list[Version]:
    found: list[Version] = []
    after = ""
    while page := await of_day(pool, day, _PAGE, after, merchant):
        found += page
        after = page[-1].merchant
        if len(page) < _PAGE:
            break
    return found


def _write(version: Version, before: Version | None, kind: str, form: str, path: Path) -> None:
    """Write a file, in a child of this process: so the font of PDFs, which drawing uses up, is read once for all."""
    prepare()
    child = os.fork()
    if child == 0:
        try:
            path.write_bytes(as_bytes(version, kind, form, before))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise NotMade(f"{path} could not be made")
