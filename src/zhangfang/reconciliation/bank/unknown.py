"""A line that nothing explains: it opens a break, or it cures the one that it takes back."""

from datetime import date
from typing import Any

from zhangfang.reconciliation import books
from zhangfang.reconciliation.bank.model import Booked, Booking, queries
from zhangfang.reconciliation.files import open_break
from zhangfang.reconciliation.rules import MIRROR, UNKNOWN, BreakClass, NewBreak, signed


async def unknown(at: Booking, new: NewBreak) -> Booked:
    """Book an unexplained line. It cures a break if it reverses the only open one of its amount, else it opens one."""
    if at.line["reversal"]:
        undone = await cured_by(at, at.account.alias, UNKNOWN[not at.line["credit"]])
        if undone is not None:
            return await cure(at, undone, f"{undone['template']} mirrored")
    await disputed(at, at.account.alias, at.day, new)
    answer = (queries.answer_contradictions, at.account.bank.name, at.day, at.now, at.by)
    return await at.done(new.template, answer)


async def disputed(at: Booking, channel: str, day: date, new: NewBreak) -> None:
    """Store a break, unless that was done before a crash, and book its difference."""
    await open_break(at.desk.clock, at.pool, channel, day, new)
    row = await at.pool.fetchrow(queries.break_of_line, channel, new.kind, new.key)
    assert row is not None, "a break is stored before it is booked"
    await at.book(books.disputed(row, at.account.alias))


async def cured_by(at: Booking, channel: str, kind: BreakClass, settled: date | None = None) -> Any | None:
    """Return the one break that this line cures, and mark it so. None if there is no such break or more than one."""
    found = await at.pool.fetch(queries.undone_by_line, channel, kind, -signed(at.line), settled, at.by)
    found = [row for row in found if row["cleared_by"] == at.by] or found
    if len(found) != 1:
        return None
    return await at.pool.fetchrow(queries.cure_by_line, found[0]["id"], MIRROR, at.day, at.by)


async def cure(at: Booking, row: Any, template: str) -> Booked:
    """Book the cure of a break that this line ends, and clear it."""
    await at.book(books.cure(row, at.account.alias))
    return await at.done(template, (queries.clear_break, row["id"], at.now, at.by))
