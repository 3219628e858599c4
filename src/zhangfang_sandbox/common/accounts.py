"""What the banks that keep accounts do alike: accounts, outside money, an account's book, the sums.

Their tables `accounts`, `lines` and `payments` share the columns that are named here. Amounts are fen.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from zhangfang_sandbox.common.control import Refused, need
from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.shapes import fen, word

Json = dict[str, Any]


class Movement(Protocol):
    """Money that comes to an account (`credit`) or leaves it."""

    @property
    def account(self) -> str: ...
    @property
    def credit(self) -> bool: ...
    @property
    def amount(self) -> int: ...
    @property
    def outside_id(self) -> str | None: ...


def outside(data: Json, *, credit: bool) -> Json:
    """Return the fields that every bank reads of money from or to outside."""
    return {
        "account": word(data, "account", 35),
        "credit": credit,
        "amount": fen(data, "amount_fen", 1),
        "reversal": need({"reversal": False, **data}, "reversal", bool),
        "outside_id": word(data, "id", 100),
    }


def move(store: RowStore, movement: Movement, post: Callable[[], int]) -> Json:
    """Book money from or to outside with `post`; the same `id` again books nothing and answers the same line."""
    account_of(store, movement.account)
    known = store.row("SELECT * FROM lines WHERE outside_id = ?", movement.outside_id)
    asked = (movement.account, "C" if movement.credit else "D", movement.amount)
    if known is not None and (known["account"], known["direction"], known["amount"]) != asked:
        raise Refused("id: was used for another movement", 409)
    seq = post() if known is None else int(known["seq"])
    return {"id": movement.outside_id, "seq": seq, "repeated": known is not None}


def account(store: RowStore, number: str) -> sqlite3.Row | None:
    """Return an account or None."""
    return store.row("SELECT * FROM accounts WHERE number = ?", number)


def account_of(store: RowStore, number: str) -> sqlite3.Row:
    """Return an open account."""
    row = account(store, number)
    if row is None:
        raise Refused("account: must be an open account", 404)
    return row


def account_book(row: sqlite3.Row, lines: Iterable[Json]) -> Json:
    """Return an account with its lines."""
    return balance(row) | {"lines": list(lines)}


def balance(row: sqlite3.Row) -> Json:
    """Return an account's number and balances."""
    return {"account": row["number"], "opening_fen": row["opening"], "balance_fen": row["balance"]}


def line(row: sqlite3.Row, own: Mapping[str, object]) -> Json:
    """Return a line of the book, with the fields that a bank has beside those of all banks."""
    return {
        "seq": row["seq"],
        "at": row["at"],
        "direction": row["direction"],
        "amount_fen": row["amount"],
        "balance_fen": row["balance"],
        "reversal": bool(row["reversal"]),
        **own,
    }


def summary(store: RowStore, owner: str, payments: Json) -> Json:
    """Return all balances, the payments by status, and how many keys had more than one payment go out for good.

    `owner` is the column of `payments` that names the customer. A payment that the bank called failed although it was
    made is not counted as a double, but as a contradiction.
    """
    double = store.one(
        "SELECT count(*) AS n FROM (SELECT key FROM payments WHERE key <> '' AND debit_seq IS NOT NULL"  # noqa: S608
        f" AND return_seq IS NULL AND NOT contradicts GROUP BY {owner}, key HAVING count(*) > 1)"
    )
    return {
        "accounts": [balance(row) for row in store.rows("SELECT * FROM accounts ORDER BY number")],
        "payments": payments,
        "double_debits": double["n"],
        "contradictions": store.one("SELECT count(*) AS n FROM payments WHERE contradicts")["n"],
    }


def yuan(fen: int) -> str:
    """Write fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
