"""The settlement day: its close and its file.

A day ends at 23:00 China time. Its file is made at 09:00 of the next morning. Unverified: that time, and that a voided
pair appears in no file. The bank pays what the file says. So a planted error moves real money until the next day's
file corrects it, and a row that is left out is paid later too.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta

from zhangfang_sandbox.acquirer.closing import Closing
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay import planting
from zhangfang_sandbox.unionpay.book import ORDERS, Book, Order
from zhangfang_sandbox.unionpay.rules import succeed
from zhangfang_sandbox.unionpay.wire import zm
from zhangfang_sandbox.unionpay.wire.fields import DEBITS, PAYOUT
from zhangfang_sandbox.unionpay.wire.seal import Merchant

_TICK = 0.05

_UNLISTED = f"""{ORDERS.select} LEFT JOIN listing USING(seq)
    WHERE orders.mer_id=? AND settle_date BETWEEN ? AND ? AND state IN ('SUCCESS','RETURNED') AND txn_type<>'31'
    AND listed_in IS NULL ORDER BY seq"""
_UNCORRECTED = f"""{ORDERS.select.replace(" FROM", ", excess FROM")} JOIN listing USING(seq)
    WHERE listing.mer_id=? AND excess<>0 AND corrected_in IS NULL AND listed_in<? ORDER BY seq"""
_LEFT_OUT = f"""{ORDERS.select} JOIN listing USING(seq)
    WHERE listing.mer_id=? AND settle_date<=? AND listed_in='' ORDER BY seq"""
_CAME_BACK = f"""{ORDERS.select} JOIN listing USING(seq)
    WHERE listing.mer_id=? AND returned_on BETWEEN '1' AND ? AND listed_in<>'' AND return_listed_in IS NULL
    ORDER BY seq"""
# A row that meets `file_missing` is in the third file after its own.
_MISSING_FOR = timedelta(days=3)
MISHAPS = ("file_not_ready", "file_bad")


@dataclass(slots=True)
class Sums:
    """The sums of a day, in fen; `net_fen` is what is paid (below zero: what is debited)."""

    pay_in_count: int = 0
    pay_in_fen: int = 0
    refund_count: int = 0
    refund_fen: int = 0
    payout_count: int = 0
    payout_fen: int = 0
    returned_fen: int = 0
    fee_fen: int = 0
    adjust_fen: int = 0

    @property
    def net_fen(self) -> int:
        """Pay-ins less refunds, payouts and fees; payouts that came back; the corrections of earlier days."""
        out = self.refund_fen + self.payout_fen + self.fee_fen
        return self.pay_in_fen - out + self.returned_fen + self.adjust_fen

    def add(self, order: Order, amount: int) -> None:
        """Count one row of the file."""
        if order.txn_type in DEBITS:
            self.pay_in_count += 1
            self.pay_in_fen += amount
            self.fee_fen += order.fee
        elif order.txn_type == PAYOUT:
            self.payout_count += 1
            self.payout_fen += amount
        else:
            self.refund_count += 1
            self.refund_fen += amount


class Days(Closing):
    """UnionPay's days."""

    def __init__(
        self, store: Store, clock: BankClock, faults: Faults, book: Book, merchants: dict[str, Merchant]
    ) -> None:
        super().__init__(store, clock, merchants)
        self._faults, self._book = faults, book

    def file(self, mer_id: str, month_day: str) -> tuple[str, str] | None:
        """Name and content of the latest file with this MMDD (the request has no year); None where there is none."""
        first, closed = self.first, self.closed
        days = (_day(year, month_day) for year in (closed.year, closed.year - 1))
        day = next((day for day in days if day and first <= day <= closed), None)
        if day is None:
            return None
        self._close(mer_id, day)
        content = self._store.read(
            "SELECT content FROM days WHERE mer_id=? AND settle_date=?", (mer_id, str(day))
        )
        mishap = self._mishap(day)
        if mishap == "file_not_ready":
            return None
        return zm.file_name(mer_id, day), zm.damaged(content[0][0]) if mishap else content[0][0]

    def _mishap(self, day: date) -> str:
        """What goes wrong with this fetch of a day's file. Each planned date goes wrong once."""
        planned = self._store.get("mishaps", {})
        for name in MISHAPS:
            if str(day) in planned.get(name, ()):
                planned[name].remove(str(day))
                self._store.put("mishaps", planned)
                return name
        return ""

    def open_sums(self, mer_id: str) -> dict[str, Sums]:
        """The figures so far of days that have no file yet."""
        sums: dict[str, Sums] = {}
        after = (self.closed + timedelta(days=1)).isoformat()
        for values in self._store.read(_UNLISTED, (mer_id, after, "9999")):
            order = Order(*values)
            sums.setdefault(order.settle_date, Sums()).add(order, order.amount)
        return sums

    async def watch(self, first: Callable[[], None], then: Callable[[], None]) -> None:
        """Close what is due, for ever; `first` is called before each look, `then` after it."""
        while True:
            first()
            self.close_due()
            then()
            await asyncio.sleep(_TICK)

    def _close(self, mer_id: str, day: date) -> None:
        """Make one merchant's file of one day, once. A merchant that came later gets an empty one."""
        iso = day.isoformat()
        if self._is_closed(mer_id, iso):
            return
        sums = Sums()
        normal = self._list(mer_id, day, sums)
        exceptions = self._correct(mer_id, iso, sums) + self._bring_back(mer_id, iso, sums)
        content = zm.packed(mer_id, day, normal, exceptions)
        row = (mer_id, iso, *astuple(sums), sums.net_fen, content, 0)
        self._store.write(f"INSERT INTO days VALUES({','.join('?' * len(row))})", row)

    def _list(self, mer_id: str, day: date, sums: Sums) -> bytes:
        """The rows of the orders that succeeded, and of those that yesterday's file left out."""
        iso, yesterday = day.isoformat(), (day - timedelta(days=1)).isoformat()
        due = [Order(*row) for row in self._store.read(_UNLISTED, (mer_id, yesterday, iso))]
        today = [order for order in due if order.settle_date == iso]
        found = self._store.read(_LEFT_OUT, (mer_id, (day - _MISSING_FOR).isoformat()))
        due += [Order(*row) for row in found]
        due += [extra for order in today if (extra := self._extra(order, day))]
        planted = [set(keys) for keys in self._store.get("plants", ([], []))]
        rows, listed = bytearray(), []
        for order in due:
            listed_in, excess = self._fate(order, iso, planted)
            if listed_in == iso:
                sums.add(order, order.amount + excess)
                original = self._book.by_query_id(mer_id, order.orig_qry_id)
                rows += zm.zm_row(order, original, order.amount + excess)
            if listed_in is not None:
                listed.append((order.seq, mer_id, listed_in, excess))
        self._store.write_many(
            "INSERT OR REPLACE INTO listing(seq,mer_id,listed_in,excess) VALUES(?,?,?,?)", listed
        )
        return bytes(rows)

    def _fate(self, order: Order, iso: str, planted: Sequence[set[str]]) -> tuple[str | None, int]:
        """The file that lists an order (empty: one some days later; None: the next one), and the excess in fen."""
        if order.settle_date != iso:
            return iso, 0
        meets, key, (missing, off_by_one) = self._faults.meets, order.key, planted
        if meets("file_missing", key):
            return "", 0
        if key in missing or meets("file_late_row", key):
            return None, 0
        return iso, int(order.txn_type in DEBITS and (key in off_by_one or meets("file_off_by_one", key)))

    def _extra(self, order: Order, day: date) -> Order | None:
        """A pay-in that no merchant asked for, next to one that meets the fault: real money, and a row in the file."""
        if order.txn_type not in DEBITS or not self._faults.meets("file_extra", order.key):
            return None
        extra = planting.stranger(order.mer_id, day, order.amount, f"{order.order_id}+", "", order.acc_no)
        succeed(extra, planting.noon(day))
        self._book.add_new(extra)
        return extra

    def _correct(self, mer_id: str, iso: str, sums: Sums) -> bytes:
        rows = bytearray()
        for *values, excess in self._store.read(_UNCORRECTED, (mer_id, iso)):
            order = Order(*values)
            rows += zm.zme_row(order, -excess)
            sums.adjust_fen -= excess
            self._store.write("UPDATE listing SET corrected_in=? WHERE seq=?", (iso, order.seq))
        return bytes(rows)

    def _bring_back(self, mer_id: str, iso: str, sums: Sums) -> bytes:
        rows = bytearray()
        for values in self._store.read(_CAME_BACK, (mer_id, iso)):
            order = Order(*values)
            rows += zm.back_row(order)
            sums.returned_fen += order.amount
            self._store.write("UPDATE listing SET return_listed_in=? WHERE seq=?", (iso, order.seq))
        return bytes(rows)


def _day(year: int, month_day: str) -> date | None:
    try:
        return date(year, int(month_day[:2]), int(month_day[2:]))
    except ValueError:
        return None
