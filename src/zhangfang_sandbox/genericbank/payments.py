"""Payments: a serial that is accepted once, and a code that says whether the money has left."""

import sqlite3
from datetime import datetime, timedelta

from zhangfang_sandbox.common.accounts import account
from zhangfang_sandbox.common.faults import Faults, chance
from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.times import next_working_day_at_ten, stored
from zhangfang_sandbox.genericbank import codes
from zhangfang_sandbox.genericbank.book import Movement, post
from zhangfang_sandbox.genericbank.fields import Payment

SUCCESS_AFTER = timedelta(seconds=2)
PENDING_FOR = timedelta(minutes=5)
# The account types that are paid to, unless the control plane changes them. Others are refused, as one bank once
# refused its corporate accounts of a second class, 717 of them in a day.
TYPES = (
    "personal/I/card",
    "personal/I/passbook",
    "personal/II/card",
    "personal/III/card",
    "corporate/basic/corporate",
    "corporate/general/corporate",
    "corporate/special/corporate",
    "corporate/temporary/corporate",
)


def latest(store: RowStore, client: str, serial: str) -> sqlite3.Row | None:
    """Return the payment of a serial, or None."""
    return store.row("SELECT * FROM payments WHERE client = ? AND serial = ?", client, serial)


def by_id(store: RowStore, payment: int) -> sqlite3.Row:
    """Return a payment that exists."""
    return store.one("SELECT * FROM payments WHERE id = ?", payment)


def submit(store: RowStore, faults: Faults, client: str, asked: Payment, now: datetime) -> sqlite3.Row:
    """Store a payment whose serial is new and whose account is the client's, and begin to execute it."""
    payment = store.insert(
        "INSERT INTO payments (client, serial, account, payee, payee_name, payee_type, amount, purpose, key, content,"
        " code, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        client,
        asked.serial,
        asked.payer,
        asked.payee,
        asked.payee_name,
        asked.payee_type,
        asked.amount,
        asked.purpose,
        asked.note,
        asked.content,
        codes.WORKING,
        stored(now),
    )
    refusal = _refusal(store, faults, asked)
    if refusal:
        _set(store, payment, refusal)
    else:
        _execute(store, faults, payment, now)
    return by_id(store, payment)


def catch_up(store: RowStore, faults: Faults, now: datetime) -> None:
    """Do what fell due by `now`, oldest first. Called before every answer."""
    due_sql = "SELECT * FROM payments WHERE next_at <= ? ORDER BY next_at, id LIMIT 1"
    while due := store.row(due_sql, stored(now)):
        at, code = datetime.fromisoformat(due["next_at"]), due["next_code"]
        if code == codes.RETURNED:
            line = _movement(due, back=True)
            sql = "UPDATE payments SET return_seq = ?, returned_at = ? WHERE id = ?"
            store.write(sql, (post(store, line, at), stored(at), due["id"]))
        _set(store, due["id"], code)
        if code == codes.PAID and faults.meets("returned", due["key"]):
            _plan(store, due["id"], next_working_day_at_ten(at), codes.RETURNED)


def allowed_types(store: RowStore) -> list[str]:
    """Return the types of account that are paid to, as holder/class/medium."""
    return list(store.get("account_types", TYPES))


def _refusal(store: RowStore, faults: Faults, asked: Payment) -> str:
    if asked.payee_type not in allowed_types(store) or faults.meets("account_type", asked.note):
        return codes.TYPE
    payer = account(store, asked.payer)
    short = payer is None or payer["balance"] < asked.amount
    return codes.BALANCE if short or faults.meets("decline", asked.note) else ""


def _execute(store: RowStore, faults: Faults, payment: int, now: datetime) -> None:
    """Pay. A fault may leave the payment open for a while, let it fail later, or deny a payment that was made."""
    row = by_id(store, payment)
    if faults.meets(
        "decline_later", row["key"]
    ):  # no money moves, else the statement would show the payment as made
        _plan(store, payment, now + SUCCESS_AFTER, codes.REFUSED)
        return
    store.write("UPDATE payments SET debit_seq = ? WHERE id = ?", (post(store, _movement(row), now), payment))
    if faults.meets("contradict", row["key"]):
        store.write("UPDATE payments SET contradicts = 1 WHERE id = ?", (payment,))
        _set(store, payment, codes.REFUSED)
        return
    pending = faults.meets("pending_first", row["key"])
    if pending and chance(0, "code", row["key"]) < 0.5:
        _set(store, payment, codes.DOUBTFUL)
    _plan(store, payment, now + (PENDING_FOR if pending else SUCCESS_AFTER), codes.PAID)


def _movement(row: sqlite3.Row, *, back: bool = False) -> Movement:
    return Movement(
        account=row["account"],
        credit=back,
        amount=row["amount"],
        counterparty=row["payee_name"],
        text=f"退票 {row['purpose']}" if back else row["purpose"],
        payment=row["id"],
        reversal=back,
    )


def _set(store: RowStore, payment: int, code: str) -> None:
    sql = "UPDATE payments SET code = ?, next_at = NULL, next_code = NULL WHERE id = ?"
    store.write(sql, (code, payment))


def _plan(store: RowStore, payment: int, at: datetime, code: str) -> None:
    store.write("UPDATE payments SET next_at = ?, next_code = ? WHERE id = ?", (stored(at), code, payment))
