"""The control plane that all acquiring banks share: merchants, payers, planted errors, the book. Never part of the wire."""

from collections.abc import Mapping
from datetime import datetime, time
from hashlib import sha256
from typing import Any

from aiohttp import web

from zhangfang_sandbox.acquirer.acquiring import Acquirer
from zhangfang_sandbox.acquirer.plane import BOOK, Plane, days_of
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.common.control import body_of, need
from zhangfang_sandbox.common.shapes import sequence

_ORDERS = {
    "seq": "seq", "key": "key", "order_no": "order_no", "operation": "operation", "amount": "amount",
    "state": "state", "settle_date": "nullif(settle_date, '')", "original": "original", "fee": "fee",
    "account": "account",
}  # fmt: skip
# `denied`: merchants are told that it failed, whatever the book says. These banks pay nothing out, so nothing returns.
_MOVEMENTS = _ORDERS | {"settled_in": "settled_in", "return_settled_in": "NULL", "denied": "told<>''"}
_BOOK = _ORDERS | {
    "merId": "orders.mer_id", "ref": "ref", "reason": "reason", "refunded": "refunded",
    "listed_in": "listed_in", "settled_in": "settled_in",
}  # fmt: skip
_OWED = f"""SELECT
    coalesce(sum(CASE WHEN settled_in IS NOT NULL THEN 0 WHEN operation='refund' THEN -amount ELSE amount END), 0)
        - coalesce(sum(CASE WHEN settled_in IS NOT NULL AND correction_settled_in IS NULL THEN excess END), 0),
    coalesce(sum(CASE WHEN settled_in IS NULL THEN fee END), 0)
    {BOOK} WHERE state='SUCCESS' AND operation<>'void'"""
_DOUBLE = """SELECT count(*) FROM (SELECT 1 FROM orders
    WHERE operation IN ('purchase','collection') AND state='SUCCESS' AND refunded<amount AND key<>''
    GROUP BY mer_id, key HAVING count(*)>1)"""
_BAD_FILES = ("file_not_ready", "file_bad")


def application(acquirer: Acquirer, days: Days) -> web.Application:
    """The control plane."""
    return Control(acquirer, days).application(acquirer.dialect.faults)


class Control(Plane):
    """The handlers of a bank that is a dialect."""

    _bank: Acquirer
    columns = _BOOK

    async def merchants(self, request: web.Request) -> web.Response:
        """Register a merchant; answers what it needs to know."""
        return await self._done(self._bank.register(await body_of(request)))

    async def plant(self, request: web.Request) -> web.Response:
        """Plan bad files by date. `extra` debits are booked at once; the same one again changes nothing."""
        data = await body_of(request)
        planned = {name: days_of(data, name) for name in _BAD_FILES}
        extras = [self._extra(extra) for extra in need({"extra": [], **data}, "extra", list)]
        self._store.put("bad_files", planned)
        for extra in extras:
            self._bank.add_extra(*extra)
        return await self._done(planned | {"extra": [number for _, number, *_ in extras]})

    async def movements(self, request: web.Request) -> web.Response:
        """Every order after a number, as the bank has it."""
        rows = self._rows(_MOVEMENTS, "seq>?", (sequence(request.query),))
        return await self._done([row | {"denied": bool(row["denied"])} for row in rows])

    async def summary(self, _: web.Request) -> web.Response:
        """What the bank owes by its own book, and how many keys have more than one successful pay-in."""
        owed, fees = self._store.read(_OWED)[0]
        double = self._store.read(_DOUBLE)[0][0]
        days = self._store.read("SELECT settle_date, net_fen, transferred FROM days ORDER BY 1")
        shown = [{"settle_date": day, "net_fen": net, "transferred": bool(paid)} for day, net, paid in days]
        return await self._done(
            {"owed_fen": owed, "unsettled_fee_fen": fees, "double_debits": double, "days": shown}
        )

    def _rows(self, columns: Mapping[str, str], where: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        own, found = self._bank.dialect.own_no, super()._rows(columns, where, values)
        for row in found:
            row.update({name: own(row[name]) for name in ("order_no", "original")})
        return found

    def _extra(self, extra: Any) -> tuple[str, str, int, str, datetime]:
        """A purchase by the merchant's static code, at noon of its day. Its number is a digest of its contents."""
        mer_id, day, amount, key = self._extra_of(extra)
        number = sha256(f"{mer_id}|{day}|{amount}|{key}".encode()).hexdigest()[:32]
        return mer_id, number, amount, key, datetime.combine(day, time(12), CHINA)
