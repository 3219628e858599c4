"""The control plane of this bank: merchants, payers, planted errors. Never part of the wire."""

from datetime import datetime
from typing import Any

from aiohttp import web

from zhangfang_sandbox.acquirer.plane import days_of
from zhangfang_sandbox.common.control import Refused, body_of, need
from zhangfang_sandbox.unionpay import planting
from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.cashier import CARD
from zhangfang_sandbox.unionpay.days import MISHAPS, Days
from zhangfang_sandbox.unionpay.gateway import FAULTS
from zhangfang_sandbox.unionpay.views import Views
from zhangfang_sandbox.unionpay.wire.customer import masked
from zhangfang_sandbox.unionpay.wire.fields import SHAPES


def application(bank: Bank, days: Days) -> web.Application:
    """The control plane."""
    return Control(bank, days).application(FAULTS)


class Control(Views):
    """UnionPay's handlers."""

    async def merchants(self, request: web.Request) -> web.Response:
        """Register a merchant; answers the bank's certificates."""
        data = await body_of(request)
        mer_id = _shaped(data, "merId")
        secure_key = need({"secure_key": "", **data}, "secure_key", str)
        try:
            self._bank.register(mer_id, need(data, "name", str), need(data, "certificate", str), secure_key)
        except (ValueError, TypeError) as error:
            raise Refused("certificate: must be the PEM of an RSA certificate") from error
        return await self._done(
            {name: self._bank.keys[name].certificate for name in ("root", "middle", "encrypt")}
        )

    async def plant(self, request: web.Request) -> web.Response:
        """Plan errors of files and of their fetching. `extra` orders are booked at once; the same one again changes
        nothing."""
        data = await body_of(request)
        plants = {name: need({name: [], **data}, name, list) for name in ("missing", "off_by_one")}
        for name, keys in plants.items():
            if not all(isinstance(key, str) for key in keys):
                raise Refused(f"{name}: must be a list of keys")
        extras = [self._extra(extra) for extra in need({"extra": [], **data}, "extra", list)]
        mishaps = {name: days_of(data, name) for name in MISHAPS}
        self._store.put("plants", (plants["missing"], plants["off_by_one"]))
        self._store.put("mishaps", mishaps)
        for order, at in extras:
            if self._bank.book.by_number(order.mer_id, order.order_id, order.txn_time) is None:
                self._bank.plant_extra(order, at)
        return await self._done(plants | mishaps | {"extra": [order.order_id for order, _ in extras]})

    def _extra(self, extra: Any) -> tuple[Order, datetime]:
        """A purchase by the merchant's static code, at noon of its day. Its number is a digest of its contents."""
        mer_id, day, amount, key = self._extra_of(extra)
        account = need({"account": "", **extra}, "account", str)
        order = planting.stranger(mer_id, day, amount, key, key, masked(account) if account else CARD)
        return order, planting.noon(day)


def _shaped(data: dict[str, Any], name: str) -> str:
    shape, allowed = SHAPES[name]
    text = str(need(data, name, str))
    if not shape.fullmatch(text):
        raise Refused(f"{name}: must be {allowed}, got {len(text)} characters")
    return text
