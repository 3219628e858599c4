"""Takes a channel's file that a person brings: its lines go from the disk into the table as they are, and are placed."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import asyncpg

from zhangfang.approvals import Person, recorded
from zhangfang.bills import CANONICAL, Bill
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk
from zhangfang.reconciliation.files import reconcile

queries = load(__package__, "taking.sql")

COPY_SECONDS = 3600.0
_TEXTS = ("order_no", "channel_ref", "original_order_no", "note", "raw", "unread")  # empty, never null
_CHUNK = 1024 * 1024


async def take_file(desk: Desk, channel: str, settle_date: date, bill: Bill, name: str, by: Person) -> str:
    """Store and reconcile a channel's file of a date, if it has none yet; say what was done.

    The same bytes again change nothing. Raises `InvalidInput` for a date to come, a channel that is not set up, and for
    other bytes than the date's file had.
    """
    check_date(desk, channel, settle_date)
    held = await desk.pool.fetchrow(queries.digest, channel, settle_date)
    if held is not None and held["digest"] != bill.digest:
        raise InvalidInput(
            "file", f"other bytes than {held['name']}, the file of {settle_date}", "the same file"
        )
    async with recorded(desk.pool, desk.clock, by, "take file", f"{channel}/{settle_date}", name):
        if held is None:
            await _store(desk, channel, settle_date, bill, name)
        await reconcile(desk, desk.acquirers[channel], settle_date)
    return "it was taken before, and changes nothing" if held else f"{bill.lines} lines are taken"


def check_date(desk: Desk, channel: str, settle_date: date) -> None:
    """Raise `InvalidInput` unless the channel owes files, and the date has begun."""
    if channel not in desk.acquirers:
        raise InvalidInput(
            "channel", f"{len(channel)} characters", ", ".join(sorted(desk.acquirers)) or "none is set up"
        )
    if settle_date > settlement_day(desk.clock.now()):
        raise InvalidInput("date", f"{settle_date}", "a settlement date that has begun")


async def _store(desk: Desk, channel: str, settle_date: date, bill: Bill, name: str) -> None:
    ids = [new_id(desk.clock) for _ in range(7)]
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.copy_to_table(
            "file_line", source=_lines(bill.path, channel, settle_date), format="csv", force_not_null=_TEXTS,
            columns=("channel", "settle_date", *CANONICAL), timeout=COPY_SECONDS,
        )  # fmt: skip
        try:
            await connection.execute(
                queries.add_file, channel, settle_date, name, bill.digest, bill.lines, desk.clock.now(), *ids, bill.pay_in,
                bill.pay_out, bill.fee, bill.pay_in - bill.pay_out - bill.fee, bill.unread,
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise InvalidInput(
                "file", "the second of two at the same moment", "one after the other"
            ) from None


async def _lines(path: Path, channel: str, settle_date: date) -> AsyncIterator[bytes]:
    """Yield the rows of the canonical CSV, each on one line, with the key of their file before them."""
    key = f"{channel},{settle_date},".encode()
    with path.open("rb") as rows:
        rows.readline()  # the header
        while lines := rows.readlines(_CHUNK):
            yield key + key.join(lines)
