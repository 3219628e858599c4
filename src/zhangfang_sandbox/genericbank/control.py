"""The control plane of this bank: clients, accounts, types of account, outside money, the book."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from zhangfang_sandbox.common.control import (
    Refused,
    body_of,
    clock_routes,
    errors_as_json,
    fault_routes,
    need,
)
from zhangfang_sandbox.common.shapes import fen, sequence, word
from zhangfang_sandbox.common.times import in_china
from zhangfang_sandbox.genericbank import book, codes, payments, seal
from zhangfang_sandbox.genericbank.bank import FAULTS, Bank

Json = dict[str, Any]


def control(bank: Bank) -> web.Application:
    """Return the application of the control port."""

    async def post_client(request: web.Request) -> web.Response:
        return await done(register(bank, await body_of(request)))

    async def post_account(request: web.Request) -> web.Response:
        return await done(open_account(bank, await body_of(request)))

    async def post_credit(request: web.Request) -> web.Response:
        return await done(move(bank, await body_of(request), credit=True))

    async def post_debit(request: web.Request) -> web.Response:
        return await done(move(bank, await body_of(request), credit=False))

    async def put_types(request: web.Request) -> web.Response:
        return await done(set_types(bank, await body_of(request)))

    async def get_types(_: web.Request) -> web.Response:
        return await done({"allowed": payments.allowed_types(bank.store)})

    async def get_book(request: web.Request) -> web.Response:
        return await done(account_book(bank, request.query))

    async def get_summary(_: web.Request) -> web.Response:
        return await done(summary(bank))

    async def get_movements(request: web.Request) -> web.Response:
        return await done(movements(bank, sequence(request.query)))

    async def done(answer: object) -> web.Response:
        await bank.store.committed()
        return web.json_response(answer)

    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(clock_routes(bank.store, bank.clock, lambda now: None))
    app.add_routes(fault_routes(bank.store, bank.faults, FAULTS))
    app.add_routes(
        [
            web.post("/clients", post_client),
            web.post("/accounts", post_account),
            web.post("/credit", post_credit),
            web.post("/debit", post_debit),
            web.put("/account_types", put_types),
            web.get("/account_types", get_types),
            web.get("/book", get_book),
            web.get("/book/summary", get_summary),
            web.get("/movements", get_movements),
        ]
    )
    return app


def register(bank: Bank, data: Json) -> Json:
    """Take a client: `client`, `public_key` (PEM); answers the bank's own public key."""
    client = word(data, "client", 32)
    if not (client.isascii() and client.isalnum()):
        raise Refused("client: must be letters and digits")
    try:
        bank.register(client, need(data, "public_key", str))
    except ValueError as error:
        raise Refused("public_key: must be the PEM of an RSA key of 2048 bits or more") from error
    return {"bank_public_key": seal.public_pem(bank.key)}


def open_account(bank: Bank, data: Json) -> Json:
    """Open an account: `number`, `name`, `opening_fen`, `client`. The same again changes nothing."""
    row = (word(data, "number", 35), word(data, "name", 100), word(data, "client", 32))
    opening = fen(data, "opening_fen", 0)
    if bank.store.row("SELECT 1 FROM clients WHERE id = ?", row[2]) is None:
        raise Refused("client: must be a registered one")
    known = book.account(bank.store, row[0])
    if known is None:
        bank.store.write("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", (*row, opening, opening))
    elif (known["number"], known["name"], known["client"], known["opening"]) != (*row, opening):
        raise Refused("number: this account is open with other particulars", 409)
    return {"account": row[0]}


def set_types(bank: Bank, data: Json) -> Json:
    """Say which types of account are paid to: `allowed`, a list of holder/class/medium."""
    allowed = need(data, "allowed", list)
    if not all(isinstance(one, str) and one.count("/") == 2 for one in allowed):
        raise Refused("allowed: must be a list of texts such as corporate/basic/corporate")
    bank.store.put("account_types", allowed)
    return {"allowed": allowed}


def move(bank: Bank, data: Json, *, credit: bool) -> Json:
    """Book money from or to outside; the same `id` again books nothing and answers the same line."""
    movement = book.Movement(
        account=word(data, "account", 35),
        credit=credit,
        amount=fen(data, "amount_fen", 1),
        counterparty=word(data, "counterparty_name", 200),
        text=word(data, "text", 200),
        reversal=need({"reversal": False, **data}, "reversal", bool),
        outside_id=word(data, "id", 100),
    )
    if book.account(bank.store, movement.account) is None:
        raise Refused("account: must be an open account", 404)
    known = bank.store.row("SELECT * FROM lines WHERE outside_id = ?", movement.outside_id)
    if known is not None and not same(known, movement):
        raise Refused("id: was used for another movement", 409)
    seq = book.post(bank.store, movement, bank.now()) if known is None else int(known["seq"])
    return {"id": movement.outside_id, "seq": seq, "repeated": known is not None}


def same(known: sqlite3.Row, movement: book.Movement) -> bool:
    """Say whether a booked line is the same money as `movement`."""
    side = "C" if movement.credit else "D"
    return (known["account"], known["direction"], known["amount"]) == (
        movement.account,
        side,
        movement.amount,
    )


def account_book(bank: Bank, query: Mapping[str, str]) -> Json:
    """Return an account with all its lines, oldest first."""
    bank.now()
    row = book.account(bank.store, query.get("account", ""))
    if row is None:
        raise Refused("account: must be an open account", 404)
    return {
        "account": row["number"],
        "opening_fen": row["opening"],
        "balance_fen": row["balance"],
        "lines": [line(one) for one in book.lines(bank.store, row["number"], 0, -1)],
    }


def line(row: sqlite3.Row) -> Json:
    """A line of the book as JSON; `sequence` is the number that the statement shows."""
    return {
        "seq": row["seq"],
        "sequence": str(row["seq"]),
        "at": row["at"],
        "direction": row["direction"],
        "amount_fen": row["amount"],
        "balance_fen": row["balance"],
        "serial": row["serial"] or "",
        "text": row["text"],
        "key": row["key"] or "",
        "reversal": bool(row["reversal"]),
        "counterparty_name": row["counterparty"],
    }


def summary(bank: Bank) -> Json:
    """Return all balances, the payments by code, and how many keys had more than one payment go out for good.

    A payment that the bank called failed and made all the same is no such double: it is counted as a contradiction.
    """
    bank.now()
    accounts = bank.store.rows("SELECT number, opening, balance FROM accounts ORDER BY number")
    found = bank.store.rows("SELECT code, count(*) AS n FROM payments GROUP BY 1 ORDER BY 1")
    double = bank.store.one(
        "SELECT count(*) AS n FROM (SELECT key FROM payments WHERE key <> '' AND debit_seq IS NOT NULL"
        " AND return_seq IS NULL AND NOT contradicts GROUP BY client, key HAVING count(*) > 1)"
    )
    return {
        "accounts": [
            {"account": row["number"], "opening_fen": row["opening"], "balance_fen": row["balance"]}
            for row in accounts
        ],
        "payments": {row["code"]: row["n"] for row in found},
        "double_debits": double["n"],
        "contradictions": bank.store.one("SELECT count(*) AS n FROM payments WHERE contradicts")["n"],
    }


def movements(bank: Bank, after: int) -> list[Json]:
    """Return the bank's own truth of all payments after a number, in the words that all sandbox banks share."""
    bank.now()
    rows = bank.store.rows(
        "SELECT payments.*, lines.at AS booked FROM payments LEFT JOIN lines ON lines.seq = debit_seq"
        " WHERE payments.id > ? ORDER BY payments.id",
        after,
    )
    return [
        {
            "seq": row["id"],
            "key": row["key"],
            "order_no": row["serial"][8:],
            "operation": "payout",
            "amount": row["amount"],
            "state": "SUCCESS" if row["contradicts"] else codes.STATES[row["code"][0]],
            "settle_date": str(in_china(row["booked"]).date()) if row["booked"] else None,
            "original": "",
            "fee": 0,
            "account": f"{row['payee'][:6]}…{row['payee'][-4:]}" if len(row["payee"]) > 12 else "…",
            "denied": bool(row["contradicts"]),
        }
        for row in rows
    ]
