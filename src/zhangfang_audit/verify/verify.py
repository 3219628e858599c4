"""`verify`: reads the ledger's history from the first entry to the last and derives everything else anew from it.

It shares no code with the writer. The entries come in parts of a fixed size; while one part is checked, the next is read.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from zhangfang_audit.inputs import Unreadable
from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.accounts import Accounts, numbered, read_accounts
from zhangfang_audit.verify.form import Months, check_months, read_months
from zhangfang_audit.verify.found import Found
from zhangfang_audit.verify.pages import PageChecks
from zhangfang_audit.verify.pendings import PendingChecks
from zhangfang_audit.verify.points import check_books, check_checkpoint, check_head, check_holds, check_point
from zhangfang_audit.verify.read import Books, opened
from zhangfang_audit.verify.refusals import RefusalChecks
from zhangfang_audit.verify.replay import Replay
from zhangfang_audit.verify.rows import RowChecks
from zhangfang_audit.verify.source import END, Part, Source
from zhangfang_audit.verify.standing import StandingChecks

PART = 1 << 16  # entries at a time: what memory holds
NO_CHECKPOINT = {"seq": 0, "oldest_pending": 0, "paged": 0}
Progress = Callable[[int, int, int], None]  # shard, entries so far, entries in all


@dataclass(frozen=True, slots=True)
class Verified:
    """What one shard's history came to."""

    shard: int
    rows: int
    accounts: int
    pendings_open: int
    refusals: int
    pages: int
    seconds: float
    found: Found

    def as_json(self) -> dict[str, Any]:
        """Return all of it for other programs."""
        names = ("shard", "rows", "accounts", "pendings_open", "refusals", "pages")
        whole = {name: getattr(self, name) for name in names}
        return whole | {
            "seconds": round(self.seconds, 3),
            "ok": self.found.ok,
            "checks": self.found.as_json(),
        }


class Checks:
    """All checks of one shard. They take the parts of history in order; `found` is what they found."""

    def __init__(
        self,
        head: Row,
        point: Row,
        holds: Collection[bytes],
        accounts: Accounts,
        months: Months,
        found: Found,
    ) -> None:
        """Start before the first entry. `point` is the checkpoint, `holds` the list of holds open where pages end."""
        self._head = head
        self._point = point
        self.found = found
        self.count = 0
        self._accounts = accounts
        self._rows = RowChecks(accounts, months, found)
        self._replay = Replay(accounts)
        self._standing = StandingChecks(accounts, found)
        self.pendings = PendingChecks(found)
        self._pages = PageChecks(accounts, point["paged"], found)
        self.refusals = RefusalChecks(found)
        self._listed = holds
        self._ahead = [(point["seq"], self._at_checkpoint), (point["paged"], self._at_last_page)]

    def check(self, part: Part) -> None:
        """Check a part."""
        self._reach(part.after)
        rows = numbered(part.rows, self._accounts)
        self.count += len(rows)
        closed, chains = self._rows.check(rows)
        released = self.pendings.check(rows, closed, chains)
        sides = self._replay.step(rows, released)
        self._standing.check(rows, sides)
        self._pages.check(rows, sides, part.after, part.until, part.pages)
        self.refusals.check(rows, part.refusals)

    def finish(self, pages: Sequence[Row], refusals: Sequence[Row]) -> None:
        """Check what can be said at the end only; `pages` and `refusals` are those after all entries."""
        self._reach(END)
        self._rows.finish()
        self.pendings.finish(self._head["at"])
        self._pages.finish(pages)
        self.refusals.finish(self._head, refusals)
        check_point(self._point, self._rows.before.seq, self.found)
        check_head(self._head, self._rows.before, self.found)
        check_books(self._accounts, self._replay, self.found)

    def _reach(self, after: int) -> None:
        """Make the checks that are due where the replay stands now: after entry `after`."""
        due = [check for seq, check in self._ahead if seq <= after]
        self._ahead = [(seq, check) for seq, check in self._ahead if seq > after]
        for check in due:
            check()

    def _at_checkpoint(self) -> None:
        oldest = next((hold.seq for hold in self.pendings.open.values()), None)
        check_checkpoint(self._accounts, self._replay, self._standing.status, self._point, oldest, self.found)

    def _at_last_page(self) -> None:
        check_holds(self._listed, self.pendings.open, self.found)


async def verify(url: str, shard: int | None, progress: Progress, part: int = PART) -> list[Verified]:
    """Verify a shard, or all of them, as of one moment. Raises `Unreadable`."""
    async with opened(url) as books:
        heads = {row["shard"]: row for row in await books.read("heads")}
        there = {row["shard"] for row in await books.read("shards")} | heads.keys()
        wanted = sorted(there) if shard is None else [shard]
        for one in wanted:
            if one not in heads:
                known = ", ".join(map(str, heads)) or "none: nothing was written yet"
                raise Unreadable(f"shard {one}: it has no head; allowed: {known}")
        return [await _verify(books, heads[one], progress, part) for one in wanted]


async def _verify(books: Books, head: Row, progress: Progress, part: int) -> Verified:
    started = time.monotonic()
    shard, found = head["shard"], Found()
    accounts = read_accounts(await books.read("accounts", shard), shard, found)
    point = next(iter(await books.read("checkpoint", shard)), NO_CHECKPOINT)
    partitions = await books.read("months")
    check_months(await books.read("sealed"), partitions, found)
    holds = {row["id"].bytes for row in await books.read("holds", shard)}
    checks = Checks(head, point, holds, accounts, read_months(partitions), found)
    checks.refusals.both(await books.read("refused_and_stored", shard))
    source = Source(books, shard, (point["seq"], point["paged"]), part)
    await source.open()
    await _follow(source, checks, lambda: progress(shard, checks.count, max(head["seq"], checks.count)))
    figures = (checks.count, len(accounts), len(checks.pendings.open))
    read = (source.refusals.count, source.pages.count)
    return Verified(shard, *figures, *read, time.monotonic() - started, found)


async def _follow(source: Source, checks: Checks, progress: Callable[[], None]) -> None:
    """Check part after part; while one is checked, the next is read."""
    gc.disable()  # many thousands of open holds, and no cycle among them: looking for one took a third of their time
    reading = asyncio.create_task(source.next())
    try:
        while (part := await reading) is not None:
            reading = asyncio.create_task(source.next())
            await asyncio.to_thread(checks.check, part)
            progress()
        await asyncio.to_thread(checks.finish, *await source.rest())
    finally:
        reading.cancel()
        gc.enable()
