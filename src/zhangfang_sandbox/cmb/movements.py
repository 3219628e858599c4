"""The bank's own record of every order, in the format that all sandbox banks share; drills compare with it."""

import sqlite3
from typing import Any

from zhangfang_sandbox.cmb.payments import masked
from zhangfang_sandbox.common.rows import RowStore

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STATES = {"S": "SUCCESS", "B": "RETURNED", "F": "FAILED", "R": "FAILED", "D": "FAILED", "C": "FAILED"}


def movements(store: RowStore, after: int) -> list[dict[str, Any]]:
    """Return all payments whose number is greater than `after`, oldest first."""
    found = store.rows(
        "SELECT payments.*, lines.day FROM payments LEFT JOIN lines ON lines.seq = payments.debit_seq"
        " WHERE payments.id > ? ORDER BY payments.id",
        after,
    )
    return [_movement(row) for row in found]


def _movement(row: sqlite3.Row) -> dict[str, Any]:
    ended = row["req_sts"] == "FIN"
    state = STATES.get(row["rtn_flg"], "PENDING") if ended else "PENDING"
    return {
        "seq": row["id"],
        "key": row["key"],
        "order_no": order_no(row["yur_ref"]),
        "reference": row["yur_ref"],
        "operation": "payout",
        "amount": row["amount"],
        "state": "SUCCESS" if row["contradicts"] else state,
        "settle_date": f"{row['day'][:4]}-{row['day'][4:6]}-{row['day'][6:]}" if row["day"] else None,
        "original": "",
        "fee": 0,
        "account": masked(row["payee"]),
        "denied": bool(row["contradicts"]),
    }


def order_no(reference: str) -> str:
    """Return the number of 128 bits behind a reference in base 36, as some customers make them; any other reference as
    it is."""
    if len(reference) == 25 and set(reference) <= set(DIGITS):
        number = int(reference, 36)
        if number < 1 << 128:
            return f"{number:032x}"
    return reference
