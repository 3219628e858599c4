"""The wire: JSON that a merchant's server posts, and the signed JSON that goes back."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from zhangfang_sandbox.acquirer.acquiring import CLOSED, Acquirer
from zhangfang_sandbox.acquirer.orders import Operation, Order
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.common.faults import chance
from zhangfang_sandbox.common.process import Dropped
from zhangfang_sandbox.lakala import messages
from zhangfang_sandbox.lakala.messages import Refusal
from zhangfang_sandbox.lakala.seal import Seal, claimed, genuine

Json = dict[str, Any]
_AMOUNT = re.compile(r"[1-9][0-9]{0,11}")
_NUMBER = re.compile(r"[0-9A-Za-z]{1,32}")
_HUABEI = {("3", "0"), ("6", "0"), ("12", "0"), ("3", "100"), ("6", "100"), ("12", "100")}
_LONGEST_WAIT = 15


class Gateway:
    """Answers on the wire's port."""

    def __init__(self, acquirer: Acquirer, days: Days, seal: Seal) -> None:
        self._acquirer, self._days, self._seal = acquirer, days, seal
        self._kinds = {
            "/api/v3/labs/trans/preorder": self._preorder,
            "/api/v3/labs/query/tradequery": self._query,
            "/api/v3/labs/relation/refund": self._refund,
            "/api/v3/labs/relation/revoked": self._revoked,
            "/api/v3/labs/relation/close": self._close,
            "/api/v3/sandbox/settlement_file": self._file,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request."""
        kind = self._kinds.get(request.path)
        if kind is None or request.method != "POST":
            return web.Response(status=404, text="not found")
        now, appid, fault = self._acquirer.clock.now(), "", ""
        try:
            body = await request.read()
            appid, mer_id, data = self._admit(request.headers.get("Authorization", ""), body)
            told, fault = kind(mer_id, data)
            answer = messages.envelope(messages.OK, now, told)
        except Refusal as refusal:
            answer = messages.envelope(refusal.code, now, detail=refusal.detail)
        except Dropped:
            fault = "lost_answer"
        await self._acquirer.store.committed()
        if fault == "lost_answer":
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if fault == "late_answer":
            await asyncio.sleep(self._acquirer.faults.plan.late_seconds)
        headers = self._seal.answer(appid, now.timestamp(), answer, fault)
        if fault == "garbled_answer":
            answer = answer[: len(answer) // 2]
        return web.Response(body=answer, content_type="application/json", headers=headers)

    def _admit(self, header: str, body: bytes) -> tuple[str, str, Json]:
        """Return the application and merchant that have signed the request, and its fields."""
        said = claimed(header)
        if said is None:
            raise Refusal(messages.SIGNATURE)
        found = [
            (mer_id, kept)
            for mer_id, kept in self._acquirer.merchants.items()
            if kept["appid"] == said["appid"]
        ]
        certificate = found[0][1]["certificates"].get(said["serial_no"].lower()) if found else None
        if certificate is None or not genuine(said, certificate, body):
            raise Refusal(messages.SIGNATURE)
        try:
            data = json.loads(body)["req_data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refusal(messages.BAD, "req_data") from None
        if not isinstance(data, dict) or data.get("merchant_no") != found[0][0]:
            raise Refusal(messages.BAD, "merchant_no")
        return said["appid"], found[0][0], data

    def _blocked(self, key: str) -> None:
        fault = self._acquirer.blocked(key)
        if fault == "refused":
            raise Dropped
        if fault:
            raise Refusal(messages.BUSY if fault == "throttle" else messages.MAINTENANCE)

    def _preorder(self, mer_id: str, data: Json) -> tuple[Json, str]:
        number, amount = _shaped(data, "out_trade_no", _NUMBER), int(_shaped(data, "total_amount", _AMOUNT))
        if (data.get("account_type"), data.get("trans_type")) != ("ALIPAY", "61"):
            raise Refusal(messages.BAD, "account_type, trans_type")
        _check_place(data)
        minutes, instalments, by_seller = _wallet_fields(data)
        self._blocked(_text(data, "remark"))
        order = self._acquirer.book.by_number(number)
        if order is None:
            order = self._acquirer.draft(mer_id, number, "purchase", amount, _text(data, "remark"))
            order.notify_url = _text(data, "notify_url")
            order.details = json.dumps(
                {"term_no": data.get("term_no"), "instalments": instalments, "by_seller": by_seller}
            )
            self._acquirer.present(order, self._acquirer.clock.now() + timedelta(minutes=minutes))
        elif (order.mer_id, order.amount) != (mer_id, amount) or not self._acquirer.waiting(order):
            raise Refusal(messages.DUPLICATE)
        return messages.presented(order), self._acquirer.answer_fault(order)

    def _query(self, mer_id: str, data: Json) -> tuple[Json, str]:
        order = self._named(mer_id, data, "")
        if order is None or not self._acquirer.book.seen(order):
            raise Refusal(messages.NO_ORDER)
        if self._acquirer.dark(order):
            raise Refusal(messages.BUSY)
        self._acquirer.waiting(order)  # an order whose time is over ends now
        if order.phase == "PROCESSING" and chance(0, "unclear", order.fault_key) < 0.3:
            raise Refusal(messages.UNCLEAR)
        return messages.queried(order), ""

    def _refund(self, mer_id: str, data: Json) -> tuple[Json, str]:
        return self._reverse(mer_id, data, "refund", int(_shaped(data, "refund_amount", _AMOUNT)))

    def _revoked(self, mer_id: str, data: Json) -> tuple[Json, str]:
        return self._reverse(mer_id, data, "void", 0)

    def _reverse(self, mer_id: str, data: Json, operation: Operation, amount: int) -> tuple[Json, str]:
        """A refund, or a void of the whole amount. The same number again is the same order."""
        number, key = _shaped(data, "out_trade_no", _NUMBER), str(data.get("refund_reason") or "")[:255]
        _check_place(data)
        self._blocked(key or number)
        original = self._named(mer_id, data, "origin_")
        if original is None or original.operation != "purchase":
            raise Refusal(messages.NO_ORDER, "origin_trade_no, origin_log_no, origin_out_trade_no")
        amount = amount or original.amount
        order = self._acquirer.book.by_number(number)
        if order is None:
            order = self._acquirer.draft(mer_id, number, operation, amount, key)
            order.original, order.details = original.order_no, json.dumps({"term_no": data.get("term_no")})
            self._acquirer.take(order)
            if order.reason in messages.REFUSALS:
                raise Refusal(messages.REFUSALS[order.reason])
        elif (order.operation, order.original, order.amount) != (operation, original.order_no, amount):
            raise Refusal(messages.DUPLICATE)
        return messages.named(order), self._acquirer.answer_fault(order)

    def _close(self, mer_id: str, data: Json) -> tuple[Json, str]:
        order = self._named(mer_id, data, "origin_")
        if order is None or order.operation != "purchase":
            raise Refusal(messages.NO_ORDER)
        if self._acquirer.waiting(order):
            self._acquirer.end_unpaid(order, CLOSED)
        elif order.state != "FAILED":
            raise Refusal("SBX422")
        return messages.named(order), ""

    def _file(self, mer_id: str, data: Json) -> tuple[Json, str]:
        try:
            day = datetime.strptime(_text(data, "settle_date"), "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            raise Refusal(messages.BAD, "settle_date") from None
        found = self._days.file(mer_id, day)
        if found is None:
            raise Refusal(messages.NO_FILE)
        name, content = found
        digest = hashlib.sha256(content).hexdigest()
        return {
            "merchant_no": mer_id,
            "file_name": name,
            "content": base64.b64encode(content).decode(),
            "sha256": digest,
        }, ""

    def _named(self, mer_id: str, data: Json, prefix: str) -> Order | None:
        """The merchant's order by trade_no, log_no or out_trade_no; the first one given counts."""
        ref, number = data.get(f"{prefix}trade_no"), data.get(f"{prefix}out_trade_no")
        log_no = data.get(f"{prefix}log_no")
        book = self._acquirer.book
        if isinstance(ref, str) and ref:
            order = book.by_ref(ref)
        elif isinstance(log_no, str) and log_no:
            order = next((each for each in book.all() if each.ref[-14:] == log_no), None)
        else:
            order = book.by_number(number) if isinstance(number, str) else None
        return order if order is not None and order.mer_id == mer_id else None


def _check_place(data: Mapping[str, Any]) -> None:
    place = data.get("location_info")
    if not isinstance(place, dict) or not place.get("request_ip"):
        raise Refusal(messages.BAD, "location_info.request_ip")


def _wallet_fields(data: Mapping[str, Any]) -> tuple[int, int, bool]:
    """The minutes for paying, the instalments (0: none), and whether the merchant pays their charge."""
    fields = data.get("acc_busi_fields", {})
    extend = fields.get("extend_params", {}) if isinstance(fields, dict) else None
    minutes = fields.get("timeout_express", "5") if isinstance(fields, dict) else ""
    if not isinstance(extend, dict) or not (str(minutes).isascii() and str(minutes).isdigit()):
        raise Refusal(messages.BAD, "acc_busi_fields")
    if not 1 <= int(str(minutes)[:9]) <= _LONGEST_WAIT:
        raise Refusal(messages.BAD, "timeout_express, 1 to 15")
    if not extend:
        return int(minutes), 0, False
    pair = (str(extend.get("hb_fq_num")), str(extend.get("hb_fq_seller_percent", "0")))
    if pair not in _HUABEI:
        raise Refusal(messages.BAD, "hb_fq_num, hb_fq_seller_percent")
    return int(minutes), int(pair[0]), pair[1] == "100"


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise Refusal(messages.BAD, name)
    return value


def _shaped(data: Mapping[str, Any], name: str, shape: re.Pattern[str]) -> str:
    value = _text(data, name)
    if not shape.fullmatch(value):
        raise Refusal(messages.BAD, name)
    return value
