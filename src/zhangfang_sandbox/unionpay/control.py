"""The control plane of this bank: merchants, payers, planted errors. Never part of the wire."""

from datetime import date, datetime
from typing import Any

from aiohttp import web

from zhangfang_sandbox.common.control import (
    Refused,
    body_of,
    clock_routes,
    errors_as_json,
    fault_routes,
    need,
)
from zhangfang_sandbox.unionpay import planting
from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.cashier import CARD
from zhangfang_sandbox.unionpay.days import MISHAPS, Days
from zhangfang_sandbox.unionpay.gateway import FAULTS
from zhangfang_sandbox.unionpay.rules import settle_date
from zhangfang_sandbox.unionpay.views import Views
from zhangfang_sandbox.unionpay.wire.customer import masked
from zhangfang_sandbox.unionpay.wire.fields import SHAPES


def application(bank: Bank, days: Days) -> web.Application:
    """The control plane."""
    plane, views = Control(bank, days), Views(bank, days)
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(clock_routes(bank.store, bank.clock, plane.check_clock))
    app.add_routes(fault_routes(bank.store, bank.faults, FAULTS))
    app.add_routes(
        [
            web.post("/merchants", plane.merchants),
            web.post("/settlement_account", plane.settlement_account),
            web.post("/payers", plane.payers),
            web.put("/plant", plane.plant),
            web.get("/book", views.book),
            web.get("/book/summary", views.summary),
            web.get("/movements", views.movements),
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
        """Plan errors of files and of fetching them; `extra` transactions come into the book at once, each one once."""
        data = await body_of(request)
        plants = {name: need({name: [], **data}, name, list) for name in ("missing", "off_by_one")}
        for name, keys in plants.items():
            if not all(isinstance(key, str) for key in keys):
                raise Refused(f"{name}: must be a list of keys")
        extras = [self._extra(extra) for extra in need({"extra": [], **data}, "extra", list)]
        mishaps = {name: _days_of(data, name) for name in MISHAPS}
        self._store.put("plants", (plants["missing"], plants["off_by_one"]))
        self._days.plan(mishaps)
        for order, at in extras:
            if self._bank.book.by_number(order.mer_id, order.order_id, order.txn_time) is None:
                self._bank.plant_extra(order, at)
        await self._store.committed()
        return web.json_response(plants | mishaps | {"extra": [order.order_id for order, _ in extras]})

    async def payers(self, request: web.Request) -> web.Response:
        """The payer of a purchase that waits at the cashier pays, or refuses."""
        data = await body_of(request)
        action = need(data, "action", str)
        if action not in {"pay", "refuse"}:
            raise Refused("action: must be pay or refuse")
        order = self._bank.book.by_order_id(need(data, "order_no", str))
        if order is None:
            raise Refused("order_no: no such order", 404)
        if not self._bank.waits(order):
            raise Refused("order_no: does not wait for its payer", 409)
        if action == "pay":
            self._bank.pay(order, silent=False, late=False)
        else:
            self._bank.refuse(order)
        await self._store.committed()
        return web.json_response({"order_no": order.order_id, "state": order.state})

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
        account = need({"account": "", **extra}, "account", str)
        order = planting.stranger(mer_id, day, amount, key, key, masked(account) if account else CARD)
        return order, planting.noon(day)


def _days_of(data: dict[str, Any], name: str) -> list[str]:
    days = need({name: [], **data}, name, list)
    try:
        return [date.fromisoformat(day).isoformat() for day in days]
    except (TypeError, ValueError) as error:
        raise Refused(f"{name}: must be a list of dates YYYY-MM-DD") from error


def _shaped(data: dict[str, Any], name: str) -> str:
    shape, allowed = SHAPES[name]
    text = str(need(data, name, str))
    if not shape.fullmatch(text):
        raise Refused(f"{name}: must be {allowed}, got {len(text)} characters")
    return text
