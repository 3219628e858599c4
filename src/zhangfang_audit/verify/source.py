"""The parts of a shard's history in order, each with the pages and refusals that belong to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.read import Books, Feed

END = 2**63 - 1  # after every entry


@dataclass(frozen=True, slots=True)
class Part:
    """The entries with `after` < seq <= `until` as they came, the pages that begin by then, the refusals made by then."""

    after: int
    until: int
    rows: bytes
    pages: Sequence[Row]
    refusals: Sequence[Row]


class Source:
    """Reads parts of at most `size` entries, cut where the checkpoint and the last page end."""

    def __init__(self, books: Books, shard: int, cuts: Sequence[int], size: int) -> None:
        """Read from `books`; begin with `open`."""
        self._books = books
        self._shard = shard
        self._cuts = cuts
        self._size = size
        self._after = self._last = 0
        self.pages: Feed
        self.refusals: Feed

    async def open(self) -> None:
        """Find the first and the last entry, and open the streams beside them."""
        span = (await self._books.read("span", self._shard))[0]
        self._after, self._last = min(0, span["first"] - 1), span["last"]
        self.pages = await self._books.feed("pages", self._shard, "first_seq")
        self.refusals = await self._books.feed("refusals", self._shard, "seq")

    async def next(self) -> Part | None:
        """Return the next part that is not empty, or None."""
        while self._after < self._last:
            after = self._after
            until = min(after + self._size, self._last, *(cut for cut in self._cuts if cut > after))
            rows = await self._books.rows(self._shard, after, until)
            self._after = until
            if rows:
                return Part(
                    after, until, rows, await self.pages.until(until), await self.refusals.until(until)
                )
            following = (await self._books.read("next_seq", self._shard, until))[0]["min"]
            self._after = END if following is None else following - 1
        return None

    async def rest(self) -> tuple[Sequence[Row], Sequence[Row]]:
        """Return the pages and the refusals that come after all entries."""
        return await self.pages.until(END), await self.refusals.until(END)
