"""Pages (账页) against history: each entry of each account on exactly one page, in order, with right sums and totals."""

from collections.abc import Sequence

import numpy as np

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.accounts import FIGURES, Accounts
from zhangfang_audit.verify.found import Flags, Found, Ints, day
from zhangfang_audit.verify.read import Rows
from zhangfang_audit.verify.replay import Sides

MOST = 400  # lines of a page
SUMS = ("debit_sum", "credit_sum")
_COLUMNS = ("seq", "first_seq", "day", *SUMS, *FIGURES)
_HEADER = 20  # bytes of an array before its elements: dimensions, nulls, type, length, first index
_PLACE = 32


class PageChecks:
    """The pages whose lines are not all seen yet, and those lines."""

    def __init__(self, accounts: Accounts, paged: int, found: Found) -> None:
        """Expect every entry up to `paged` on a page, and none after it."""
        self._accounts = accounts
        self._found = found
        self.paged = paged
        self._last = np.full(len(accounts) + 2, -(2**62), np.int64)  # where each account's last page ended
        self._pages = {name: np.zeros(0, np.int64) for name in ("account", *_COLUMNS, "debited", "credited")}
        self._seq = self._page = np.zeros(0, np.int64)  # of the lines ahead

    def check(self, rows: Rows, sides: Sides, after: int, until: int, pages: Sequence[Row]) -> None:
        """Compare the part of history from `after` to `until` with its lines; `pages` are those that begin in it."""
        self._take(pages)
        near = self._seq <= until
        seq, page = self._seq[near], self._page[near]
        self._seq, self._page = self._seq[~near], self._page[~near]
        if until <= self.paged:
            self._compare(rows, sides, after, seq, page)
        else:
            self._nowhere(seq, page, f"none after entry {self.paged}")
        self._close(until)

    def finish(self, pages: Sequence[Row]) -> None:
        """Report the lines that come after all of history."""
        self._take(pages)
        self._nowhere(self._seq, self._page, "an entry")

    # --- reading -----------------------------------------------------------------------------------------------

    def _take(self, pages: Sequence[Row]) -> None:
        if not pages:
            return
        good = [page for page in pages if self._well_formed(page)]
        ids = np.array([page["account"].bytes for page in good], "V16")
        new = {name: np.array([page[name] for page in good], np.int64) for name in _COLUMNS}
        new["account"] = self._accounts.find(ids) if good else np.zeros(0, np.int64)
        elements = np.frombuffer(b"".join(page["lines"][_HEADER:] for page in good), ">i4")[1::2].astype(
            np.int64
        )
        counts = np.array([(len(page["lines"]) - _HEADER) // 8 for page in good], np.int64)
        page = np.repeat(np.arange(len(good)), counts)
        lines = elements + new["first_seq"][page]
        fits = self._fits(new, counts, elements)
        self._apart({name: values[fits] for name, values in new.items()})
        first = len(self._pages["seq"])
        new |= {"debited": np.zeros(len(good), np.int64), "credited": np.zeros(len(good), np.int64)}
        self._pages = {name: np.append(values, new[name]) for name, values in self._pages.items()}
        self._seq, self._page = np.append(self._seq, lines), np.append(self._page, page + first)

    def _well_formed(self, page: Row) -> bool:
        """Tell whether the lines are a plain list without nulls."""
        good: bool = page["lines"][:8] == b"\0\0\0\1\0\0\0\0"
        if not good:
            what = f"page {page['seq']} of account {page['account']}: lines"
            self._found.line("pages", what, "no list", "1 to 400 numbers")
        return good

    def _fits(self, new: dict[str, Ints], counts: Ints, elements: Ints) -> Flags:
        """Check a page's lines by themselves: from its first to its last entry, rising, at most 400."""
        ends = np.cumsum(counts)
        rises = np.append(np.diff(elements) > 0, True)
        rises[ends - 1] = True  # the next line is another page's
        fits = np.logical_and.reduceat(rises, ends - counts) if len(counts) else np.zeros(0, np.bool_)
        fits &= (
            (counts <= MOST)
            & (elements[ends - counts] == 0)
            & (elements[ends - 1] == new["seq"] - new["first_seq"])
        )
        fits &= new["account"] < len(self._accounts)
        for n in np.flatnonzero(~fits):
            due = f"1 to {MOST} of an account, rising from the first entry to the last"
            self._say(new, n, "lines", int(counts[n]), due)
        return np.asarray(fits)

    def _apart(self, new: dict[str, Ints]) -> None:
        """Check that each page begins after the one before it of its account ended."""
        order = np.lexsort((new["first_seq"], new["account"]))
        account, first, last = (new[name][order] for name in ("account", "first_seq", "seq"))
        begins = np.append(True, account[1:] != account[:-1]) if len(account) else np.zeros(0, np.bool_)
        before = np.where(begins, self._last[account], np.append(0, last[:-1])[: len(last)])
        for n in np.flatnonzero(first <= before):
            due = f"after the page before it, which ends at {before[n]}"
            self._say(new, order[n], "first entry", int(first[n]), due)
        np.maximum.at(self._last, account, last)

    # --- comparing ---------------------------------------------------------------------------------------------

    def _compare(self, rows: Rows, sides: Sides, after: int, seq: Ints, page: Ints) -> None:
        early = seq <= after
        self._nowhere(seq[early], page[early], "an entry")
        seq, page = seq[~early], page[~early]
        listed = self._pages["account"][page] << _PLACE | seq - after
        order = np.argsort(listed)
        listed, page = listed[order], page[order]
        counted = (sides.account < len(self._accounts)) & ~(
            sides.credit & (rows.debit == rows.credit)[sides.row]
        )
        place = np.flatnonzero(counted)
        booked = sides.account[place] << _PLACE | rows.seq[sides.row[place]] - after
        where = np.searchsorted(booked, listed)
        there = np.append(booked, -1)[where] == listed
        self._differences(rows, sides, after, place, booked, listed, page, there)
        self._values(rows, sides, place[where[there]], page[there])

    def _differences(
        self,
        rows: Rows,
        sides: Sides,
        after: int,
        place: Ints,
        booked: Ints,
        listed: Ints,
        page: Ints,
        there: Flags,
    ) -> None:
        if len(listed) == len(booked) and np.array_equal(listed, booked):
            return
        missing = place[~np.isin(booked, listed)]
        missing = missing[np.argsort(sides.row[missing], kind="stable")]
        self._wrong_count(rows, sides.row[missing], 0)
        again = np.flatnonzero(listed[1:] == listed[:-1]) + 1
        again = again[there[again]]
        self._wrong_count(rows, sides.row[place[np.searchsorted(booked, listed[again])]], 2)
        self._nowhere((listed[~there] & (1 << _PLACE) - 1) + after, page[~there], "an entry")

    def _wrong_count(self, rows: Rows, row: Ints, count: int) -> None:
        what, counts = "lines on a page of its account", np.full(len(rows), count)
        self._found.rows("pages", what, rows.seq, rows.id, row, counts, 1)

    def _values(self, rows: Rows, sides: Sides, place: Ints, page: Ints) -> None:
        """Check what a page says of its lines: `place` is each line's side, `page` its page."""
        row = sides.row[place]
        stored, due, what = self._pages["day"][page], rows.day[row], "business date of the page"
        self._found.rows("pages", what, rows.seq[row], rows.id[row], stored != due, stored, due, day)
        for name, side in (("debited", False), ("credited", True)):
            np.add.at(self._pages[name], page, np.where(sides.credit[place] == side, sides.posted[place], 0))
        last = rows.seq[row] == self._pages["seq"][page]
        row, place, page = row[last], place[last], page[last]
        for name in FIGURES:
            due, stored = getattr(sides, name)[place], self._pages[name][page]
            what = f"{name} after the page"
            self._found.rows("pages", what, rows.seq[row], rows.id[row], stored != due, stored, due)

    def _close(self, until: int) -> None:
        """Check the sums of the pages that are complete, and let them go."""
        ahead = np.zeros(len(self._pages["seq"]), np.bool_)
        ahead[self._page] = True
        over = (self._pages["seq"] <= until) & ~ahead
        for stored, due in zip(SUMS, ("debited", "credited"), strict=True):
            for n in np.flatnonzero(over & (self._pages[stored] != self._pages[due])):
                self._say(self._pages, n, stored, int(self._pages[stored][n]), int(self._pages[due][n]))
        self._page = (np.cumsum(~over) - 1)[self._page]
        self._pages = {name: values[~over] for name, values in self._pages.items()}

    def _nowhere(self, seq: Ints, page: Ints, due: str) -> None:
        for n in range(len(seq)):
            self._say(self._pages, page[n], "line", f"entry {seq[n]}", due)

    def _say(self, pages: dict[str, Ints], n: np.int64, what: str, stored: int | str, due: int | str) -> None:
        whose = self._accounts.name(int(pages["account"][n]))
        self._found.line("pages", f"page {pages['seq'][n]} of {whose}: {what}", stored, due)
