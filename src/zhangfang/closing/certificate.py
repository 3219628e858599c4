"""The day-end certificate (日终证书) of a channel and a settlement date: what was compared, on both sides, and how it ended.

It is issued once the file is matched and the date closed. Rows are only added: when a corrected file, a cure or the
arrival of the money changes what a certificate says, the next version says so. `docs/operate/closing.md` has its form.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load

queries = load(__package__, "certificate.sql")

FORMAT = "zhangfang-certificate/1"
_DIGITS = 8  # of the content's hash, in the number
_AT_ONCE = 2_000  # lines that one answer of the database holds


class NotComparedYet(ZhangfangError):
    """A day cannot be certified, because its file is not matched; the text says which."""


class Breaks(msgspec.Struct, frozen=True):
    """How many breaks of one class are still open, and how many are cured."""

    open: int = 0
    cured: int = 0


class Content(msgspec.Struct, frozen=True):
    """What a certificate says; amounts in fen. `ours` are our payments, the other figures the channel's file."""

    channel: str
    settle_date: date
    version: int
    file: str
    file_sha256: str
    lines: int
    matched: int
    pay_in: int
    refund: int
    fee: int
    net: int
    ours: int
    ours_pay_in: int
    ours_refund: int
    breaks: dict[str, Breaks]
    arrived_on: (
        str | None
    )  # number of the bank line that brought the net amount, "" where none was due; None: not yet
    lines_sha256: str
    format: str = FORMAT

    @property
    def difference(self) -> int:
        """What the file holds more than our payments, fees left out."""
        return self.pay_in - self.refund - self.ours_pay_in + self.ours_refund


@dataclass(frozen=True, slots=True)
class Certificate:
    """An issued version."""

    number: str
    content: Content
    hash: bytes
    issued_at: datetime


async def certify(pool: asyncpg.Pool, clock: Clock, channel: str, day: date) -> Certificate:
    """Issue the certificate of a closed day, or its next version if it would say something else than the newest.

    Return the newest. Raises `NotComparedYet`.
    """
    async with pool.acquire() as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            last = await connection.fetchrow(queries.newest, channel, day)
            made = await _compared(connection, channel, day, last["version"] if last else 0)
        if last is None or msgspec.structs.replace(made, version=last["version"]) != _content(last):
            text = msgspec.json.encode(made, order="deterministic").decode()
            digest = hashlib.sha256(text.encode()).digest()
            number = f"ZM-{day:%m%d}-{channel}-{digest.hex()[:_DIGITS]}"
            row = channel, day, made.version, number, text, digest, made.file_sha256, clock.now()
            await connection.execute(queries.issue, *row)
        return _issued(await connection.fetchrow(queries.newest, channel, day))


async def certify_changed(pool: asyncpg.Pool, clock: Clock, since: datetime) -> int:
    """Certify each closed day that has no certificate yet or that something changed since a moment; return how many."""
    due = await pool.fetch(queries.due, since)
    for row in due:
        await certify(pool, clock, row["channel"], row["settle_date"])
    return len(due)


async def certificates(pool: asyncpg.Pool, day: date, channels: Sequence[str]) -> dict[str, Certificate]:
    """Return the newest certificate of a date by channel."""
    rows = await pool.fetch(queries.of_day, day, list(channels))
    return {row["channel"]: _issued(row) for row in rows}


async def versions(pool: asyncpg.Pool, channel: str, day: date) -> tuple[Certificate, ...]:
    """Return every version of a certificate, newest first."""
    return tuple(_issued(row) for row in await pool.fetch(queries.versions, channel, day))


async def _compared(connection: Any, channel: str, day: date, version: int) -> Content:
    """Read both sides of a day, in the caller's snapshot."""
    file = await connection.fetchrow(queries.file, channel, day)
    if file is None or file["matched_at"] is None:
        raise NotComparedYet(f"the file of {channel} for {day} is not matched yet")
    ours = await connection.fetchrow(queries.ours, channel, day)
    breaks = await connection.fetch(queries.breaks, channel, day)
    arrived_on = (file["arrived_seq"] or "") if file["arrived_at"] else None
    return Content(
        channel, day, version + 1, file["name"], file["digest"], file["lines"],
        await connection.fetchval(queries.matched, channel, day),
        file["pay_in_fen"], file["refund_fen"], file["fee_fen"], file["net_fen"],
        ours["count"], ours["pay_in"], ours["refund"], _by_class(breaks), arrived_on,
        await _digest(connection, channel, day, breaks, arrived_on),
    )  # fmt: skip


def _by_class(breaks: Sequence[Any]) -> dict[str, Breaks]:
    found: dict[str, Breaks] = {}
    for row in breaks:
        so_far = found.get(row["class"], Breaks())
        found[row["class"]] = Breaks(so_far.open + row["open"], so_far.cured + (not row["open"]))
    return found


async def _digest(
    connection: Any, channel: str, day: date, breaks: Sequence[Any], arrived_on: str | None
) -> str:
    """Return the SHA-256 over the lines in their canonical form: a JSON array each, ended by a line feed."""
    hashed = hashlib.sha256()
    async for row in connection.cursor(queries.lines, channel, day, prefetch=_AT_ONCE):
        hashed.update(msgspec.json.encode(("line", *row)) + b"\n")
    for row in breaks:
        hashed.update(msgspec.json.encode(("break", *row)) + b"\n")
    hashed.update(msgspec.json.encode(("arrived", arrived_on)) + b"\n")
    return hashed.hexdigest()


def _issued(row: Any) -> Certificate:
    return Certificate(row["number"], _content(row), row["hash"], row["issued_at"])


def _content(row: Any) -> Content:
    return msgspec.json.decode(row["content"], type=Content)
