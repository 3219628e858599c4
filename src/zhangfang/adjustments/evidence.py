"""Files that prove something (附件): kept as bytes by their SHA-256, at most 5 MiB each, of a few kinds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from zhangfang import approvals
from zhangfang.approvals import Person
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load

queries = load(__package__, "evidence.sql")

MOST: Final = 5 * 1024 * 1024
# By the first bytes, as the formats' own documents define them; what stands in none of these is text, or is refused.
_MEDIA: Final[Mapping[bytes, str]] = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"PK\x03\x04": "application/zip",  # a workbook too
}
_ALLOWED = "PDF, PNG, JPEG, ZIP or XLSX, or a text in UTF-8; 1 byte to 5 MiB"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file as it was stored."""

    digest: bytes
    name: str
    media: str
    content: bytes
    size: int


async def keep(pool: asyncpg.Pool, clock: Clock, name: str, content: bytes, by: Person) -> str:
    """Store a file and return its digest as 64 hexadecimal digits; the same bytes are stored once.

    Raises `InvalidInput`, `NotAnOperator`.
    """
    name = approvals.text("file", name.replace("\\", "/").rpartition("/")[2], 1, 100)
    media, digest = media_of(content), hashlib.sha256(content).digest()
    await approvals.check_may_act(pool, by)
    await pool.execute(queries.add, digest, name, media, content, by.id, clock.now())
    return digest.hex()


def media_of(content: bytes) -> str:
    """Return what a file is, by its bytes. Raises `InvalidInput`."""
    if not 1 <= len(content) <= MOST:
        raise InvalidInput("file", f"{len(content)} bytes", _ALLOWED)
    for first, media in _MEDIA.items():
        if content.startswith(first):
            return media
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidInput("file", "bytes of another kind", _ALLOWED)
    return "text/plain; charset=utf-8"


async def check(pool: asyncpg.Pool, digests: Sequence[str]) -> None:
    """Raise `InvalidInput` unless every digest is that of a stored file."""
    known = await names(pool, digests)
    if missing := [one for one in digests if one not in known]:
        raise InvalidInput("files", f"{len(missing)} that are not stored", "digests of stored files")


async def names(pool: asyncpg.Pool, digests: Sequence[str]) -> Mapping[str, str]:
    """Return the names of stored files by digest; what is not stored is left out."""
    rows = await pool.fetch(queries.known, [_digest(one) for one in digests])
    return {row["digest"].hex(): row["name"] for row in rows}


async def file(pool: asyncpg.Pool, digest: str) -> Evidence | None:
    """Return a stored file."""
    row = await pool.fetchrow(queries.get, _digest(digest))
    return Evidence(**row) if row else None


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidInput("files", f"{len(text)} characters", "64 hexadecimal digits") from None
