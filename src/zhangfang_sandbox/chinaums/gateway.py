"""The wire: JSON that a merchant's server posts, and what goes back."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from zhangfang_sandbox.acquirer.acquiring import CLOSED, Acquirer
from zhangfang_sandbox.acquirer.orders import Order
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.chinaums import messages
from zhangfang_sandbox.chinaums.wire import Json, Refusal, claim, dump, parse
from zhangfang_sandbox.common.process import Dropped

# How long an order waits for its payer if nobody closes it [G].
PAGE_LIFE = timedelta(days=1)
_ANSWER_FAULTS = ("lost_answer", "late_answer", "garbled_answer")
_NUMBER = re.compile(r"[0-9A-Za-z]{5,50}")
_INSTALMENTS = (3, 6, 12)


class Busy(Exception):
    """The request is not processed: HTTP 503."""


class Gateway:
    """Answers on the wire's port."""

    def __init__(self, acquirer: Acquirer, days: Days) -> None:
        self._acquirer, self._days = acquirer, days
        self._kinds = {
            "/v1/netpay/trade/precreate": self._precreate,
            "/v1/netpay/query": self._query,
            "/v1/netpay/refund": self._refund,
            "/v1/netpay/refund-query": self._refund_query,
            "/v1/netpay/close": self._close,
            "/v1/sandbox/settlement-file": self._file,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request."""
        kind = self._kinds.get(request.path)
        if kind is None or request.method != "POST":
            return web.Response(status=404, text="not found")
        try:
            body = await request.read()
            told, fault = await kind(*self._admit(request.headers.get("Authorization", ""), body))
        except Refusal as refusal:
            told, fault = {"errCode": refusal.code, "errMsg": refusal.words}, ""
        except Busy:
            return web.Response(status=503, text="busy")
        except Dropped:
            return await self._drop(request)
        await self._acquirer.store.committed()
        if fault == "lost_answer":
            return await self._drop(request)
        if fault == "late_answer":
            await asyncio.sleep(self._acquirer.faults.plan.late_seconds)
        answer = dump({"errCode": "SUCCESS", **told})
        return web.Response(
            body=answer[: len(answer) // 2] if fault == "garbled_answer" else answer,
            content_type="application/json",
        )

    async def _drop(self, request: web.BaseRequest) -> web.Response:
        await self._acquirer.store.committed()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _admit(self, header: str, body: bytes) -> tuple[str, Json]:
        """Return the merchant that has signed the request, and the request's fields."""
        claimed = claim(header)
        found = [
            (mer_id, kept)
            for mer_id, kept in self._acquirer.merchants.items()
            if kept["appId"] == claimed.app_id
        ]
        if not found or not claimed.holds(found[0][1]["appKey"], body):
            raise Refusal("INVALID_SIGN", "Signature")
        mer_id, kept = found[0]
        told = parse(body)
        if told.get("mid") != mer_id or told.get("tid") != kept["tid"]:
            raise Refusal("NO_SERVICE", "mid, tid")
        return mer_id, told

    def _blocked(self, key: str) -> None:
        fault = self._acquirer.blocked(key)
        if fault == "refused":
            raise Dropped
        if fault == "throttle":
            raise Busy
        if fault == "maintenance":
            raise Refusal("SYSTEM_MAINTENANCE")

    async def _precreate(self, mer_id: str, told: Json) -> tuple[Json, str]:
        number, amount = self._number(mer_id, told, "merOrderId"), _fen(told, "totalAmount")
        instalments = told.get("installmentNumber")
        if told.get("instMid") != "APPDEFAULT" or (
            instalments is not None and instalments not in _INSTALMENTS
        ):
            raise Refusal("BAD_REQUEST", "instMid, installmentNumber")
        self._blocked(_text(told, "srcReserve"))
        if self._acquirer.book.by_number(number) is not None:
            raise Refusal("DUP_ORDER", "merOrderId")
        order = self._acquirer.draft(mer_id, number, "purchase", amount, _text(told, "srcReserve"))
        order.notify_url = _text(told, "notifyUrl")
        order.details = json.dumps({"tid": told["tid"], "instalments": instalments})
        self._acquirer.present(order, self._acquirer.clock.now() + PAGE_LIFE)
        shown = messages.purchase(order) | {"appPayRequest": messages.app_request(order)}
        return shown, self._acquirer.answer_fault(order, _ANSWER_FAULTS)

    async def _query(self, mer_id: str, told: Json) -> tuple[Json, str]:
        order = self._found(mer_id, told, "purchase")
        self._acquirer.waiting(order)  # an order whose time is over ends now
        return messages.purchase(order), ""

    async def _close(self, mer_id: str, told: Json) -> tuple[Json, str]:
        order = self._found(mer_id, told, "purchase", hide=False)
        if self._acquirer.waiting(order):
            self._acquirer.end_unpaid(order, CLOSED)
        elif order.state != "FAILED":
            raise Refusal("OPERATION_NOT_ALLOWED", "merOrderId: does not wait for its payer")
        return messages.purchase(order), ""

    async def _refund(self, mer_id: str, told: Json) -> tuple[Json, str]:
        number, amount = self._number(mer_id, told, "refundOrderId"), _fen(told, "refundAmount")
        original = self._acquirer.book.by_number(self._number(mer_id, told, "merOrderId"))
        key = _text(told, "srcReserve")
        self._blocked(key or number)
        order = self._acquirer.book.by_number(number)
        if order is None:
            if original is None or original.mer_id != mer_id or original.operation != "purchase":
                raise Refusal("NO_ORDER", "merOrderId")
            order = self._acquirer.draft(mer_id, number, "refund", amount, key)
            order.original, order.details = original.order_no, json.dumps({"tid": told["tid"]})
            self._acquirer.take(order)
            if order.reason in messages.REFUSALS:
                raise Refusal(messages.REFUSALS[order.reason])
        elif (order.operation, order.original, order.amount) != ("refund", told["merOrderId"], amount):
            raise Refusal("DUP_ORDER", "refundOrderId")
        return messages.refund(order), self._acquirer.answer_fault(order, _ANSWER_FAULTS)

    async def _refund_query(self, mer_id: str, told: Json) -> tuple[Json, str]:
        return messages.refund(self._found(mer_id, told, "refund")), ""

    async def _file(self, mer_id: str, told: Json) -> tuple[Json, str]:
        try:
            day = date.fromisoformat(_text(told, "settleDate"))
        except ValueError:
            raise Refusal("BAD_REQUEST", "settleDate") from None
        found = self._days.file(mer_id, day)
        if found is None:
            raise Refusal("FILE_NOT_READY", "settleDate")
        name, content = found
        coded = base64.b64encode(content).decode()
        return {"fileName": name, "content": coded, "sha256": hashlib.sha256(content).hexdigest()}, ""

    def _number(self, mer_id: str, told: Json, name: str) -> str:
        number = _text(told, name)
        if not _NUMBER.fullmatch(number) or not number.startswith(self._acquirer.merchants[mer_id]["source"]):
            raise Refusal("BAD_REQUEST", f"{name}: at most 50 characters, the source's number first")
        return number

    def _found(self, mer_id: str, told: Json, operation: str, *, hide: bool = True) -> Order:
        order = self._acquirer.book.by_number(self._number(mer_id, told, "merOrderId"))
        if order is None or (order.mer_id, order.operation) != (mer_id, operation):
            raise Refusal("NO_ORDER", "merOrderId")
        if hide and not self._acquirer.book.seen(order):
            raise Refusal("NO_ORDER", "merOrderId")
        if self._acquirer.dark(order):
            raise Busy
        return order


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise Refusal("BAD_REQUEST", f"{name}: text of 1 to 255 characters")
    return value


def _fen(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**12:
        raise Refusal("BAD_REQUEST", f"{name}: fen from 1 to 999999999999")
    return value
