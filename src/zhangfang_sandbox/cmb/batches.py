"""Batches: BB1PAYBH and payroll BB6BTHHL, and the queries about them.

Field names of BB1PAYBH, BB1QRYBT and BB1QRYBD are those of the bank's documents [V]; those of BB6BTHHL, BB6BTHQY,
BB6DTLQY and BB6RFDQY come from one public client [V] and their status codes from general knowledge [K]. Inventions of
this sandbox [G]: a batch is finished two seconds after it arrived; a page has 500 details; one line of the statement per
item, of a payroll too; an item of a payroll names its own reference in `trsdsp`.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from zhangfang_sandbox.cmb import payments
from zhangfang_sandbox.cmb.book import request_no
from zhangfang_sandbox.cmb.payments import BusinessError
from zhangfang_sandbox.cmb.wire import rows
from zhangfang_sandbox.cmb.wire.fields import choice, day, digits, fen, payment_item, records, refused, text
from zhangfang_sandbox.common.accounts import yuan
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.times import china_day, in_china, stored

PAYMENTS, PAYROLL = "N02030", "N03020"
MOST = 1000  # items in one message of BB1PAYBH [V]; the same for a payroll [K]
PAGE = 500
TAKES = timedelta(seconds=2)
HIDDEN_QUERIES = 2

Body = dict[str, Any]
Item = tuple[dict[str, str], str]  # the fields of a payment, and its number in a payroll


def pay(store: RowStore, faults: Faults, uid: str, now: datetime, body: Body) -> Body:
    """BB1PAYBH: all items are accepted or none; then each has its own outcome."""
    head = records(body, "bb1bmdbhx1")[0]
    mode = text(head, "busMod", 5, required=True)
    choice("busCod", text(head, "busCod", 6, required=True), (PAYMENTS,))
    choice("ctnFlg", text(head, "ctnFlg", 1, required=True), ("N",))
    number = text(head, "bthNbr", 30, required=True)
    items = [(payment_item(record), "") for record in records(body, "bb1paybhx1")]
    if digits(head, "dtlNbr", 8) != len(items):
        raise refused("dtlNbr", "须等于明细笔数")
    _take(store, faults, uid, now, (PAYMENTS, number, mode), items)
    return {"bb1paybhz1": [{"bthNbr": number, "reqSts": "NTE", "rtnFlg": "", "errCod": "SUC0000"}]}


def pay_payroll(store: RowStore, faults: Faults, uid: str, now: datetime, body: Body) -> Body:
    """BB6BTHHL: the same for accounts of persons at this bank."""
    mode = records(body, "bb6busmod")[0]
    choice("buscod", text(mode, "buscod", 6, required=True), (PAYROLL,))
    head = records(body, "bb6cdcbhx1")[0]
    number = text(head, "yurref", 30, required=True)
    items = [_payroll_item(record, head) for record in records(body, "bb6cdcdlx1")]
    total = fen({"trsAmt": text(head, "ttlamt", 16, required=True)})
    if digits(head, "ttlcnt", 8) != len(items) or total != sum(fen(item) for item, _ in items):
        raise refused("ttlcnt, ttlamt", "须等于明细笔数与金额合计")
    batch = _take(store, faults, uid, now, (PAYROLL, number, text(mode, "busmod", 5, required=True)), items)
    return {"bb6cdcbhz1": [{"reqnbr": request_no(batch), "yurref": number, "reqsta": "NTE", "rtnflg": ""}]}


def _payroll_item(record: dict[str, Any], head: dict[str, Any]) -> Item:
    choice("bnkflg", text(record, "bnkflg", 1), ("Y",))
    fields = {
        "dbtAcc": text(head, "accnbr", 35, required=True),
        "crtAcc": text(record, "accnbr", 35, required=True),
        "crtNam": text(record, "accnam", 200, required=True),
        "ccyNbr": text(head, "ccynbr", 2, required=True),
        "trsAmt": text(record, "trsamt", 16, required=True),
        "bnkFlg": "Y",
        "nusAge": text(head, "nusage", 200, required=True),
        "yurRef": text(record, "trsdsp", 42, required=True),
        "busNar": text(record, "rsv50z", 50),
    }
    return payment_item(fields), text(record, "trxseq", 8, required=True)


def _take(
    store: RowStore, faults: Faults, uid: str, now: datetime, name: tuple[str, str, str], items: list[Item]
) -> int:
    kind, number, mode = name
    if len(items) > MOST:
        raise refused("dtlNbr", f"至多 {MOST} 笔")
    if store.row("SELECT 1 FROM batches WHERE uid = ? AND kind = ? AND number = ?", uid, kind, number):
        raise BusinessError("FABZ002", "批次编号重复: bthNbr")
    if len({item["yurRef"] for item, _ in items}) < len(items):
        raise refused("yurRef", "在同一批次内须唯一")
    for item, _ in items:
        payments.check(store, uid, item, now)
    sql = "INSERT INTO batches (uid, kind, number, account, mode, at) VALUES (?, ?, ?, ?, ?, ?)"
    batch = store.insert(sql, uid, kind, number, items[0][0]["dbtAcc"], mode, stored(now))
    for item, trx_seq in items:
        payments.submit(store, faults, uid, item, fen(item), now, batch, trx_seq)
    return batch


def hide(store: RowStore, uid: str, body: Body) -> None:
    """Hide the batch of a request from the next queries."""
    sql = "UPDATE batches SET hidden = ? WHERE uid = ? AND number = ?"
    store.write(sql, (HIDDEN_QUERIES, uid, number_of(body)))


def number_of(body: Body) -> str:
    """Return the number of the batch that a request submits or asks about, "" if there is none."""
    match body:
        case {"bb1bmdbhx1": [{"bthNbr": str() as number}, *_]} | {
            "bb6cdcbhx1": [{"yurref": str() as number}, *_]
        }:
            return number
        case {"bb1qrybdy1": [{"bthNbr": str() as number}, *_]} | {
            "bb6bthqyy1": [{"yurref": str() as number}, *_]
        }:
            return number
    return ""


def list_batches(store: RowStore, uid: str, now: datetime, body: Body) -> Body:
    """BB1QRYBT: the batches of some days."""
    query = records(body, "bb1qrybtx1")[0]
    first, last = day(query, "begDat"), day(query, "endDat")
    found = _seen(store, "uid = ? AND kind = ? ORDER BY id", uid, PAYMENTS)
    return {
        "bb1qrybtz1": [
            _batch_row(row, _items(store, row["id"]), now)
            for row in found
            if first <= china_day(row["at"]) <= last
        ]
    }


def _batch_row(row: sqlite3.Row, items: list[sqlite3.Row], now: datetime) -> dict[str, str]:
    ended = stored(now - TAKES) >= row["at"]
    return {
        "bthNbr": row["number"],
        "trsDat": china_day(row["at"]),
        "trsTim": f"{in_china(row['at']):%H%M%S}",
        "busCod": row["kind"],
        "busMod": row["mode"],
        "reqSts": "FIN" if ended else "NTE",
        "rtnFlg": "S" if ended else "",
        "errTxt": "",
        "dtlAmt": yuan(sum(item["amount"] for item in items)),
        "dtlNum": str(len(items)),
        "sucAmt": yuan(sum(item["amount"] for item in items if item["rtn_flg"] != "F")),
        "sucNum": str(sum(item["rtn_flg"] != "F" for item in items)),
    }


def list_details(store: RowStore, uid: str, _now: datetime, body: Body) -> Body:
    """BB1QRYBD: the items of a batch, as BB1PAYQR shows them."""
    query = records(body, "bb1qrybdy1")[0]
    number, after = text(query, "bthNbr", 30, required=True), digits(query, "ctnKey", 18) or 0
    found = _seen(store, "uid = ? AND kind = ? AND number = ?", uid, PAYMENTS, number)
    items = [item for row in found for item in _items(store, row["id"], after)]
    answer: Body = {"bb1qrybdz1": [rows.payment_state(item) | {"bthNbr": number} for item in items[:PAGE]]}
    if len(items) > PAGE:
        answer["bb1qrybdy1"] = [query | {"ctnKey": str(items[PAGE - 1]["id"])}]
    return answer


def list_payrolls(store: RowStore, uid: str, now: datetime, body: Body) -> Body:
    """BB6BTHQY: a payroll by its reference."""
    query = records(body, "bb6bthqyy1")[0]
    choice("buscod", text(query, "buscod", 6, required=True), (PAYROLL,))
    number = text(query, "yurref", 30, required=True)
    found = _seen(store, "uid = ? AND kind = ? AND number = ?", uid, PAYROLL, number)
    shown = [(row, _batch_row(row, _items(store, row["id"]), now)) for row in found]
    return {
        "bb6bthqyz1": [
            {
                "reqnbr": request_no(row["id"]),
                "yurref": number,
                "buscod": PAYROLL,
                "reqsta": told["reqSts"],
                "rtnflg": told["rtnFlg"],
                "trsnum": told["dtlNum"],
                "totamt": told["dtlAmt"],
                "sucnum": told["sucNum"],
                "sucamt": told["sucAmt"],
                "errdsp": "",
            }
            for row, told in shown
        ]
    }


def list_payroll_details(store: RowStore, uid: str, _now: datetime, body: Body) -> Body:
    """BB6DTLQY: the items of a payroll by the bank's number of it."""
    query = records(body, "bb6dtlqyy1")[0]
    number, after = text(query, "reqnbr", 20, required=True), digits(query, "cntkey", 18) or 0
    found = store.rows("SELECT * FROM batches WHERE uid = ? AND kind = ?", uid, PAYROLL)
    items = [
        item for row in found if request_no(row["id"]) == number for item in _items(store, row["id"], after)
    ]
    answer: Body = {"bb6dtlqyz1": [rows.payroll_item(item) for item in items[:PAGE]]}
    if len(items) > PAGE:
        answer["bb6dtlqyy1"] = [query | {"cntkey": str(items[PAGE - 1]["id"])}]
    return answer


def list_payroll_returns(store: RowStore, uid: str, _now: datetime, body: Body) -> Body:
    """BB6RFDQY: returned items of payrolls, by the payment's date; one page [G]."""
    query = records(body, "bb6rfdqyy1")[0]
    number, first, last = text(query, "accnbr", 35, required=True), day(query, "bgndat"), day(query, "enddat")
    found = store.rows(
        f"{ITEMS} WHERE payments.uid = ? AND account = ? AND rtn_flg = 'B' AND trx_seq <> '' ORDER BY id",
        uid,
        number,
    )
    shown = [row for row in found if first <= china_day(row["at"]) <= last]
    return {
        "bb6rfdqyz1": [rows.payroll_item(row) | {"updDat": china_day(row["returned_at"])} for row in shown]
    }


ITEMS = "SELECT payments.*, accounts.name FROM payments JOIN accounts ON accounts.number = payments.account"


def _items(store: RowStore, batch: int, after: int = 0) -> list[sqlite3.Row]:
    return store.rows(f"{ITEMS} WHERE batch = ? AND id > ? ORDER BY id", batch, after)


def _seen(store: RowStore, where: str, *values: object) -> list[sqlite3.Row]:
    """Return the batches that a query finds. Each hidden one has one query less to be hidden from."""
    found = store.rows(f"SELECT * FROM batches WHERE {where}", *values)  # noqa: S608 - our own text
    for row in found:
        if row["hidden"]:
            store.write("UPDATE batches SET hidden = hidden - 1 WHERE id = ?", (row["id"],))
    return [row for row in found if not row["hidden"]]
