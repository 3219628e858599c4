"""The bank's book: accounts and the lines of their statements. Amounts are fen."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.times import china_day, stored

NOTICE = (
    "INSERT INTO notices (uid, kind, payment, line, due)"
    " SELECT uid, ?, ?, ?, ? FROM enterprises WHERE uid = ? AND notify_url <> ''"
)


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that comes to an account (`credit`) or leaves it. `text` is businessText, `purpose` remarkTextClt."""

    account: str
    credit: bool
    amount: int
    counterparty_name: str = ""
    counterparty_account: str = ""
    purpose: str = ""
    text: str = ""
    payment: int | None = None
    reversal: bool = False
    outside_id: str | None = None
    value_at: datetime | None = None


def post(store: RowStore, movement: Movement, at: datetime) -> int:
    """Book a movement at bank time `at`; return the line's sequence number.

    The bank itself may overdraw an account (a debit by the control plane); payments check the balance before.
    """
    signed = movement.amount if movement.credit else -movement.amount
    store.write("UPDATE accounts SET balance = balance + ? WHERE number = ?", (signed, movement.account))
    row = store.one("SELECT balance, uid FROM accounts WHERE number = ?", movement.account)
    seq = store.insert(
        "INSERT INTO lines (account, at, day, value_day, direction, amount, balance, payment, counterparty_name,"
        " counterparty_account, purpose, text, reversal, outside_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        movement.account,
        stored(at),
        china_day(at),
        china_day(movement.value_at or at),
        "C" if movement.credit else "D",
        movement.amount,
        row["balance"],
        movement.payment,
        movement.counterparty_name,
        movement.counterparty_account,
        movement.purpose,
        movement.text,
        movement.reversal,
        movement.outside_id,
    )
    store.write(
        NOTICE,
        ("NCCRTTRS" if movement.credit else "NCDBTTRS", movement.payment, seq, stored(at), row["uid"]),
    )
    return seq


def lines(
    store: RowStore, number: str, first_seq: int, days: tuple[str, str], limit: int
) -> list[sqlite3.Row]:
    """Return at most `limit` lines from `first_seq` on, oldest first, of the days (yyyyMMdd, both included)."""
    return store.rows(
        "SELECT lines.*, payments.yur_ref FROM lines LEFT JOIN payments ON payments.id = lines.payment"
        " WHERE lines.account = ? AND seq >= ? AND day BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        number,
        first_seq,
        *days,
        limit,
    )


def balance_before(store: RowStore, row: sqlite3.Row, day: str) -> int:
    """Return the balance of the account `row` at the end of the day before `day` (yyyyMMdd)."""
    sql = "SELECT balance FROM lines WHERE account = ? AND day < ? ORDER BY seq DESC LIMIT 1"
    last = store.row(sql, row["number"], day)
    return int(row["opening"] if last is None else last["balance"])


def sequence_no(seq: int | None) -> str:
    """Write a line's number the way the statement does (15 characters), "" for none."""
    return "" if seq is None else f"C{seq:014d}"


def request_no(payment: int | None) -> str:
    """Write a payment's reqNbr: 10 digits that grow, so the largest is the latest."""
    return "" if payment is None else f"{5_000_000_000 + payment}"
