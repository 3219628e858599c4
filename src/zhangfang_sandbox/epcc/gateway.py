"""The wire: one path, one message in, one out."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime

from aiohttp import web

from zhangfang_sandbox.acquirer.acquiring import ANSWERING, Acquirer
from zhangfang_sandbox.acquirer.orders import Operation, Order
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.common.process import Dropped
from zhangfang_sandbox.epcc import body, codes, fields, messages
from zhangfang_sandbox.epcc.body import Groups, Told
from zhangfang_sandbox.epcc.codes import Refusal
from zhangfang_sandbox.epcc.mandates import Mandates
from zhangfang_sandbox.epcc.seal import Seal
from zhangfang_sandbox.epcc.sites import Sites

PATH = "/preSvr"


class Gateway:
    """Both sites: one book behind two ports. `handle` is told by which port a message came."""

    def __init__(self, acquirer: Acquirer, days: Days, seal: Seal, sites: Sites, mandates: Mandates) -> None:
        self._acquirer, self._days, self._seal = acquirer, days, seal
        self._sites, self._mandates = sites, mandates
        self._kinds: dict[str, Callable[[Told, str], Awaitable[tuple[Groups, str]]]] = {
            "epcc.101.001.01": self._signing,
            "epcc.103.001.01": self._cancel,
            "epcc.201.001.01": self._collection,
            "epcc.205.001.01": self._refund,
            "epcc.301.001.01": self._query,
            "epcc.401.001.01": self._digits,
            "epcc.999.001.01": self._file,
        }

    async def handle(self, request: web.BaseRequest, site: str) -> web.StreamResponse:
        """One HTTP request."""
        if request.path != PATH:
            return web.Response(status=404, text="not found")
        if request.method != "POST":
            return web.Response(status=405, text="POST only", headers={"Allow": "POST"})
        try:
            raw = await request.read()
        except web.HTTPException as error:
            return web.Response(status=error.status, text=error.reason)
        try:
            return await self._answered(request, raw, site)
        except body.Malformed as error:
            return web.Response(status=400, text=str(error))
        except Dropped:
            await self._acquirer.store.committed()
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _answered(self, request: web.BaseRequest, raw: bytes, site: str) -> web.Response:
        root, signature = body.split(raw)
        told = body.parse(root)
        kind, fault = told["MsgHeader"].get("MsgTp", ""), ""
        try:
            self._admit(request, told, root, signature)
            groups, fault = await self._kinds[kind](told, site)
        except Refusal as refusal:
            groups = {"SysRtnInf": messages.handled(refusal.code, self._now(), refusal.detail)}
        await self._acquirer.store.committed()
        if fault == "lost_answer":
            raise Dropped
        if fault == "late_answer":
            await asyncio.sleep(self._acquirer.faults.plan.late_seconds)
        answer = messages.message(fields.ANSWERS.get(kind, kind), self._now(), self._seal.serial, groups)
        return web.Response(
            body=self._seal.sealed(answer, fault), content_type="application/xml", charset="utf-8"
        )

    def _admit(self, request: web.BaseRequest, told: Told, root: bytes, signature: bytes) -> None:
        """Check in this order: who connected, who signed, the message type, and that HTTP headers and message agree."""
        header = told["MsgHeader"]
        issr_id = header.get("IssrId", "")
        if _common_name(request) != issr_id or issr_id not in self._acquirer.merchants:
            raise Refusal(codes.PERMISSION, "IssrId")
        self._seal.genuine(root, signature, issr_id, header.get("SignSN", ""))
        fields.check(told)
        for name, wanted in (("MsgTp", header["MsgTp"]), ("OriIssrId", issr_id)):
            if request.headers.get(name) != wanted:
                raise Refusal(codes.FORMAT, f"HTTP header {name}")

    async def _signing(self, told: Told, _: str) -> tuple[Groups, str]:
        header, sign, transaction = told["MsgHeader"], told["SgnInf"], told["TrxInf"]
        mer_id, trx_id = header["IssrId"], transaction["TrxId"]
        if header.get("NcrptnSN") != self._seal.encrypt_serial:
            raise Refusal(codes.FORMAT, "NcrptnSN")
        key = self._seal.key_of(header.get("DgtlEnvlp", ""))
        plain = {
            name: self._seal.decrypted(key, sign[name], name)
            for name in ("SgnAcctId", "SgnAcctNm", "IDNo", "MobNo")
        }
        step = transaction["TrxCtgy"]
        self._begun(f"{trx_id}/{step}")
        number = ""
        if step == fields.SEND_CODE:
            status, code = self._mandates.begin(mer_id, trx_id, plain["SgnAcctId"])
        else:
            told_code = self._seal.decrypted(key, sign.get("AuthCd", ""), "AuthCd")
            status, code, number = self._mandates.sign(mer_id, trx_id, told_code)
        groups = self._good({"TrxId": trx_id, **messages.ended(status, code)})
        return groups | {"SgnInf": {"SgnNo": number}}, self._spoilt(f"{trx_id}/{step}")

    async def _cancel(self, told: Told, _: str) -> tuple[Groups, str]:
        number, trx_id = told["SgnInf"]["SgnNo"], told["TrxInf"]["TrxId"]
        self._begun(f"{trx_id}/cancel")
        status, code = self._mandates.cancel(told["MsgHeader"]["IssrId"], number)
        return self._good({"TrxId": trx_id, **messages.ended(status, code)}), self._spoilt(f"{trx_id}/cancel")

    async def _collection(self, told: Told, _: str) -> tuple[Groups, str]:
        number = told["PyerInf"]["SgnNo"]
        order = self._drafted(told, "collection", {"sgn_no": number})
        order.account = self._mandates.account_of(order.mer_id, number)
        return self._placed(order)

    async def _refund(self, told: Told, _: str) -> tuple[Groups, str]:
        order = self._drafted(told, "refund", {})
        order.original = told["OriTrxInf"]["OriTrxId"]
        return self._placed(order)

    async def _query(self, told: Told, _: str) -> tuple[Groups, str]:
        asked = told["OriTrxInf"]
        book = self._acquirer.book
        order = book.by_number(asked["OriTrxId"])
        if order is None or order.mer_id != told["MsgHeader"]["IssrId"] or not book.seen(order):
            raise Refusal(codes.NOT_FOUND)
        if messages.category(order) != asked["OriTrxCtgy"]:
            raise Refusal(codes.NOT_FOUND, "OriTrxCtgy")
        if self._acquirer.dark(order):
            raise Refusal(codes.THROTTLE)
        return self._good(messages.business(order)), ""

    async def _digits(self, _: Told, site: str) -> tuple[Groups, str]:
        return {
            "SysRtnInf": messages.handled(codes.OK, self._now()), "CtrlNbInf": self._sites.digits(site)
        }, ""  # fmt: skip

    async def _file(self, told: Told, _: str) -> tuple[Groups, str]:
        name = told["FileInf"]["FileNm"]
        try:
            day = date.fromisoformat(f"{name[5:9]}-{name[9:11]}-{name[11:13]}")
        except ValueError as error:
            raise Refusal(codes.FORMAT, "FileNm") from error
        found = self._days.file(told["MsgHeader"]["IssrId"], day)
        if found is None:
            raise Refusal(codes.NO_FILE)
        content = found[1]
        info = {
            "FileNm": name,
            "FileDgst": hashlib.sha256(content).hexdigest(),
            "FileCntnt": base64.b64encode(content).decode(),
        }
        return {"SysRtnInf": messages.handled(codes.OK, self._now()), "FileInf": info}, ""

    def _drafted(self, told: Told, operation: Operation, details: dict[str, str]) -> Order:
        transaction = told["TrxInf"]
        mer_id, amount = told["MsgHeader"]["IssrId"], fields.fen(transaction["TrxAmt"])
        key = told["OrdrInf"]["OrdrId"]
        order = self._acquirer.draft(mer_id, transaction["TrxId"], operation, amount, key)
        order.details = json.dumps(details | {"at": transaction["TrxDtTm"]})
        order.notify_url = self._acquirer.merchants[mer_id].get("notify_url", "")
        return order

    def _placed(self, order: Order) -> tuple[Groups, str]:
        """Take a new order, or return the state of the same one. A refused order is not stored."""
        held = self._acquirer.book.by_number(order.order_no)
        if held is not None:
            if _identity(held) != _identity(order):
                raise Refusal(codes.TAKEN)
            return self._good(messages.business(held)), self._acquirer.answer_fault(held)
        if not self._sites.in_use(order.order_no):
            raise Refusal(codes.DIGITS)
        reason = self._blocked(order.key)
        if order.operation == "collection" and not order.account:
            reason = reason or codes.NO_AGREEMENT
        if reason:
            refused = messages.before(order) | messages.ended(codes.FAILED, reason)
            return self._good(refused), self._spoilt(order.key)
        self._acquirer.take(order)
        return self._good(messages.business(order)), self._acquirer.answer_fault(order)

    def _good(self, business: dict[str, str]) -> dict[str, dict[str, str]]:
        return {"SysRtnInf": messages.handled(codes.OK, self._now()), "BizInf": business}

    def _blocked(self, key: str) -> str:
        """Meet the faults by which a message is not processed; else return the code of a closed network, if it is
        closed."""
        fault = self._acquirer.blocked(key)
        if fault == "refused":
            raise Dropped
        if fault == "throttle":
            raise Refusal(codes.THROTTLE)
        return codes.CLOSED if fault else ""

    def _begun(self, step: str) -> None:
        """The same for a step of a mandate."""
        if code := self._blocked(step):
            raise Refusal(code)

    def _spoilt(self, key: str) -> str:
        return self._acquirer.faults.first_met(ANSWERING, key)

    def _now(self) -> datetime:
        return self._acquirer.clock.now()


def _identity(order: Order) -> tuple[object, ...]:
    """What makes two messages one transaction."""
    return order.mer_id, order.operation, order.amount, order.key, order.original, order.details


def _common_name(request: web.BaseRequest) -> str:
    """The owner of the client certificate of the connection."""
    peer = request.transport.get_extra_info("peercert") if request.transport else None
    names = [
        value for part in (peer or {}).get("subject", ()) for name, value in part if name == "commonName"
    ]
    return names[0] if len(names) == 1 else ""
