"""The control plane of this bank: customers, accounts, payees, outside money, the book."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from zhangfang_sandbox.cmb import book, payments
from zhangfang_sandbox.cmb.bank import FAULTS, Bank
from zhangfang_sandbox.cmb.movements import movements
from zhangfang_sandbox.cmb.wire.envelope import UID
from zhangfang_sandbox.common.control import (
    Refused,
    body_of,
    clock_routes,
    errors_as_json,
    fault_routes,
    instant,
    need,
)
from zhangfang_sandbox.common.shapes import fen, sequence, word
from zhangfang_sandbox.common.times import stored

Json = dict[str, Any]


def control(bank: Bank) -> web.Application:
    """Return the application of the control port."""

    async def post_enterprise(request: web.Request) -> web.Response:
        return await done(register(bank, await body_of(request)))

    async def post_account(request: web.Request) -> web.Response:
        return await done(open_account(bank, await body_of(request)))

    async def post_payee(request: web.Request) -> web.Response:
        return await done(put_payee(bank, await body_of(request)))

    async def post_credit(request: web.Request) -> web.Response:
        return await done(move(bank, await body_of(request), credit=True))

    async def post_debit(request: web.Request) -> web.Response:
        return await done(move(bank, await body_of(request), credit=False))

    async def post_status(request: web.Request) -> web.Response:
        return await done(set_status(bank, await body_of(request)))

    async def get_book(request: web.Request) -> web.Response:
        return await done(account_book(bank, request.query))

    async def get_summary(_: web.Request) -> web.Response:
        return await done(summary(bank))

    async def get_movements(request: web.Request) -> web.Response:
        bank.now()
        return await done(movements(bank.store, sequence(request.query)))

    async def get_throttle(_: web.Request) -> web.Response:
        return await done(bank.throttle.report())

    async def put_throttle(request: web.Request) -> web.Response:
        bank.throttle.set(await body_of(request))
        return await done(bank.throttle.report())

    async def get_payments(_: web.Request) -> web.Response:
        return await done(all_payments(bank))

    async def done(answer: object) -> web.Response:
        await bank.store.committed()
        return web.json_response(answer)

    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(clock_routes(bank.store, bank.clock, lambda now: None))
    app.add_routes(fault_routes(bank.store, bank.faults, FAULTS))
    app.add_routes(
        [
            web.post("/enterprises", post_enterprise),
            web.post("/accounts", post_account),
            web.post("/payees", post_payee),
            web.post("/credit", post_credit),
            web.post("/debit", post_debit),
            web.post("/payments/status", post_status),
            web.get("/book", get_book),
            web.get("/book/summary", get_summary),
            web.get("/payments", get_payments),
            web.get("/movements", get_movements),
            web.get("/throttle", get_throttle),
            web.put("/throttle", put_throttle),
        ]
    )
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
    known = book.account(bank.store, number)
    if known is None:
        bank.store.write(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, name, uid, opening, opening, approval, stored(bank.now())),
        )
    elif (known["name"], known["uid"], known["opening"], known["approval"]) != (name, uid, opening, approval):
        raise Refused("number: this account is open with other particulars", 409)
    return {"account": number}


def put_payee(bank: Bank, data: Json) -> Json:
    """Say what is known of a payee: `number`, `name`, `state` open or closed; the last word counts."""
    number, name, state = word(data, "number", 35), word(data, "name", 200), need(data, "state", str)
    if state not in ("open", "closed"):
        raise Refused("state: must be open or closed")
    bank.store.write("INSERT OR REPLACE INTO payees VALUES (?, ?, ?)", (number, name, state))
    return {"payee": number, "state": state}


def move(bank: Bank, data: Json, *, credit: bool) -> Json:
    """Book money from or to outside; the same `id` again books nothing and answers the same line."""
    movement = book.Movement(
        account=word(data, "account", 35),
        credit=credit,
        amount=fen(data, "amount_fen", 1),
        counterparty_name=word(data, "counterparty_name", 200),
        counterparty_account=word(data, "counterparty_account", 35),
        purpose=word(data, "text", 200),
        reversal=need({"reversal": False, **data}, "reversal", bool),
        outside_id=word(data, "id", 100),
        value_at=instant(data, "value_at") if data.get("value_at") is not None else None,
    )
    if book.account(bank.store, movement.account) is None:
        raise Refused("account: must be an open account", 404)
    now = bank.now()
    known = bank.store.row("SELECT * FROM lines WHERE outside_id = ?", movement.outside_id)
    if known is not None and not same(known, movement):
        raise Refused("id: was used for another movement", 409)
    seq = book.post(bank.store, movement, now) if known is None else int(known["seq"])
    return {"id": movement.outside_id, "seq": seq, "repeated": known is not None}


def same(known: sqlite3.Row, movement: book.Movement) -> bool:
    """Say whether a booked line is the same money as `movement`."""
    return (known["account"], known["direction"], known["amount"]) == (
        movement.account,
        "C" if movement.credit else "D",
        movement.amount,
    )


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
    row = book.account(bank.store, query.get("account", ""))
    if row is None:
        raise Refused("account: must be an open account", 404)
    found = book.lines(bank.store, row["number"], 1, ("", "99999999"), -1)
    return {
        "account": row["number"],
        "opening_fen": row["opening"],
        "balance_fen": row["balance"],
        "lines": [line(one) for one in found],
    }


def line(row: sqlite3.Row) -> Json:
    """A line of the book as JSON; `sequence` is the number that the statement shows."""
    return {
        "seq": row["seq"],
        "sequence": book.sequence_no(row["seq"]),
        "at": row["at"],
        "direction": row["direction"],
        "amount_fen": row["amount"],
        "balance_fen": row["balance"],
        "yurRef": row["yur_ref"] or "",
        "reqNbr": book.request_no(row["payment"]),
        "text": row["purpose"],
        "key": row["text"],
        "reversal": bool(row["reversal"]),
        "counterparty_name": row["counterparty_name"],
    }


def summary(bank: Bank) -> Json:
    """Return all balances, the payments by status, and how many keys had more than one payment go out for good.

    A payment that the bank called failed and made all the same is no such double: it is counted as a contradiction.
    """
    bank.now()
    accounts = bank.store.rows("SELECT number, opening, balance FROM accounts ORDER BY number")
    states = bank.store.rows(
        "SELECT req_sts, rtn_flg, count(*) AS n FROM payments GROUP BY 1, 2 ORDER BY 1, 2"
    )
    double = bank.store.one(
        "SELECT count(*) AS n FROM (SELECT key FROM payments WHERE key <> '' AND debit_seq IS NOT NULL"
        " AND return_seq IS NULL AND NOT contradicts GROUP BY uid, key HAVING count(*) > 1)"
    )
    contradictions = bank.store.one("SELECT count(*) AS n FROM payments WHERE contradicts")
    return {
        "accounts": [
            {"account": row["number"], "opening_fen": row["opening"], "balance_fen": row["balance"]}
            for row in accounts
        ],
        "payments": {"/".join(filter(None, (row["req_sts"], row["rtn_flg"]))): row["n"] for row in states},
        "double_debits": double["n"],
        "contradictions": contradictions["n"],
    }


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
