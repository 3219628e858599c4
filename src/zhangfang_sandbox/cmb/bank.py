"""The bank as a whole: its keys, its customers, and the answer to each message of the wire."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from zhangfang_sandbox.cmb import batches, payments
from zhangfang_sandbox.cmb.functions import FUNCTIONS, PAYING, Body, Call, order_key
from zhangfang_sandbox.cmb.payments import BusinessError
from zhangfang_sandbox.cmb.throttle import Throttle
from zhangfang_sandbox.cmb.wire.envelope import Enterprise, GatewayError, Request, open_request, seal_answer
from zhangfang_sandbox.cmb.wire.sm2 import PrivateKey, PublicKey
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.rows import open_rows
from zhangfang_sandbox.common.times import in_china

# Faults by the time at which they act. If several are planned for one order, one of each kind acts on a request, in
# this order: BEFORE and OUTCOME on payments, AFTER on the next answer about the order (to a payment or a query),
# NOTICE on what is pushed. There is no file (F9): the statement takes its place and is always there.
BEFORE = ("refused", "throttle", "maintenance")
OUTCOME = ("account_type", "contradict", "decline", "decline_later", "pending_first", "returned")
AFTER = ("lost_answer", "late_answer", "garbled_answer", "bad_signature", "wrong_chain")
NOTICE = ("notify_lost", "notify_late", "notify_repeated", "notify_disordered")
HIDE = "not_found_first"
FAULTS = frozenset((*BEFORE, *OUTCOME, *AFTER, *NOTICE, HIDE))
BUSY = {
    "throttle": ("BUSY", "系统繁忙, 请稍后再试 (nothing was done)"),
    "maintenance": ("MAINTENANCE", "系统维护中 (nothing was done)"),
}
HIDDEN_QUERIES = 2


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: text with a status after `delay` real seconds, or nothing (`drop`: the connection is closed)."""

    text: str = ""
    status: int = 200
    delay: float = 0.0
    drop: bool = False


class Bank:
    """Everything the bank knows and decides. It never waits: await `store.committed()` before an answer is sent."""

    def __init__(self, folder: Path) -> None:
        """Open the bank whose data is in `folder`; its key is made at the first start. Needs a running event loop."""
        self.store = open_rows(folder, "cmb")
        self.clock = BankClock.load(self.store)
        self.clock.save(self.store)
        self.faults = Faults(self.store)
        number = self.store.get("sm2_key", None)
        self.key = PrivateKey.new(None if number is None else int(number, 16))
        self.wrong_key = PrivateKey.new()  # of nobody: the fault wrong_chain signs with it
        self.throttle = Throttle(self.store)
        self.store.put("sm2_key", f"{self.key.number:064x}")
        self._enterprises: dict[str, Enterprise] = {}

    def now(self) -> datetime:
        """Do everything that is due, and return the bank's time."""
        now = self.clock.now()
        payments.catch_up(self.store, self.faults, now)
        return now

    def register(self, uid: str, public_key: str, notify_url: str = "") -> dict[str, str]:
        """Take a customer (uid: 1–16 letters or digits; key: SM2, hex); return what it needs to know.

        A URL for notices replaces the one before. Raises ValueError for a key that is none, PermissionError for a
        uid that has another key.
        """
        PublicKey.from_hex(public_key)
        known = self.store.row("SELECT * FROM enterprises WHERE uid = ?", uid)
        if known is not None and known["public_key"] != public_key:
            raise PermissionError("this uid has another public key")
        if known is None:
            # The number of the enterprise in its notices; a convention of the sandbox.
            corp_nbr = f"P{int(hashlib.sha256(uid.encode()).hexdigest(), 16) % 10**7:07d}"
            made = (uid, public_key, secrets.token_hex(16), corp_nbr, secrets.token_hex(16), "")
            self.store.write("INSERT INTO enterprises VALUES (?, ?, ?, ?, ?, ?)", made)
        if notify_url:
            self.store.write("UPDATE enterprises SET notify_url = ? WHERE uid = ?", (notify_url, uid))
        row = self.store.one("SELECT sm4_key, corp_nbr, notify_key FROM enterprises WHERE uid = ?", uid)
        return {"bank_public_key": self.key.public_hex, **dict(row)}

    def enterprise(self, uid: str) -> Enterprise | None:
        """Return a customer or None. The table of its key is computed once per process."""
        if uid not in self._enterprises:
            row = self.store.row("SELECT * FROM enterprises WHERE uid = ?", uid)
            if row is None:
                return None
            public = PublicKey.from_hex(row["public_key"])
            self._enterprises[uid] = Enterprise(uid, public, bytes.fromhex(row["sm4_key"]))
        return self._enterprises[uid]

    def answer(self, raw: bytes) -> Reply:
        """Answer the bytes of a POST."""
        now = self.now()
        try:
            request = open_request(raw, self.enterprise, now)
            return self._answer(request, now)
        except GatewayError as error:
            return Reply(str(error), error.status)

    def _answer(self, request: Request, now: datetime) -> Reply:
        uid = request.enterprise.uid
        if request.funcode not in FUNCTIONS:
            raise GatewayError(400, "FUNCODE", f"不支持的接口 (supported: {', '.join(FUNCTIONS)})")
        if self.store.row("SELECT 1 FROM requests WHERE uid = ? AND reqid = ?", uid, request.reqid):
            raise GatewayError(400, "REQID", "reqid 重复 (already used)")
        if self.throttle.refuses(uid, request.funcode, request.body, time.monotonic()):
            raise GatewayError(429, "THROTTLE", "请求过于频繁 (too often, or too many at once)")
        key = order_key(self.store, uid, request.funcode, request.body)
        pays = request.funcode in PAYING
        before = self.faults.first_met(BEFORE, key) if pays else ""
        if before == "refused":
            return Reply(drop=True)
        if before in BUSY:
            raise GatewayError(503, *BUSY[before])
        self.store.write("INSERT INTO requests VALUES (?, ?)", (uid, request.reqid))
        code, message, body = self._call(request, now)
        if pays and code == "SUC0000" and self.faults.meets(HIDE, key):
            self._hide(uid, request)
            return Reply(drop=True)
        return self._sealed(request, (code, message, body), self.faults.first_met(AFTER, key), now)

    def _hide(self, uid: str, request: Request) -> None:
        if request.funcode != "BB1PAYOP":
            batches.hide(self.store, uid, request.body)
            return
        hidden = payments.latest(self.store, uid, request.body["bb1payopx1"][0]["yurRef"])
        if hidden is not None:
            self.store.write("UPDATE payments SET hidden = ? WHERE id = ?", (HIDDEN_QUERIES, hidden["id"]))

    def _call(self, request: Request, now: datetime) -> tuple[str, str, Body]:
        call = Call(self.store, self.faults, request.enterprise.uid, now)
        try:
            return "SUC0000", "", FUNCTIONS[request.funcode](call, request.body)
        except BusinessError as error:
            return error.code, str(error), {}

    def _sealed(self, request: Request, result: tuple[str, str, Body], fault: str, now: datetime) -> Reply:
        code, message, body = result
        head = {
            "funcode": request.funcode,
            "userid": request.enterprise.uid,
            "reqid": request.reqid,
            "rspid": f"{in_china(now):%Y%m%d%H%M%S}{secrets.token_hex(8)}",
            "resultcode": code,
            "resultmsg": message,
            "bizcode": "",
        }
        key = self.wrong_key if fault == "wrong_chain" else self.key
        sealed = seal_answer(head, body, request.enterprise, key, now, forged=fault == "bad_signature")
        match fault:
            case "lost_answer":
                return Reply(drop=True)
            case "garbled_answer":
                return Reply(sealed[: len(sealed) * 2 // 3])
            case "late_answer":
                return Reply(sealed, delay=self.faults.plan.late_seconds)
        return Reply(sealed)
