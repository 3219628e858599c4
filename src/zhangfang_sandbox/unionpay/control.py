"""The control plane of this bank: merchants, planted errors, the book. Never part of the wire."""

from datetime import date, datetime, time
from hashlib import sha256
from typing import Any

from aiohttp import web

from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.common.control import (
    Refused,
    body_of,
    clock_routes,
    errors_as_json,
    fault_routes,
    need,
)
from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.cashier import CARD
from zhangfang_sandbox.unionpay.customer import masked
from zhangfang_sandbox.unionpay.days import Days
from zhangfang_sandbox.unionpay.fields import SHAPES
from zhangfang_sandbox.unionpay.gateway import FAULTS
from zhangfang_sandbox.unionpay.rules import settle_date

_BOOK = {
    "seq": "seq",
    "merId": "orders.mer_id",
    "orderId": "order_id",
    "txnTime": "txn_time",
    "txnType": "txn_type",
    "txnSubType": "txn_sub_type",
    "bizType": "biz_type",
    "amount": "amount",
    "state": "state",
    "respCode": "resp_code",
    "queryId": "query_id",
    "settleDate": "nullif(settle_date, '')",
    "key": "key",
    "origQryId": "nullif(orig_qry_id, '')",
    "fee": "fee",
    "accNo": "acc_no",
    "listed_in": "listed_in",
    "settled_in": "settled_in",
}
_FROM = "FROM orders LEFT JOIN listing USING(seq)"
_OWED = f"""SELECT
    coalesce(sum(CASE WHEN settled_in IS NOT NULL THEN 0 WHEN txn_type='04' THEN -amount ELSE amount END), 0)
        - coalesce(sum(CASE WHEN settled_in IS NOT NULL AND correction_settled_in IS NULL THEN excess END), 0),
    coalesce(sum(CASE WHEN settled_in IS NULL THEN fee END), 0)
    {_FROM} WHERE state='SUCCESS' AND txn_type<>'31'"""
_DOUBLE = """SELECT count(*) FROM (SELECT 1 FROM orders
    WHERE txn_type IN ('01','11') AND state='SUCCESS' AND refunded<amount AND key<>''
    GROUP BY mer_id, key HAVING count(*)>1)"""
_FIGURES = ("pay_in_count", "pay_in_fen", "refund_count", "refund_fen", "fee_fen", "adjust_fen", "net_fen")


def application(bank: Bank, days: Days) -> web.Application:
    """The control plane."""
    plane = Control(bank, days)
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(clock_routes(bank.store, bank.clock, plane.check_clock))
    app.add_routes(fault_routes(bank.store, bank.faults, FAULTS))
    app.add_routes(
        [
            web.post("/merchants", plane.merchants),
            web.post("/settlement_account", plane.settlement_account),
            web.put("/plant", plane.plant),
            web.get("/book", plane.book),
            web.get("/book/summary", plane.summary),
        ]
    )
    return app


class Control:
    """Handlers. What the bank refuses here, it refuses in words."""

    def __init__(self, bank: Bank, days: Days) -> None:
        self._bank, self._days, self._store = bank, days, bank.store

    def check_clock(self, now: datetime) -> None:
        """A settlement day that has passed does not come back, unless nothing has happened yet."""
        if settle_date(now) >= settle_date(self._bank.clock.now()):
            return
        if self._store.read("SELECT 1 FROM orders LIMIT 1"):
            raise Refused("now: lies in a settlement day that has passed, and the book is not empty", 409)
        self._days.begin(now)

    async def merchants(self, request: web.Request) -> web.Response:
        """Register a merchant; answers the bank's certificates."""
        data = await body_of(request)
        mer_id = _shaped(data, "merId")
        secure_key = need({"secure_key": "", **data}, "secure_key", str)
        try:
            self._bank.register(mer_id, need(data, "name", str), need(data, "certificate", str), secure_key)
        except (ValueError, TypeError) as error:
            raise Refused("certificate: must be the PEM of an RSA certificate") from error
        await self._store.committed()
        return web.json_response(
            {name: self._bank.keys[name].certificate for name in ("root", "middle", "encrypt")}
        )

    async def settlement_account(self, request: web.Request) -> web.Response:
        """Where a merchant's net is paid: another bank's control plane, and the account there."""
        data = await body_of(request)
        url = need(data, "url", str).rstrip("/")
        row = (self._merchant(_shaped(data, "merId")), url, need(data, "account", str))
        if not url.startswith(("http://", "https://")):
            raise Refused("url: must be an http or https URL")
        self._store.write("INSERT OR REPLACE INTO accounts VALUES(?,?,?)", row)
        await self._store.committed()
        return web.json_response({"ok": True})

    async def plant(self, request: web.Request) -> web.Response:
        """Plan errors of the file; `extra` transactions come into the book at once, each one once."""
        data = await body_of(request)
        plants = {name: need({name: [], **data}, name, list) for name in ("missing", "off_by_one")}
        for name, keys in plants.items():
            if not all(isinstance(key, str) for key in keys):
                raise Refused(f"{name}: must be a list of keys")
        extras = [self._extra(extra) for extra in need({"extra": [], **data}, "extra", list)]
        self._store.put("plants", (plants["missing"], plants["off_by_one"]))
        for order, at in extras:
            if self._bank.book.by_number(order.mer_id, order.order_id, order.txn_time) is None:
                order.seq = self._bank.book.next_seq()
                order.query_id = f"{order.txn_time}{order.seq % 10_000_000:07d}"
                order.trace_no = f"{order.seq % 1_000_000:06d}"
                self._bank.plant_extra(order, at)
        await self._store.committed()
        return web.json_response(plants | {"extra": [order.order_id for order, _ in extras]})

    async def book(self, request: web.Request) -> web.Response:
        """All transactions, or those whose columns equal the query's parameters."""
        if unknown := set(request.query) - set(_BOOK):
            raise Refused(f"filter: unknown {sorted(unknown)}, allowed {sorted(_BOOK)}")
        where = " AND ".join(f"CAST({_BOOK[name]} AS TEXT)=?" for name in request.query) or "1"
        columns = ",".join(_BOOK.values())
        rows = self._store.read(
            f"SELECT {columns} {_FROM} WHERE {where} ORDER BY seq",
            tuple(request.query.values()),
        )
        await self._store.committed()
        return web.json_response([dict(zip(_BOOK, row, strict=True)) for row in rows])

    async def summary(self, _: web.Request) -> web.Response:
        """What the bank owes by its own book, and each day in figures."""
        owed, fees = self._store.read(_OWED)[0]
        double = self._store.read(_DOUBLE)[0][0]
        await self._store.committed()
        return web.json_response(
            {"owed_fen": owed, "unsettled_fee_fen": fees, "days": self._figures(), "double_debits": double}
        )

    def _figures(self) -> dict[str, dict[str, Any]]:
        """All merchants together: closed days by their files, open ones so far."""
        sums = ",".join(f"sum({name})" for name in _FIGURES)
        closed = self._store.read(
            f"SELECT settle_date,{sums},min(transferred) FROM days GROUP BY 1 ORDER BY 1"  # noqa: S608
        )
        found = {
            day: dict(zip(_FIGURES, values, strict=True)) | {"transferred": bool(done)}
            for day, *values, done in closed
        }
        for mer_id in self._bank.merchants:
            for day, figures in self._days.open_sums(mer_id).items():
                kept = found.setdefault(day, dict.fromkeys(_FIGURES, 0) | {"transferred": False})
                for name in _FIGURES:
                    kept[name] += getattr(figures, name)
        return found

    def _merchant(self, mer_id: str) -> str:
        if mer_id not in self._bank.merchants:
            raise Refused("merId: not registered", 404)
        return mer_id

    def _extra(self, extra: Any) -> tuple[Order, datetime]:
        """A purchase by the merchant's static code, at noon of its day; its number follows from what it is."""
        if not isinstance(extra, dict):
            raise Refused("extra: must be a list of objects")
        try:
            day = date.fromisoformat(need(extra, "settleDate", str))
        except ValueError as error:
            raise Refused("extra.settleDate: must be YYYY-MM-DD") from error
        if day <= self._days.closed:
            raise Refused("extra.settleDate: the file of that day is made already", 409)
        amount, key = need(extra, "amount", int), need(extra, "key", str)
        if not 0 < amount < 10**12:
            raise Refused("extra.amount: must be from 1 to 999999999999 fen")
        default = next(iter(self._bank.merchants), "")
        mer_id = self._merchant(need({"merId": default, **extra}, "merId", str))
        number = sha256(f"{mer_id}|{day}|{amount}|{key}".encode()).hexdigest()[:32]
        order = Order(
            seq=0,
            mer_id=mer_id,
            order_id=number,
            txn_time=f"{day:%Y%m%d}120000",
            txn_type="01",
            txn_sub_type="01",
            biz_type="000201",
            access_type="0",
            encoding="UTF-8",
            sign_method="01",
            amount=amount,
            key=key,
            acc_no=masked(account) if (account := need({"account": "", **extra}, "account", str)) else CARD,
            query_id="",
            trace_no="",
            trace_time="",
            back_url="",
        )
        return order, datetime.combine(day, time(12), CHINA)


def _shaped(data: dict[str, Any], name: str) -> str:
    shape, allowed = SHAPES[name]
    text = str(need(data, name, str))
    if not shape.fullmatch(text):
        raise Refused(f"{name}: must be {allowed}, got {len(text)} characters")
    return text
