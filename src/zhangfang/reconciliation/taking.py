"""Takes what a person brings: a channel's file of a date, read before by a column map."""

import asyncio
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from zhangfang.approvals import PREFIX, Person, recorded
from zhangfang.bills import Bill, Said, live_map, read_file
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk
from zhangfang.reconciliation.files import take_file
from zhangfang.reconciliation.statements import book_by_file
from zhangfang.reconciliation.versions.offering import offer_version

queries = load(__package__, "taking.sql")


async def bring_file(desk: Desk, channel: str, settle_date: date, bill: Bill, name: str, by: Person) -> str:
    """Store and reconcile a channel's file of a date, if it has none yet; say what was done.

    The same bytes again change nothing. Other bytes are proposed as a new version, and another person approves its
    differences. Raises `InvalidInput` for a date to come, and for a channel that is not set up; what `offer_version` raises.
    """
    check_date(desk, channel, settle_date)
    held = await desk.pool.fetchrow(queries.digest, channel, settle_date)
    if held is not None and held["digest"] != bill.digest:
        reason = f"another file of {settle_date} than {held['name']}"[:200]
        made = await offer_version(desk, channel, settle_date, bill.path, name, bill.digest, by, reason)
        return f"other bytes than {held['name']}: proposed as {prefixed(PREFIX, made)}; another person has to approve it"
    async with recorded(desk.pool, desk.clock, by, "take file", f"{channel}/{settle_date}", name):
        await take_file(desk, channel, settle_date, bill.path, name, bill.digest)
        for row in await desk.pool.fetch(queries.by_file):  # their lines may have waited for this file
            await book_by_file(desk, row["account"])
    return "it was taken before, and changes nothing" if held else f"{bill.lines} lines are taken"


async def read_and_bring(
    desk: Desk,
    source: Path,
    channel: str,
    settle_date: date,
    map_: str,
    said: Said | None,
    name: str,
    by: Person,
) -> tuple[Bill, str]:
    """Read a file by the live map of a name, and bring it. Raises `BillRefused` too."""
    check_date(desk, channel, settle_date)
    one = await live_map(desk.pool, map_)
    with TemporaryDirectory() as folder:
        target = Path(folder) / "lines.csv"
        bill = await asyncio.to_thread(read_file, source, one, settle_date, target, said)
        return bill, await bring_file(desk, channel, settle_date, bill, name, by)


def check_date(desk: Desk, channel: str, settle_date: date) -> None:
    """Raise `InvalidInput` unless the channel owes files, and the date has begun."""
    if channel not in desk.acquirers:
        known = ", ".join(sorted(desk.acquirers)) or "none is set up"
        raise InvalidInput("channel", f"{len(channel)} characters", known)
    if settle_date > settlement_day(desk.clock.now()):
        raise InvalidInput("date", f"{settle_date}", "a settlement date that has begun")
