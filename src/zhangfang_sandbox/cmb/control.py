"""The control plane of this bank: customers, accounts, payees, outside money, the book."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from zhangfang_sandbox.cmb import book, payments
from zhangfang_sandbox.cmb.bank import FAULTS, Bank
from zhangfang_sandbox.cmb.movements import movements
from zhangfang_sandbox.cmb.wire.envelope import UID
from zhangfang_sandbox.common import accounts
from zhangfang_sandbox.common.control import Refused, application, instant, need, routes
from zhangfang_sandbox.common.shapes import fen, sequence, word
from zhangfang_sandbox.common.times import stored

Json = dict[str, Any]


def control(bank: Bank) -> web.Application:
    """Return the application of the control port."""

    def put_throttle(data: Json) -> Json:
        bank.throttle.set(data)
        return bank.throttle.report()

    def all_movements(query: Mapping[str, str]) -> list[Json]:
        bank.now()
        return movements(bank.store, sequence(query))

    app = application(bank.store, bank.clock, bank.faults, FAULTS)
    handlers: dict[str, Callable[[Any], object]] = {
        "POST /enterprises": lambda data: register(bank, data),
        "POST /accounts": lambda data: open_account(bank, data),
        "POST /payees": lambda data: put_payee(bank, data),
        "POST /credit": lambda data: move(bank, data, credit=True),
        "POST /debit": lambda data: move(bank, data, credit=False),
        "POST /payments/status": lambda data: set_status(bank, data),
        "GET /book": lambda query: account_book(bank, query),
        "GET /book/summary": lambda _: summary(bank),
        "GET /payments": lambda _: all_payments(bank),
        "GET /movements": all_movements,
        "GET /throttle": lambda _: bank.throttle.report(),
        "PUT /throttle": put_throttle,
    }
    app.add_routes(routes(bank.store, handlers))
    return app


def register(bank: Bank, data: Json) -> Json:
    """Take a customer: `uid`, `public_key` (128 hex), `notify_url`. The same key again changes nothing but the URL."""
    uid, public_key = word(data, "uid", 16), need(data, "public_key", str).lower()
    url = need({"notify_url": "", **data}, "notify_url", str)
    if url and not url.startswith(("http://", "https://")):
        raise Refused("notify_url: must be an http or https URL")
    if not UID.fullmatch(uid):
        raise Refused("uid: must be 1 to 16 letters or digits")
    try:
        return bank.register(uid, public_key, url)
    except ValueError as error:
        raise Refused("public_key: must be 128 hex characters x||y of a point of the SM2 curve") from error
    except PermissionError as error:
        raise Refused(f"uid: {error}", 409) from error


def open_account(bank: Bank, data: Json) -> Json:
    """Open an account: `number`, `name`, `opening_fen`, `enterprise`; `approval`: payments wait in AUT."""
    number, name, uid = word(data, "number", 35), word(data, "name", 200), word(data, "enterprise", 16)
    opening, approval = fen(data, "opening_fen", 0), need({"approval": False, **data}, "approval", bool)
    if bank.store.row("SELECT 1 FROM enterprises WHERE uid = ?", uid) is None:
        raise Refused("enterprise: must be a registered uid")
    known = accounts.account(bank.store, number)
    if known is None:
        bank.store.write(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, name, uid, opening, opening, approval, stored(bank.now())),
        )
    elif (known["name"], known["uid"], known["opening"], known["approval"]) != (name, uid, opening, approval):
        raise Refused("number: this account is open with other particulars", 409)
    return {"account": number}


def put_payee(bank: Bank, data: Json) -> Json:
    """Say what is known of a payee: `number`, `name`, `state` open or closed. The last call counts."""
    number, name, state = word(data, "number", 35), word(data, "name", 200), need(data, "state", str)
    if state not in ("open", "closed"):
        raise Refused("state: must be open or closed")
    bank.store.write("INSERT OR REPLACE INTO payees VALUES (?, ?, ?)", (number, name, state))
    return {"payee": number, "state": state}


def move(bank: Bank, data: Json, *, credit: bool) -> Json:
    """Book money from or to outside; the same `id` again books nothing and answers the same line."""
    movement = book.Movement(
        **accounts.outside(data, credit=credit),
        counterparty_name=word(data, "counterparty_name", 200),
        counterparty_account=word(data, "counterparty_account", 35),
        purpose=word(data, "text", 200),
        value_at=instant(data, "value_at") if data.get("value_at") is not None else None,
    )
    now = bank.now()
    return accounts.move(bank.store, movement, lambda: book.post(bank.store, movement, now))


def set_status(bank: Bank, data: Json) -> Json:
    """Bring the newest payment of a `yurRef` to `reqSts`/`rtnFlg`, as an approver or the bank's staff would."""
    yur_ref, status = (
        word(data, "yurRef", 30),
        (need(data, "reqSts", str), need({"rtnFlg": "", **data}, "rtnFlg", str)),
    )
    if status not in payments.MONEY_IS_OUT:
        allowed = ", ".join("/".join(filter(None, pair)) for pair in payments.MONEY_IS_OUT)
        raise Refused(f"reqSts/rtnFlg: must be one of {allowed}")
    now = bank.now()
    row = bank.store.row("SELECT * FROM payments WHERE yur_ref = ? ORDER BY id DESC LIMIT 1", yur_ref)
    if row is None:
        raise Refused("yurRef: no such payment", 404)
    refusal = payments.act(bank.store, bank.faults, row, *status, now)
    if refusal:
        raise Refused(f"reqSts/rtnFlg: {refusal}", 409)
    return payment(payments.by_id(bank.store, row["id"]))


def account_book(bank: Bank, query: Mapping[str, str]) -> Json:
    """Return an account with all its lines, oldest first."""
    bank.now()
    row = accounts.account_of(bank.store, query.get("account", ""))
    found = book.lines(bank.store, row["number"], 1, ("", "99999999"), -1)
    return accounts.account_book(row, map(line, found))


def line(row: sqlite3.Row) -> Json:
    """A line of the book as JSON; `sequence` is the number that the statement shows."""
    own = {
        "sequence": book.sequence_no(row["seq"]),
        "yurRef": row["yur_ref"] or "",
        "reqNbr": book.request_no(row["payment"]),
        "text": row["purpose"],
        "key": row["text"],
        "counterparty_name": row["counterparty_name"],
    }
    return accounts.line(row, own)


def summary(bank: Bank) -> Json:
    """Return `accounts.summary`, the payments by `reqSts/rtnFlg`."""
    bank.now()
    states = bank.store.rows(
        "SELECT req_sts, rtn_flg, count(*) AS n FROM payments GROUP BY 1, 2 ORDER BY 1, 2"
    )
    counted = {"/".join(filter(None, (row["req_sts"], row["rtn_flg"]))): row["n"] for row in states}
    return accounts.summary(bank.store, "uid", counted)


def all_payments(bank: Bank) -> list[Json]:
    """Return every payment, oldest first."""
    bank.now()
    return [payment(row) for row in bank.store.rows("SELECT * FROM payments ORDER BY id")]


def payment(row: sqlite3.Row) -> Json:
    """A payment as JSON."""
    return {
        "yurRef": row["yur_ref"],
        "reqNbr": book.request_no(row["id"]),
        "amount_fen": row["amount"],
        "account": row["account"],
        "payee": row["payee"],
        "reqSts": row["req_sts"],
        "rtnFlg": row["rtn_flg"],
        "key": row["key"],
        "at": row["at"],
        "returned_at": row["returned_at"],
    }
