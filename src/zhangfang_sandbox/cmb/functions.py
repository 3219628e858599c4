"""The functions of the wire: each takes a request's body and gives an answer's body.

Field names are those of the bank's public interface documents (BB1PAYOP, BB1PAYQR, BB1PAYQB, DCLISACC, NTQACINF,
trsQryByBreakPoint). Unverified, because the documents do not say it: resultcodes other than FABZ002 and FAAQ086 (a
malformed field is SBX0010, the sandbox's own), and all wordings, in particular that of a reference in use; that an empty
BB1PAYQR carries an empty `bb1payqrz1`; that the range of BB1PAYQB is of the payment's date and its pages have 200 rows;
that trsQryByBreakPoint sends the cursor Y1 also with the last page. `eptDat`/`eptTim` (the wanted time)
are accepted and ignored.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zhangfang_sandbox.cmb import batches, book, payments
from zhangfang_sandbox.cmb.payments import BusinessError, masked
from zhangfang_sandbox.cmb.wire import rows
from zhangfang_sandbox.cmb.wire.fields import (
    CURRENCY,
    choice,
    day,
    digits,
    fen,
    payment_item,
    records,
    refused,
    text,
)
from zhangfang_sandbox.common.accounts import account
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.times import china_day, stored, thirteen_months_before

PAGE = 200
PAYMENTS = (
    "SELECT payments.*, accounts.name FROM payments JOIN accounts ON accounts.number = payments.account"
    " WHERE payments.uid = ? AND trx_seq = ''"  # an item of a payroll has no reference of the bank's payments
)


@dataclass(frozen=True, slots=True)
class Call:
    """The input of a function: the book, the faults, who asks and when."""

    store: RowStore
    faults: Faults
    uid: str
    now: datetime


Body = dict[str, Any]


def pay(call: Call, body: Body) -> Body:
    """BB1PAYOP: all items or none. The bank's document allows one item; the sandbox takes several."""
    mode = records(body, "bb1paybmx1")[0]
    text(mode, "busMod", 5, required=True)
    choice("busCod", text(mode, "busCod", 6, required=True), ("N02030",))
    items = [payment_item(record) for record in records(body, "bb1payopx1")]
    if len({item["yurRef"] for item in items}) < len(items):
        raise refused("yurRef", "在同一请求内须唯一")
    for item in items:
        payments.check(call.store, call.uid, item, call.now)
    taken = [payments.submit(call.store, call.faults, call.uid, item, fen(item), call.now) for item in items]
    return {"bb1payopz1": [rows.submitted(row) for row in taken]}


def payment_query(call: Call, body: Body) -> Body:
    """BB1PAYQR: every payment of a reference in the last 13 months, oldest first."""
    record = records(body, "bb1payqrx1")[0]
    choice("busCod", text(record, "busCod", 6, required=True), ("N02030",))
    yur_ref = text(record, "yurRef", 30, required=True)
    newest = payments.latest(call.store, call.uid, yur_ref)
    if newest is not None and newest["hidden"]:
        call.store.write("UPDATE payments SET hidden = hidden - 1 WHERE id = ?", (newest["id"],))
        return {"bb1payqrz1": []}
    oldest = stored(thirteen_months_before(call.now))
    found = call.store.rows(f"{PAYMENTS} AND yur_ref = ? AND at >= ? ORDER BY id", call.uid, yur_ref, oldest)
    return {"bb1payqrz1": [rows.payment_state(row) for row in found]}


def return_query(call: Call, body: Body) -> Body:
    """BB1PAYQB: returned payments of an account, by the payment's date; real-time payments (R) are not shown."""
    record = records(body, "bb1payqby1")[0]
    number = text(record, "accNbr", 35, required=True)
    first, last = day(record, "bgnDat"), day(record, "endDat")
    wanted = text(record, "reqNbr", 20)
    after = digits(record, "ctnKey", 18)
    found = [
        row
        for row in call.store.rows(
            f"{PAYMENTS} AND account = ? AND rtn_flg = 'B' AND id > ? ORDER BY id",
            call.uid,
            number,
            after or 0,
        )
        if first <= china_day(row["at"]) <= last
        and json.loads(row["item"])["stlChn"] != "R"
        and wanted in ("", book.request_no(row["id"]))
    ]
    answer: Body = {"bb1payqbz1": [rows.returned(row) for row in found[:PAGE]]}
    if len(found) > PAGE:
        answer["bb1payqby1"] = [{**record, "ctnKey": str(found[PAGE - 1]["id"])}]
    return answer


def account_list(call: Call, body: Body) -> Body:
    """DCLISACC: the accounts the enterprise may use, for payments (N02030) or enquiries (N01010)."""
    kind = text(body, "buscod", 6, required=True)
    choice("buscod", kind, ("N02030", "N01010"))
    found = call.store.rows("SELECT * FROM accounts WHERE uid = ? ORDER BY number", call.uid)
    return {"ntqaclstz" if kind == "N01010" else "ntqpyaccz": [rows.listed_account(row) for row in found]}


def balances(call: Call, body: Body) -> Body:
    """NTQACINF: balances. An account of another enterprise is left out of the answer."""
    numbers = [text(record, "accnbr", 35, required=True) for record in records(body, "ntqacinfx")]
    accounts = [account(call.store, number) for number in numbers]
    today = china_day(call.now)
    return {
        "ntqacinfz": [
            rows.balance(row, book.balance_before(call.store, row, today))
            for row in accounts
            if row is not None and row["uid"] == call.uid
        ]
    }


def statement(call: Call, body: Body) -> Body:
    """trsQryByBreakPoint: at most 200 lines from the cursor on. The cursor stays good after the last page."""
    query = records(body, "TRANSQUERYBYBREAKPOINT_X1")[0]
    number = text(query, "cardNbr", 35, required=True)
    first, last = day(query, "beginDate"), day(query, "endDate")
    if first > last or first < china_day(thirteen_months_before(call.now)):
        raise refused("beginDate", "须不晚于 endDate 且在近 13 个月内")
    choice("currencyCode", text(query, "currencyCode", 2), ("", CURRENCY))
    side = text(query, "loanCode", 1)
    choice("loanCode", side, ("", "C", "D"))
    start = digits(query, "transactionSequence", 9) or 1
    if body.get("TRANSQUERYBYBREAKPOINT_Y1"):
        start = digits(records(body, "TRANSQUERYBYBREAKPOINT_Y1")[0], "expectNextSequence", 9) or 1
    row = account(call.store, number)
    if row is None or row["uid"] != call.uid:
        raise BusinessError("FAAQ086", f"户口{masked(number)}不存在或无权限")
    found = book.lines(call.store, number, start, (first, last), PAGE + 1)
    page = found[:PAGE]
    shown = [line for line in page if side in ("", line["direction"])]
    cursor = {
        "acctNbr": number,
        "transDate": page[-1]["day"] if page else last,
        "expectNextSequence": str(page[-1]["seq"] + 1 if page else start),
    }
    control = {"ctnFlag": "Y" if len(found) > PAGE else "N", "queryAcctNbr": number, **rows.totals(shown)}
    return {
        "TRANSQUERYBYBREAKPOINT_Y1": [cursor],
        "TRANSQUERYBYBREAKPOINT_Z1": [control],
        "TRANSQUERYBYBREAKPOINT_Z2": [rows.statement_line(line) for line in shown],
    }


def batch_payment(call: Call, body: Body) -> Body:
    """BB1PAYBH."""
    return batches.pay(call.store, call.faults, call.uid, call.now, body)


def payroll(call: Call, body: Body) -> Body:
    """BB6BTHHL."""
    return batches.pay_payroll(call.store, call.faults, call.uid, call.now, body)


def _about_batches(answer: Callable[[RowStore, str, datetime, Body], Body]) -> Callable[[Call, Body], Body]:
    return lambda call, body: answer(call.store, call.uid, call.now, body)


PAYING = frozenset({"BB1PAYOP", "BB1PAYBH", "BB6BTHHL"})
FUNCTIONS: Mapping[str, Callable[[Call, Body], Body]] = {
    "BB1PAYOP": pay,
    "BB1PAYBH": batch_payment,
    "BB1QRYBT": _about_batches(batches.list_batches),
    "BB1QRYBD": _about_batches(batches.list_details),
    "BB6BTHHL": payroll,
    "BB6BTHQY": _about_batches(batches.list_payrolls),
    "BB6DTLQY": _about_batches(batches.list_payroll_details),
    "BB6RFDQY": _about_batches(batches.list_payroll_returns),
    "BB1PAYQR": payment_query,
    "BB1PAYQB": return_query,
    "DCLISACC": account_list,
    "NTQACINF": balances,
    "trsQryByBreakPoint": statement,
}


def order_key(store: RowStore, uid: str, funcode: str, body: Body) -> str:
    """Return the key of what a message is about: a payment's busNar, a batch's number; "" for anything else."""
    match funcode, body:
        case "BB1PAYOP", {"bb1payopx1": [{"busNar": str() as key}, *_]}:
            return key
        case "BB1PAYQR", {"bb1payqrx1": [{"yurRef": str() as yur_ref}, *_]}:
            row = payments.latest(store, uid, yur_ref)
            return "" if row is None else str(row["key"])
    return batches.number_of(body)
