"""What people attach to a break: a file as it is, with its digest. It is kept for ever, and given out as a download only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.approvals import Person, record
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.kernel.text.texts import check_characters
from zhangfang.reconciliation.work.taking import _open

queries = load(__package__, "work.sql")

SIZE_MAX = 5 * 1024 * 1024  # bytes of a file
COUNT_MAX = 20  # files of a break
_NAME_MAX = 100
_KINDS = (  # the first bytes of a file, and its media type
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"PK\x03\x04", "application/zip"),
)


@dataclass(frozen=True, slots=True)
class Paper:
    """A file of a break, without its bytes. `digest` is SHA-256."""

    id: UUID
    name: str
    media: str
    size: int
    digest: bytes
    added_by: str
    added_at: datetime


async def attach(
    pool: asyncpg.Pool, clock: Clock, break_id: UUID, name: str, data: bytes, by: Person
) -> UUID:
    """Attach a file to a break, a cleared one too; return the file's id. Raises `InvalidInput`, `NotAnOperator`."""
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    check_characters("file name", name, _NAME_MAX)
    if not 1 <= len(data) <= SIZE_MAX:
        raise InvalidInput("file", f"{len(data)} bytes", f"1 to {SIZE_MAX} bytes")
    media, id_ = media_of(data), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await _open(connection, break_id, by, cleared_too=True)
        if await connection.fetchval(queries.count_papers, break_id) >= COUNT_MAX:
            raise InvalidInput(
                "file", f"more than {COUNT_MAX} files", f"{COUNT_MAX} files of a break at most"
            )
        now = clock.now()
        digest = await connection.fetchval(queries.add_paper, id_, break_id, name, media, data, by.id, now)
        await record(connection, clock, by, "attach file", str(break_id), name, digest=digest)
    return id_


def media_of(data: bytes) -> str:
    """Return the media type of a file by its content. Raises `InvalidInput` for what nobody has to open here."""
    for mark, media in _KINDS:
        if data.startswith(mark):
            return media
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        allowed = "PDF, PNG, JPEG, XLSX or ZIP, or text in UTF-8"
        raise InvalidInput("file", f"{len(data)} bytes of another kind", allowed)
    return "text/plain"


async def papers(pool: asyncpg.Pool, break_id: UUID) -> tuple[Paper, ...]:
    """Return the files of a break, oldest first."""
    return tuple(Paper(**row) for row in await pool.fetch(queries.papers, break_id))


async def paper(pool: asyncpg.Pool, break_id: UUID, id_: UUID) -> Any | None:
    """Return a file of a break with its bytes (name, media, bytes); None if there is none."""
    return await pool.fetchrow(queries.paper, break_id, id_)
