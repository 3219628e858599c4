"""A corrected file is offered: its lines are stored, compared with the version in force, and proposed to a second person."""

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk
from zhangfang.reconciliation.receiving import COLUMNS, FILE_S, copy_csv, refusing

queries = load(__package__, "versions.sql")
files = load("zhangfang.reconciliation", "store.sql")

VERSION = "file version"  # the kind of these proposals
_VOUCHERS = 7


class FileVersion(msgspec.Struct, frozen=True):
    """What is proposed: the differences of a stored version. Sums are fen that the bank brings, less fees."""

    file_version: str
    channel: str
    settle_date: date
    sha256: str
    added: int
    added_fen: int
    gone: int
    gone_fen: int


async def offer_version(
    desk: Desk, channel: str, settle_date: date, path: Path, name: str, digest: str, by: Person, reason: str
) -> UUID:
    """Store a canonical CSV as a new version of a date's file, and propose its differences; return the proposal's id.

    Raises `InvalidInput` if the date has no file that is matched, for the same bytes and for the same lines; `NoProposal` if
    a version of this date is proposed already.
    """
    id_, clock = new_id(desk.clock), desk.clock
    with refusing():
        async with desk.pool.acquire() as connection, connection.transaction():
            file = await connection.fetchrow(files.lock_file, channel, settle_date)
            _check(file, digest)
            ids = [new_id(clock) for _ in range(_VOUCHERS)]
            await connection.execute(
                queries.add, id_, channel, settle_date, name, digest, file["digest"], clock.now(), ids
            )
            await copy_csv(connection, "file_version_line", path, {"version": id_})
            await connection.execute(queries.compare, id_, channel, settle_date, timeout=FILE_S)
            said = await _said(connection, id_, channel, settle_date, digest)
            await approvals.propose(
                connection,
                clock,
                id_,
                VERSION,
                f"{channel}/{settle_date}",
                said,
                by,
                approvals.reason(reason),
            )
    return id_


async def differences(pool: asyncpg.Pool, version: UUID, limit: int = 200) -> list[Any]:
    """Return the differences of a version with their lines; a changed line is one that is gone and one that is added."""
    return list(await pool.fetch(queries.listed, version, limit))


def _check(file: Any, digest: str) -> None:
    if file is None or file["matched_at"] is None:
        raise InvalidInput(
            "date", "one without a file that is matched", "the date of a file that was taken before"
        )
    if file["digest"] == digest:
        raise InvalidInput("file", "the bytes of the version in force", "other bytes")


async def _said(connection: Any, id_: UUID, channel: str, settle_date: date, digest: str) -> FileVersion:
    found = await connection.fetchrow(queries.counts, id_, channel, settle_date)
    if not found["added"] and not found["gone"]:
        raise InvalidInput("file", "the lines of the version in force", f"another {', '.join(COLUMNS)}")
    return FileVersion(str(id_), channel, settle_date, digest, **dict(found))
