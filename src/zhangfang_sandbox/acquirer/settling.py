"""The settlement day of an acquiring bank that is a dialect: its close and its file.

A voided pair appears in no file [G]. The net is what the file says, so that a planted error moves real money until a later
file corrects it: an amount off by one fen the next day, a row that was late the next day, one that was missing on the
third day.
"""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta

from zhangfang_sandbox.acquirer.acquiring import Acquirer
from zhangfang_sandbox.acquirer.closing import Closing
from zhangfang_sandbox.acquirer.dayfile import Cells, written
from zhangfang_sandbox.acquirer.orders import DEBITS, ORDERS, Order

_LATE_DAYS = {"file_missing": 3, "file_late_row": 1}
_TICK = 0.05

_UNLISTED = f"""{ORDERS.select} LEFT JOIN listing USING(seq)
    WHERE orders.mer_id=? AND coalesce(due, settle_date)<=? AND state='SUCCESS' AND operation<>'void'
    AND listed_in IS NULL ORDER BY seq"""
_UNCORRECTED = f"""{ORDERS.select.replace(" FROM", ", excess FROM")} JOIN listing USING(seq)
    WHERE listing.mer_id=? AND excess<>0 AND corrected_in IS NULL AND listed_in<? ORDER BY seq"""


class Days(Closing):
    """The days of a bank that is a dialect."""

    def __init__(self, acquirer: Acquirer) -> None:
        super().__init__(acquirer.store, acquirer.clock, acquirer.merchants)
        self._acquirer, self._form = acquirer, acquirer.dialect.file

    def file(self, mer_id: str, day: date) -> tuple[str, bytes] | None:
        """Name and content of a day's file; None where there is none (yet)."""
        planned: dict[str, list[str]] = self._store.get("bad_files", {})
        if not self.first <= day <= self.closed or self._met(planned, "file_not_ready", day):
            return None
        self._close(mer_id, day)
        whole: bytes = self._store.read(
            "SELECT content FROM days WHERE mer_id=? AND settle_date=?", (mer_id, day.isoformat())
        )[0][0]
        bad = self._met(planned, "file_bad", day)
        return self._form.name(mer_id, day), whole[: len(whole) // 2] if bad else whole

    async def watch(self, also: Callable[[], None]) -> None:
        """Close what is due, for ever; `also` is called each time."""
        while True:
            self.close_due()
            also()
            await self._store.committed()
            await asyncio.sleep(_TICK)

    def _met(self, planned: dict[str, list[str]], fault: str, day: date) -> bool:
        """Whether the first fetch of this day's file meets a fault."""
        if day.isoformat() not in planned.get(fault, ()):
            return False
        planned[fault].remove(day.isoformat())
        self._store.put("bad_files", planned)
        return True

    def _close(self, mer_id: str, day: date) -> None:
        """Make one merchant's file of one day, once. A merchant that came later gets an empty one."""
        iso, rows, net = day.isoformat(), list[Cells](), 0
        if self._is_closed(mer_id, iso):
            return
        for values in self._store.read(_UNLISTED, (mer_id, iso)):
            order = Order(*values)
            if order.settle_date == iso and self._postponed(order, day):
                continue
            excess = self._excess(order) if order.settle_date == iso else 0
            rows.append(self._form.row(order, self._acquirer.original(order), order.amount + excess))
            net += order.amount + excess - order.fee if order.operation in DEBITS else -order.amount
            row = (order.seq, mer_id, order.settle_date, iso, excess)
            self._store.write(
                "INSERT OR REPLACE INTO listing(seq,mer_id,due,listed_in,excess) VALUES(?,?,?,?,?)", row
            )
        for order, excess in self._uncorrected(mer_id, iso):
            rows.append(self._form.correction(order, -excess))
            net -= excess
            self._store.write("UPDATE listing SET corrected_in=? WHERE seq=?", (iso, order.seq))
        dated = [{**row, self._form.day: iso} for row in rows]
        content = self._form.packed(self._form.name(mer_id, day), written(self._form, dated))
        self._store.write("INSERT INTO days VALUES(?,?,?,?,0)", (mer_id, iso, net, content))

    def _postponed(self, order: Order, day: date) -> bool:
        """Whether the row goes into a later day's file. This happens to an order at most once."""
        fault = self._acquirer.faults.first_met(tuple(_LATE_DAYS), order.fault_key)
        if not fault:
            return False
        due = (day + timedelta(days=_LATE_DAYS[fault])).isoformat()
        self._store.write("INSERT INTO listing(seq,mer_id,due) VALUES(?,?,?)", (order.seq, order.mer_id, due))
        return True

    def _excess(self, order: Order) -> int:
        return int(
            order.operation in DEBITS and self._acquirer.faults.meets("file_off_by_one", order.fault_key)
        )

    def _uncorrected(self, mer_id: str, iso: str) -> list[tuple[Order, int]]:
        rows = self._store.read(_UNCORRECTED, (mer_id, iso))
        return [(Order(*values[: len(ORDERS.columns)]), values[-1]) for values in rows]
