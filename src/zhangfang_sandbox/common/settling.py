"""The settlement day of an acquiring bank: its close, its file, and the transfer of its net.

A day ends at 23:00 China time, its file is made at 09:00 of the next morning, its net is paid at 09:30 into the
merchant's account at another bank [K, G]. A voided pair appears in no file [G]. The net is what the file says, so that
a planted error moves real money until a later file corrects it: an amount off by one fen the next day, a row that was
late the next day, one that was missing on the third day.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from zhangfang_sandbox.common.acquiring import Acquirer, settle_date
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.common.dayfile import Cells, written
from zhangfang_sandbox.common.orders import COLUMNS, DEBITS, SELECT, Order

_FILE_AFTER = timedelta(days=1, hours=9)
_TRANSFER_AFTER = timedelta(days=1, hours=9, minutes=30)
_LATE_DAYS = {"file_missing": 3, "file_late_row": 1}
_TICK = 0.05
_RETRY = 0.5

_UNLISTED = f"""{SELECT} LEFT JOIN listing USING(seq)
    WHERE orders.mer_id=? AND coalesce(due, settle_date)<=? AND state='SUCCESS' AND operation<>'void'
    AND listed_in IS NULL ORDER BY seq"""
_UNCORRECTED = f"""{SELECT.replace(" FROM", ", excess FROM")} JOIN listing USING(seq)
    WHERE listing.mer_id=? AND excess<>0 AND corrected_in IS NULL AND listed_in<? ORDER BY seq"""


class Days:
    """Closes days as the bank's clock passes them."""

    def __init__(self, acquirer: Acquirer) -> None:
        self._acquirer, self._store, self._form = acquirer, acquirer.store, acquirer.dialect.file
        self._http = ClientSession(timeout=ClientTimeout(total=10))
        if self._store.get("closed_day", None) is None:
            self.begin(acquirer.clock.now())

    @property
    def first(self) -> date:
        """The first day the clock has seen."""
        return date.fromisoformat(self._store.get("first_day", ""))

    @property
    def closed(self) -> date:
        """The last day whose file is made."""
        return date.fromisoformat(self._store.get("closed_day", ""))

    def begin(self, now: datetime) -> None:
        """The bank's first day is the one of `now`. Only for a bank without orders."""
        day = settle_date(now)
        self._store.put("first_day", day.isoformat())
        self._store.put("closed_day", (day - timedelta(days=1)).isoformat())
        self._store.write("DELETE FROM days")

    def close_due(self) -> None:
        """Make the files of all days that have become due, oldest first."""
        last = _passed(self._acquirer.clock.now(), _FILE_AFTER)
        day = self.closed + timedelta(days=1)
        while day <= last:
            for mer_id in self._acquirer.merchants:
                self._close(mer_id, day)
            self._store.put("closed_day", day.isoformat())
            day += timedelta(days=1)

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
        """Look at the clock for ever; `also` is done each time."""
        while True:
            self.close_due()
            also()
            await self._store.committed()
            await asyncio.sleep(_TICK)

    async def transfer(self) -> None:
        """Pay for ever what is due; what is not acknowledged is tried again."""
        while True:
            acknowledged = [await self._pay(*due) for due in self._payable()]
            await asyncio.sleep(_TICK if all(acknowledged) else _RETRY)

    async def close(self) -> None:
        """Stop talking to the other bank."""
        await self._http.close()

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
        if self._store.read("SELECT 1 FROM days WHERE mer_id=? AND settle_date=?", (mer_id, iso)):
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
        """Whether a row is kept for a later day's file; each order meets that once."""
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
        return [(Order(*values[: len(COLUMNS)]), values[-1]) for values in rows]

    def _payable(self) -> list[tuple[str, str, int, str | None, str | None]]:
        """Merchant, day, net, and where to: what is closed, due and not paid. A net of nothing needs no account."""
        last = _passed(self._acquirer.clock.now(), _TRANSFER_AFTER).isoformat()
        return self._store.read(
            "SELECT mer_id,settle_date,net_fen,url,account FROM days LEFT JOIN accounts USING(mer_id)"
            " WHERE transferred=0 AND settle_date<=? AND (net_fen=0 OR url IS NOT NULL) ORDER BY settle_date",
            (last,),
        )

    async def _pay(self, mer_id: str, iso: str, net: int, url: str | None, account: str | None) -> bool:
        await self._store.committed()
        dialect, day = self._acquirer.dialect, iso.replace("-", "")
        order = {
            "id": f"{dialect.prefix}-{mer_id}-{day}",
            "account": account,
            "amount_fen": abs(net),
            "counterparty_name": f"{dialect.name}清算",
            "counterparty_account": f"{dialect.prefix}0001000000000001",
            "text": f"{dialect.name}清算 {day} {mer_id}",
        }
        if net and not await self._ask(f"{url}/{'credit' if net > 0 else 'debit'}", order):
            return False
        names = (iso, mer_id, iso)
        self._store.write("UPDATE days SET transferred=1 WHERE mer_id=? AND settle_date=?", names[1:])
        self._store.write("UPDATE listing SET settled_in=? WHERE mer_id=? AND listed_in=?", names)
        self._store.write(
            "UPDATE listing SET correction_settled_in=? WHERE mer_id=? AND corrected_in=?", names
        )
        return True

    async def _ask(self, url: str, order: dict[str, Any]) -> bool:
        """The id makes asking again harmless."""
        try:
            async with self._http.post(url, json=order) as response:
                await response.read()
                return response.status < 300
        except (ClientError, TimeoutError):
            return False


def _passed(now: datetime, after: timedelta) -> date:
    """The last settlement day whose midnight lies at least `after` back."""
    return (now.astimezone(CHINA) - after).date()
