"""The bank as a whole: its key, its clients, and the answer to each message of the wire."""

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zhangfang_sandbox.common.accounts import account, yuan
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.process import Dropped
from zhangfang_sandbox.common.rows import open_rows
from zhangfang_sandbox.common.times import china_day, in_china
from zhangfang_sandbox.genericbank import book, codes, fields, payments, seal
from zhangfang_sandbox.genericbank.fields import BusinessError

# Faults by when they act: BEFORE and OUTCOME on payments, AFTER on the next answer about the order. This bank pushes
# nothing (no notify_*) and has no file: its statement is always there (no file_*).
BEFORE = ("refused", "throttle", "maintenance")
OUTCOME = ("account_type", "contradict", "decline", "decline_later", "pending_first", "returned")
AFTER = ("lost_answer", "late_answer", "garbled_answer", "bad_signature", "wrong_chain")
HIDE = "not_found_first"
FAULTS = frozenset((*BEFORE, *OUTCOME, *AFTER, HIDE))
BUSY = {"throttle": codes.BUSY, "maintenance": codes.MAINTENANCE}
HIDDEN_QUERIES = 2
PAGE = 200

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back after `delay` real seconds, or nothing (`drop`: the connection is closed)."""

    body: bytes = b""
    signature: str = ""
    status: int = 200
    delay: float = 0.0
    drop: bool = False


class Bank:
    """Everything the bank knows and decides. It never waits: await `store.committed()` before an answer is sent."""

    def __init__(self, folder: Path) -> None:
        """Open the bank whose data is in `folder`; its keys are made at the first start. Needs a running event loop."""
        self.store = open_rows(folder, "genericbank")
        self.clock = BankClock.load(self.store)
        self.clock.save(self.store)
        self.faults = Faults(self.store)
        held = self.store.get("key", None)
        self.key = seal.new_key() if held is None else seal.key_of(held)
        self.store.put("key", seal.stored_key(self.key))
        self._clients: dict[str, RSAPublicKey] = {
            row["id"]: seal.public_of(row["public_key"]) for row in self.store.rows("SELECT * FROM clients")
        }

    def now(self) -> datetime:
        """Do everything that is due, and return the bank's time."""
        now = self.clock.now()
        payments.catch_up(self.store, self.faults, now)
        return now

    def register(self, client: str, public_key: str) -> None:
        """Take a client, or its new key. Raises ValueError for a key that is none."""
        self._clients[client] = seal.public_of(public_key)
        self.store.write("INSERT OR REPLACE INTO clients VALUES (?, ?)", (client, public_key))

    def answer(self, raw: bytes, client: str, signature: str) -> Reply:
        """Answer the bytes of a POST. If they are not signed by the client, the answer is plain text and unsigned."""
        now = self.now()
        key = self._clients.get(client)
        if key is None or not seal.genuine(key, raw, signature):
            return Reply(b"unknown client, or its signature does not verify", status=401)
        try:
            asked = fields.message(raw)
            body = asked.get("body")
            if not isinstance(body, dict) or asked.get("clientId") != client:
                raise ValueError("no body, or another client's")
        except ValueError:
            return Reply(b"the body must be a JSON object with clientId and body", status=400)
        try:
            return self._sealed(raw, *self._done(asked.get("txCode"), client, body, now), now)
        except Dropped:
            return Reply(drop=True)

    def _done(self, code: object, client: str, body: Body, now: datetime) -> tuple[str, str, Body, str]:
        """Do what is asked; return code, message, body and the key of the order it is about."""
        try:
            match code:
                case "PAY001":
                    return codes.OK, "", *self._pay(client, body, now)
                case "QRY001":
                    return codes.OK, "", *self._query(client, body)
                case "STM001":
                    return codes.OK, "", self._statement(client, body), ""
            raise BusinessError(codes.FORMAT, "txCode must be PAY001, QRY001 or STM001")
        except BusinessError as error:
            return error.code, str(error), {}, ""

    def _pay(self, client: str, body: Body, now: datetime) -> tuple[Body, str]:
        asked = fields.payment(body)
        before = self.faults.first_met(BEFORE, asked.note)
        if before == "refused":
            raise Dropped
        if before in BUSY:
            raise BusinessError(BUSY[before])
        # The serial is checked first: a final refusal also says that no payment with this serial was ever taken.
        known = payments.latest(self.store, client, asked.serial)
        if known is not None and known["content"] != asked.content:
            raise BusinessError(codes.OTHER_CONTENT)
        if known is None:
            self._own(client, asked.payer)
        if known is None and asked.serial[:8] != china_day(now):
            raise BusinessError(codes.OTHER_DAY)
        row = known or payments.submit(self.store, self.faults, client, asked, now)
        if known is None and self.faults.meets(HIDE, asked.note):
            self.store.write("UPDATE payments SET hidden = ? WHERE id = ?", (HIDDEN_QUERIES, row["id"]))
            raise Dropped
        return state(row), asked.note

    def _query(self, client: str, body: Body) -> tuple[Body, str]:
        row = payments.latest(self.store, client, fields.serial(body))
        if row is None:
            raise BusinessError(codes.NOT_FOUND)
        if row["hidden"]:
            self.store.write("UPDATE payments SET hidden = hidden - 1 WHERE id = ?", (row["id"],))
            raise BusinessError(codes.NOT_FOUND)
        return state(row), row["key"]

    def _statement(self, client: str, body: Body) -> Body:
        number, after = fields.text(body, "account", 35), body.get("after")
        if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 2**62:
            raise BusinessError(codes.FORMAT, "after must be a number, the seq of a line, or 0")
        self._own(client, number)
        found = book.lines(self.store, number, after, PAGE + 1)
        return {
            "account": number,
            "lines": [statement_line(line) for line in found[:PAGE]],
            "more": len(found) > PAGE,
        }

    def _own(self, client: str, number: str) -> None:
        row = account(self.store, number)
        if row is None or row["client"] != client:
            raise BusinessError(codes.ACCOUNT)

    def _sealed(self, raw: bytes, code: str, message: str, body: Body, key: str, now: datetime) -> Reply:
        said = {
            "requestDigest": hashlib.sha256(raw).hexdigest(),
            "time": f"{in_china(now):%Y%m%d%H%M%S}",
            "code": code,
            "message": message,
            "body": body,
        }
        sealed = json.dumps(said, ensure_ascii=False).encode()
        fault = self.faults.first_met(AFTER, key)
        if fault == "lost_answer":
            raise Dropped
        signed = sealed + b" " if fault == "bad_signature" else sealed
        key_of_answer = seal.new_key() if fault == "wrong_chain" else self.key  # the new one: of nobody
        signature = seal.sign(key_of_answer, signed)
        if fault == "garbled_answer":
            sealed = sealed[: len(sealed) * 2 // 3]
        delay = self.faults.plan.late_seconds if fault == "late_answer" else 0.0
        return Reply(sealed, signature, delay=delay)


def state(row: sqlite3.Row) -> Body:
    """A payment as PAY001 and QRY001 show it."""
    return {
        "serial": row["serial"],
        "bankSerial": book.bank_serial(row["id"]),
        "amount": yuan(row["amount"]),
        "currency": "CNY",
        "code": row["code"],
        "reason": codes.REASONS[row["code"]],
    }


def statement_line(line: sqlite3.Row) -> Body:
    """A line as STM001 shows it."""
    return {
        "seq": line["seq"],
        "time": f"{in_china(line['at']):%Y%m%d%H%M%S}",
        "direction": line["direction"],
        "amount": yuan(line["amount"]),
        "balance": yuan(line["balance"]),
        "serial": line["serial"] or "",
        "bankSerial": book.bank_serial(line["payment"]),
        "counterparty": line["counterparty"],
        "text": line["text"],
        "reversal": bool(line["reversal"]),
    }
