"""The settlement day: its close, its file, and the transfer of its net.

A day ends at 23:00 China time. Its file is made at 09:00 of the next morning, its net is paid at 09:30 into the
merchant's account at another bank. Unverified: both times, and that a voided pair appears in no file. The net is what
the file says, so that a planted error moves real money until the next day's file corrects it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from zhangfang_sandbox.common.clock import CHINA, BankClock
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay import zm
from zhangfang_sandbox.unionpay.book import COLUMNS, SELECT, Book, Order
from zhangfang_sandbox.unionpay.fields import DEBITS
from zhangfang_sandbox.unionpay.rules import settle_date
from zhangfang_sandbox.unionpay.seal import Merchant

_FILE_AFTER = timedelta(days=1, hours=9)
_TRANSFER_AFTER = timedelta(days=1, hours=9, minutes=30)
_TICK = 0.05
_RETRY = 0.5

_UNLISTED = f"""{SELECT} LEFT JOIN listing USING(seq)
    WHERE orders.mer_id=? AND settle_date BETWEEN ? AND ? AND state='SUCCESS' AND txn_type<>'31'
    AND listed_in IS NULL ORDER BY seq"""
_UNCORRECTED = f"""{SELECT.replace(" FROM", ", excess FROM")} JOIN listing USING(seq)
    WHERE listing.mer_id=? AND excess<>0 AND corrected_in IS NULL AND listed_in<? ORDER BY seq"""


@dataclass(slots=True)
class Sums:
    """A day in figures; fen, and `net_fen` is what is paid (below zero: what is taken)."""

    pay_in_count: int = 0
    pay_in_fen: int = 0
    refund_count: int = 0
    refund_fen: int = 0
    fee_fen: int = 0
    adjust_fen: int = 0

    @property
    def net_fen(self) -> int:
        """Pay-ins less refunds and fees, and the corrections of earlier days."""
        return self.pay_in_fen - self.refund_fen - self.fee_fen + self.adjust_fen

    def add(self, order: Order, amount: int) -> None:
        """Count one row of the file."""
        if order.txn_type in DEBITS:
            self.pay_in_count += 1
            self.pay_in_fen += amount
            self.fee_fen += order.fee
        else:
            self.refund_count += 1
            self.refund_fen += amount


class Days:
    """Closes days as the bank's clock passes them."""

    def __init__(self, store: Store, clock: BankClock, book: Book, merchants: dict[str, Merchant]) -> None:
        self._store, self._clock, self._book, self._merchants = store, clock, book, merchants
        self._http = ClientSession(timeout=ClientTimeout(total=10))
        if store.get("first_day", None) is None:
            self.begin(clock.now())

    @property
    def first(self) -> date:
        """The first day the clock has seen."""
        return date.fromisoformat(self._store.get("first_day", ""))

    @property
    def closed(self) -> date:
        """The last day whose file is made."""
        return date.fromisoformat(self._store.get("closed_day", ""))

    def begin(self, now: datetime) -> None:
        """The bank's first day is the one of `now`. Only for a bank without transactions."""
        day = settle_date(now)
        self._store.put("first_day", day.isoformat())
        self._store.put("closed_day", (day - timedelta(days=1)).isoformat())
        self._store.write("DELETE FROM days")

    def close_due(self) -> None:
        """Make the files of all days that have become due, oldest first."""
        last = _passed(self._clock.now(), _FILE_AFTER)
        day = self.closed + timedelta(days=1)
        while day <= last:
            for mer_id in self._merchants:
                self._close(mer_id, day)
            self._store.put("closed_day", day.isoformat())
            day += timedelta(days=1)

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
        return zm.file_name(mer_id, day), content[0][0]

    def open_sums(self, mer_id: str) -> dict[str, Sums]:
        """The figures so far of days that have no file yet."""
        sums: dict[str, Sums] = {}
        after = (self.closed + timedelta(days=1)).isoformat()
        for values in self._store.read(_UNLISTED, (mer_id, after, "9999")):
            order = Order(*values)
            sums.setdefault(order.settle_date, Sums()).add(order, order.amount)
        return sums

    async def watch(self, also: Callable[[], None]) -> None:
        """Look at the clock for ever; `also` is done each time."""
        while True:
            self.close_due()
            also()
            await asyncio.sleep(_TICK)

    async def transfer(self) -> None:
        """Pay what is due for ever, asking again until it is acknowledged."""
        while True:
            acknowledged = [await self._pay(*due) for due in self._payable()]
            await asyncio.sleep(_TICK if all(acknowledged) else _RETRY)

    async def close(self) -> None:
        """Stop talking to the other bank."""
        await self._http.close()

    def _close(self, mer_id: str, day: date) -> None:
        """Make one merchant's file of one day, once. A merchant that came later gets an empty one."""
        iso, yesterday = day.isoformat(), (day - timedelta(days=1)).isoformat()
        if self._store.read("SELECT 1 FROM days WHERE mer_id=? AND settle_date=?", (mer_id, iso)):
            return
        sums, normal, listed = Sums(), bytearray(), []
        missing, off_by_one = map(set, self._store.get("plants", ([], [])))
        for values in self._store.read(_UNLISTED, (mer_id, yesterday, iso)):
            order = Order(*values)
            of_today = order.settle_date == iso
            if of_today and order.key in missing:
                continue
            excess = int(of_today and order.txn_type in DEBITS and order.key in off_by_one)
            sums.add(order, order.amount + excess)
            normal += zm.zm_row(
                order, self._book.by_query_id(mer_id, order.orig_qry_id), order.amount + excess
            )
            listed.append((order.seq, mer_id, iso, excess))
        corrections = self._correct(mer_id, iso, sums)
        self._store.write_many("INSERT INTO listing(seq,mer_id,listed_in,excess) VALUES(?,?,?,?)", listed)
        content = zm.packed(mer_id, day, bytes(normal), corrections)
        figures = (sums.pay_in_count, sums.pay_in_fen, sums.refund_count, sums.refund_fen, sums.fee_fen)
        row = (mer_id, iso, *figures, sums.adjust_fen, sums.net_fen, content, 0)
        self._store.write("INSERT INTO days VALUES(?,?,?,?,?,?,?,?,?,?,?)", row)

    def _correct(self, mer_id: str, iso: str, sums: Sums) -> bytes:
        rows = bytearray()
        for *values, excess in self._store.read(_UNCORRECTED, (mer_id, iso)):
            order = Order(*values[: len(COLUMNS)])
            rows += zm.zme_row(order, -excess)
            sums.adjust_fen -= excess
            self._store.write("UPDATE listing SET corrected_in=? WHERE seq=?", (iso, order.seq))
        return bytes(rows)

    def _payable(self) -> list[tuple[str, str, int, str | None, str | None]]:
        """Merchant, day, net, and where to: what is closed, due and not paid. A net of nothing needs no account."""
        last = _passed(self._clock.now(), _TRANSFER_AFTER).isoformat()
        return self._store.read(
            "SELECT mer_id,settle_date,net_fen,url,account FROM days LEFT JOIN accounts USING(mer_id)"
            " WHERE transferred=0 AND settle_date<=? AND (net_fen=0 OR url IS NOT NULL) ORDER BY settle_date",
            (last,),
        )

    async def _pay(self, mer_id: str, iso: str, net: int, url: str | None, account: str | None) -> bool:
        await self._store.committed()
        day = iso.replace("-", "")
        order = {
            "id": f"UP-{mer_id}-{day}",
            "account": account,
            "amount_fen": abs(net),
            "counterparty_name": "银联商户清算",
            "counterparty_account": "UP0001000000000001",
            "text": f"银联商户清算 {day} {mer_id}",
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


def _day(year: int, month_day: str) -> date | None:
    try:
        return date(year, int(month_day[:2]), int(month_day[2:]))
    except ValueError:
        return None
