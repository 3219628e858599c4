"""The bank's book: accounts and the lines of their statements. Amounts are fen."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.times import stored


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that comes to an account (`credit`) or leaves it."""

    account: str
    credit: bool
    amount: int
    counterparty: str = ""
    text: str = ""
    payment: int | None = None
    reversal: bool = False
    outside_id: str | None = None


def post(store: RowStore, movement: Movement, at: datetime) -> int:
    """Book a movement at bank time `at`; return the line's number. Payments check the balance before."""
    signed = movement.amount if movement.credit else -movement.amount
    store.write("UPDATE accounts SET balance = balance + ? WHERE number = ?", (signed, movement.account))
    balance = store.one("SELECT balance FROM accounts WHERE number = ?", movement.account)["balance"]
    return store.insert(
        "INSERT INTO lines (account, at, direction, amount, balance, payment, counterparty, text, reversal,"
        " outside_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        movement.account,
        stored(at),
        "C" if movement.credit else "D",
        movement.amount,
        balance,
        movement.payment,
        movement.counterparty,
        movement.text,
        movement.reversal,
        movement.outside_id,
    )


def lines(store: RowStore, number: str, after: int, limit: int) -> list[sqlite3.Row]:
    """Return at most `limit` lines after the number `after`, oldest first; -1 for all."""
    return store.rows(
        "SELECT lines.*, payments.serial, payments.key FROM lines LEFT JOIN payments ON payments.id = lines.payment"
        " WHERE lines.account = ? AND seq > ? ORDER BY seq LIMIT ?",
        number,
        after,
        limit,
    )


def bank_serial(payment: int | None) -> str:
    """Write the bank's own number of a payment, "" for none."""
    return "" if payment is None else f"GB{payment:010d}"
