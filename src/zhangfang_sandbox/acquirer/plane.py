"""What the control planes of all acquiring banks do alike: the clock's days, settlement accounts, planted orders."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from aiohttp import web

from zhangfang_sandbox.acquirer.closing import Closing, settle_date
from zhangfang_sandbox.common.control import Refused, application, body_of, need

BOOK = "FROM orders LEFT JOIN listing USING(seq)"


class Plane:
    """Handlers. What the bank refuses here, it refuses in words. `columns` of the book are shown, by their names."""

    columns: Mapping[str, str]

    def __init__(self, bank: Any, days: Closing) -> None:
        """`bank` has the store, the clock, the book, the merchants, and the rules of orders that wait."""
        self._bank, self._days = bank, days
        self._store, self._clock, self._merchants = bank.store, bank.clock, bank.merchants

    def application(self, known: frozenset[str]) -> web.Application:
        """The control plane. A bank's own subclass has the handlers that are not here."""
        own: Any = self
        app = application(self._store, self._clock, self._bank.faults, known, self.check_clock)
        app.add_routes(
            [
                web.post("/merchants", own.merchants),
                web.post("/settlement_account", self.settlement_account),
                web.post("/payers", self.payers),
                web.put("/plant", own.plant),
                web.get("/book", self.book),
                web.get("/book/summary", own.summary),
                web.get("/movements", own.movements),
            ]
        )
        return app

    def check_clock(self, now: datetime) -> None:
        """Refuse to go back to a settlement day that has passed, unless nothing has happened yet."""
        if settle_date(now) >= settle_date(self._clock.now()):
            return
        if self._store.read("SELECT 1 FROM orders LIMIT 1"):
            raise Refused("now: lies in a settlement day that has passed, and the book is not empty", 409)
        self._days.begin(now)

    async def settlement_account(self, request: web.Request) -> web.Response:
        """Where a merchant's net is paid: another bank's control plane, and the account there."""
        data = await body_of(request)
        url = need(data, "url", str).rstrip("/")
        row = (self._merchant(need(data, "merId", str)), url, need(data, "account", str))
        if not url.startswith(("http://", "https://")):
            raise Refused("url: must be an http or https URL")
        self._store.write("INSERT OR REPLACE INTO accounts VALUES(?,?,?)", row)
        return await self._done({"ok": True})

    async def payers(self, request: web.Request) -> web.Response:
        """The payer of a purchase that waits pays or refuses. `order_no` is the merchant's own."""
        data = await body_of(request)
        number, action = need(data, "order_no", str), need(data, "action", str)
        order = self._bank.book.by_own_number(number)
        if order is None:
            raise Refused("order_no: no such order", 404)
        if action not in ("pay", "refuse"):
            raise Refused("action: must be pay or refuse")
        if not self._bank.waiting(order):
            await self._store.committed()
            raise Refused("order_no: does not wait for its payer", 409)
        if action == "pay":
            self._bank.pay(order)
        else:
            self._bank.refuse(order)
        return await self._done({"order_no": number, "state": order.state})

    async def book(self, request: web.Request) -> web.Response:
        """All orders, or those whose columns equal the query's parameters."""
        columns = self.columns
        if unknown := set(request.query) - set(columns):
            raise Refused(f"filter: unknown {sorted(unknown)}, allowed {sorted(columns)}")
        where = " AND ".join(f"CAST({columns[name]} AS TEXT)=?" for name in request.query) or "1"
        return await self._done(self._rows(columns, where, tuple(request.query.values())))

    def _rows(self, columns: Mapping[str, str], where: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        rows = self._store.read(
            f"SELECT {','.join(columns.values())} {BOOK} WHERE {where} ORDER BY seq", values
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def _done(self, answer: object) -> web.Response:
        await self._store.committed()
        return web.json_response(answer)

    def _merchant(self, mer_id: str) -> str:
        if mer_id not in self._merchants:
            raise Refused("merId: not registered", 404)
        return mer_id

    def _extra_of(self, extra: Any) -> tuple[str, date, int, str]:
        """Merchant, day, amount and key of a planted order, whose file must not be made yet."""
        if not isinstance(extra, dict):
            raise Refused("extra: must be a list of objects")
        day = day_of(extra.get("settleDate"), "extra.settleDate")
        if day <= self._days.closed:
            raise Refused("extra.settleDate: the file of that day is made already", 409)
        amount, key = need(extra, "amount", int), need(extra, "key", str)
        if not 0 < amount < 10**12:
            raise Refused("extra.amount: must be from 1 to 999999999999 fen")
        default = next(iter(self._merchants), "")
        return self._merchant(need({"merId": default, **extra}, "merId", str)), day, amount, key


def days_of(data: Mapping[str, Any], name: str) -> list[str]:
    """The list of dates in the field `name`, none if it is not there."""
    return [day_of(day, name).isoformat() for day in need({name: [], **data}, name, list)]


def day_of(text: object, name: str) -> date:
    """A date written YYYY-MM-DD."""
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise Refused(f"{name}: must be YYYY-MM-DD") from error
