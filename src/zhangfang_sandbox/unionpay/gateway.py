"""The wire: what merchants' servers and payers' browsers send, and what goes back."""

import asyncio
import base64

from aiohttp import web

from zhangfang_sandbox.acquirer import acquiring
from zhangfang_sandbox.common.faults import chance
from zhangfang_sandbox.common.process import Dropped
from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.batches import Batches
from zhangfang_sandbox.unionpay.cashier import PATH, Cashier, refused
from zhangfang_sandbox.unionpay.days import Days
from zhangfang_sandbox.unionpay.wire import codes, fields, messages
from zhangfang_sandbox.unionpay.wire import forms as wire
from zhangfang_sandbox.unionpay.wire.codes import Refusal
from zhangfang_sandbox.unionpay.wire.customer import Customer

FAULTS = acquiring.FAULTS | {"returned"}
# A message with a batch of 5,000 items has some three million bytes; any other a few thousand.
_MOST_BATCH_BYTES = 16 * 1024 * 1024


class Gateway:
    """Answers on the wire's port."""

    def __init__(self, bank: Bank, days: Days, batches: Batches) -> None:
        self._bank, self._days, self._batches = bank, days, batches
        self._cashier = Cashier(bank)
        self._customer = Customer(bank.keys["encrypt"])
        self._kinds = {
            fields.BACK: self._back,
            fields.QUERY: self._query,
            fields.BATCH: self._batch,
            fields.FILE: self._file,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request."""
        path = request.path
        if path.startswith(PATH):
            return await self._visit(request, path.removeprefix(PATH))
        if path != fields.FRONT and path not in self._kinds:
            return web.Response(status=404, text="not found")
        if request.method != "POST":
            return web.Response(status=405, text="POST only", headers={"Allow": "POST"})
        try:
            body = await (_long(request) if path == fields.BATCH else request.read())
            return await (self._front(body) if path == fields.FRONT else self._server(path, body))
        except web.HTTPException as error:
            return web.Response(status=error.status, text=error.reason)
        except Dropped:
            await self._bank.store.committed()
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _server(self, path: str, body: bytes) -> web.Response:
        told: wire.Fields = {}
        try:
            told = wire.parse(body)
            self._admit(path, told)
            return await self._kinds[path](told)
        except wire.Malformed as error:
            return self._sealed(told, messages.answer(told, codes.FORMAT, str(error)))
        except Refusal as refusal:
            await self._bank.store.committed()
            return self._sealed(told, messages.answer(told, refusal.code, refusal.detail))

    async def _front(self, body: bytes) -> web.Response:
        try:
            told = wire.parse(body)
            self._admit(fields.FRONT, told)
            self._blocked(told.get("reqReserved", ""))
            return await self._cashier.present(told)
        except wire.Malformed as error:
            return refused(Refusal(codes.FORMAT, str(error)))
        except Refusal as refusal:
            await self._bank.store.committed()
            return refused(refusal)

    async def _visit(self, request: web.BaseRequest, token: str) -> web.Response:
        if request.method not in {"GET", "POST"}:
            return web.Response(status=405, text="GET or POST", headers={"Allow": "GET, POST"})
        try:
            told = wire.parse(await request.read()) if request.method == "POST" else {}
        except (wire.Malformed, web.HTTPException):
            told = {"action": "?"}
        return await self._cashier.visit(token, told.get("action", "?" if request.method == "POST" else ""))

    def _admit(self, path: str, told: wire.Fields) -> None:
        """Check in this order: the merchant, the signature, the kind of request."""
        for name in ("merId", "signMethod", "signature"):
            if name not in told:
                raise Refusal(codes.MISSING, name)
        merchant = self._bank.merchants.get(told["merId"])
        if merchant is None:
            raise Refusal(codes.MERCHANT)
        if not self._bank.seal.genuine(told, merchant):
            raise Refusal(codes.SIGNATURE)
        fields.check(path, told)

    def _blocked(self, key: str) -> None:
        """Meet the faults by which a request is not processed."""
        if self._bank.faults.meets("refused", key):
            raise Dropped
        if self._bank.faults.meets("throttle", key):
            raise Refusal(codes.BUSY)
        if self._bank.faults.meets("maintenance", key):
            raise Refusal(codes.CLOSED[chance(0, "maintenance", key) < 0.5])

    async def _back(self, told: wire.Fields) -> web.Response:
        self._blocked(told.get("reqReserved", ""))
        undoes = told["txnType"] in fields.RETURNS
        order = self._bank.open(told, "" if undoes else self._customer.account(told))
        original = None
        if undoes:
            if "origQryId" not in told and not {"origOrderId", "origTxnTime"} <= told.keys():
                raise Refusal(codes.MISSING, "origQryId, or origOrderId and origTxnTime")
            original = self._bank.find(told, "orig")
        code = self._bank.take(order, original)
        silent = bool(order.hidden) or self._bank.dark(order)
        return await self._answer(told, code, order.key, silent, {"queryId": order.query_id})

    async def _batch(self, told: wire.Fields) -> web.Response:
        key = told["batchNo"]
        if told["txnType"] == fields.SUBMIT:
            self._blocked(key)
            batch = self._batches.submit(told)
            return await self._answer(told, codes.SUCCESS, key, bool(batch.hidden), {})
        result = self._batches.result(told)
        await self._bank.store.committed()
        return self._sealed(told, messages.answer(told, codes.SUCCESS, extra=result))

    async def _answer(
        self, told: wire.Fields, code: str, key: str, hidden: bool, extra: wire.Fields
    ) -> web.Response:
        """The answer about a booked order, unless a fault prevents it. An order that is hidden from queries gets no
        answer."""
        fault = "lost_answer" if hidden else self._bank.faults.first_met(acquiring.ANSWERING, key)
        await self._bank.store.committed()
        if fault == "lost_answer":
            raise Dropped
        if fault == "late_answer":
            await asyncio.sleep(self._bank.faults.plan.late_seconds)
        return self._sealed(told, messages.answer(told, code, extra=extra), fault)

    async def _query(self, told: wire.Fields) -> web.Response:
        if "queryId" not in told and not {"orderId", "txnTime"} <= told.keys():
            raise Refusal(codes.MISSING, "queryId, or orderId and txnTime")
        order = self._bank.find(told)
        if order is None or not self._bank.book.seen(order):
            raise Refusal(codes.NOT_FOUND)
        if self._bank.dark(order):
            raise Refusal(codes.BUSY)
        self._bank.waiting(order)  # an order whose page has expired fails now
        await self._bank.store.committed()
        return self._sealed(told, messages.answer(told, codes.SUCCESS, extra=messages.status(order)))

    async def _file(self, told: wire.Fields) -> web.Response:
        found = self._days.file(told["merId"], told["settleDate"])
        if found is None:
            raise Refusal(codes.NO_FILE)
        await self._bank.store.committed()
        name, content = found
        extra = {"settleDate": told["settleDate"], "fileName": name, "fileContent": content}
        return self._sealed(told, messages.answer(told, codes.SUCCESS, extra=extra))

    def _sealed(self, told: wire.Fields, plain: wire.Fields, fault: str = "") -> web.Response:
        merchant = self._bank.merchants.get(told.get("merId", ""))
        sealed = self._bank.seal.sign(plain, merchant, stranger=fault == "wrong_chain")
        if fault == "bad_signature":
            sealed["signature"] = base64.b64encode(bytes(256)).decode()
        body = wire.bare(sealed)
        if fault == "garbled_answer":
            body = body[: len(body) // 2]
        return web.Response(body=body, content_type="text/html", charset=wire.charset(sealed))


async def _long(request: web.BaseRequest) -> bytes:
    """The body of a batch, which may be longer than others."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _MOST_BATCH_BYTES:
            raise web.HTTPRequestEntityTooLarge(_MOST_BATCH_BYTES, len(body))
    return bytes(body)
