"""The control plane of this bank: clients, accounts, types of account, outside money, the book."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from zhangfang_sandbox.common import accounts
from zhangfang_sandbox.common.control import Refused, application, need, routes
from zhangfang_sandbox.common.shapes import fen, sequence, word
from zhangfang_sandbox.common.times import in_china
from zhangfang_sandbox.genericbank import book, codes, payments, seal
from zhangfang_sandbox.genericbank.bank import FAULTS, Bank

Json = dict[str, Any]


def control(bank: Bank) -> web.Application:
    """Return the application of the control port."""
    app = application(bank.store, bank.clock, bank.faults, FAULTS)
    handlers: dict[str, Callable[[Any], object]] = {
        "POST /clients": lambda data: register(bank, data),
        "POST /accounts": lambda data: open_account(bank, data),
        "POST /credit": lambda data: move(bank, data, credit=True),
        "POST /debit": lambda data: move(bank, data, credit=False),
        "PUT /account_types": lambda data: set_types(bank, data),
        "GET /account_types": lambda _: {"allowed": payments.allowed_types(bank.store)},
        "GET /book": lambda query: account_book(bank, query),
        "GET /book/summary": lambda _: summary(bank),
        "GET /movements": lambda query: movements(bank, sequence(query)),
    }
    app.add_routes(routes(bank.store, handlers))
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
    known = accounts.account(bank.store, row[0])
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
        **accounts.outside(data, credit=credit),
        counterparty=word(data, "counterparty_name", 200),
        text=word(data, "text", 200),
    )
    return accounts.move(bank.store, movement, lambda: book.post(bank.store, movement, bank.now()))


def account_book(bank: Bank, query: Mapping[str, str]) -> Json:
    """Return an account with all its lines, oldest first."""
    bank.now()
    row = accounts.account_of(bank.store, query.get("account", ""))
    return accounts.account_book(row, map(line, book.lines(bank.store, row["number"], 0, -1)))


def line(row: sqlite3.Row) -> Json:
    """A line of the book as JSON; `sequence` is the number that the statement shows."""
    own = {
        "sequence": str(row["seq"]),
        "serial": row["serial"] or "",
        "text": row["text"],
        "key": row["key"] or "",
        "counterparty_name": row["counterparty"],
    }
    return accounts.line(row, own)


def summary(bank: Bank) -> Json:
    """Return `accounts.summary`, the payments by code."""
    bank.now()
    found = bank.store.rows("SELECT code, count(*) AS n FROM payments GROUP BY 1 ORDER BY 1")
    return accounts.summary(bank.store, "client", {row["code"]: row["n"] for row in found})


def movements(bank: Bank, after: int) -> list[Json]:
    """Return the bank's own record of all payments after a number, in the format that all sandbox banks share."""
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
