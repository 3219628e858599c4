"""Payments: a reference, an amount, and a status that says whether the money has left.

The rules of references and statuses are the bank's (interface documents of BB1PAYOP and BB1PAYQR): a reference is
unique for 13 months and may be used again only after FIN with F, B, R, D or C.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta

from zhangfang_sandbox.cmb.book import Movement, post
from zhangfang_sandbox.common.accounts import account
from zhangfang_sandbox.common.faults import Faults, chance
from zhangfang_sandbox.common.rows import RowStore
from zhangfang_sandbox.common.times import next_working_day_at_ten, stored, thirteen_months_before

# (reqSts, rtnFlg) -> whether the payment's money has left the account.
MONEY_IS_OUT: Mapping[tuple[str, str], bool] = {
    ("OPR", ""): False,  # being received
    ("AUT", ""): False,  # waiting for approval in the enterprise
    ("NTE", ""): False,  # final approval done
    ("APW", ""): False,  # waiting for approval at the bank
    ("BNK", ""): True,  # bank processing
    ("WRF", ""): True,  # suspicious, a person must look
    ("FIN", "S"): True,  # paid
    ("FIN", "U"): True,  # held at the bank
    ("FIN", "F"): False,  # failed
    ("FIN", "B"): False,  # returned
    ("FIN", "R"): False,  # rejected by the approver
    ("FIN", "D"): False,  # expired
    ("FIN", "C"): False,  # cancelled
}
UNPAID = ("F", "B", "R", "D", "C")

SUCCESS_AFTER = timedelta(seconds=2)
PENDING_FOR = timedelta(minutes=10)  # longer than the five minutes after which the bank wants the first query

Reason = tuple[str, str]  # errCod (7 characters), errTxt
NO_REASON: Reason = ("", "")
# The bank's own codes are not public; these are the sandbox's [unverified].
INSUFFICIENT: Reason = ("SBX0001", "余额不足")
PAYEE_CLOSED: Reason = ("SBX0002", "收方户口已销户")
NAME_DIFFERS: Reason = ("SBX0003", "收方账号与户名不相符")
TYPE_REFUSED: Reason = ("SBX0009", "收方账户类型不支持")
# Why a payment that somebody ended is unpaid, by rtnFlg.
REASONS: Mapping[str, Reason] = {
    "F": ("SBX0004", "银行支付失败"),
    "B": ("SBX0005", "收方行退票"),
    "R": ("SBX0006", "企业审批否决"),
    "D": ("SBX0007", "企业过期不审批"),
    "C": ("SBX0008", "企业撤销"),
}


class BusinessError(Exception):
    """The request was read but is refused: resultcode `code`, resultmsg the text, an empty body; nothing is done."""

    def __init__(self, code: str, text: str) -> None:
        """`code` goes to resultcode."""
        super().__init__(text)
        self.code = code


def latest(store: RowStore, uid: str, yur_ref: str) -> sqlite3.Row | None:
    """Return the newest payment of a reference, or None."""
    return store.row(
        "SELECT * FROM payments WHERE uid = ? AND yur_ref = ? ORDER BY id DESC LIMIT 1", uid, yur_ref
    )


def by_id(store: RowStore, payment: int) -> sqlite3.Row:
    """Return a payment that exists."""
    return store.one("SELECT * FROM payments WHERE id = ?", payment)


def check(store: RowStore, uid: str, item: Mapping[str, str], now: datetime) -> None:
    """Raise BusinessError for an account that is not the enterprise's and for a reference in use; write nothing."""
    payer = account(store, item["dbtAcc"])
    if payer is None or payer["uid"] != uid:
        raise BusinessError("FAAQ086", f"户口{masked(item['dbtAcc'])}不存在或无权限")
    earlier = latest(store, uid, item["yurRef"])
    if earlier is not None and not _may_reuse(earlier, now):
        raise BusinessError("FABZ002", "业务参考号重复: yurRef")


def submit(
    store: RowStore,
    faults: Faults,
    uid: str,
    item: Mapping[str, str],
    amount: int,
    now: datetime,
    batch: int | None = None,
    trx_seq: str = "",
) -> sqlite3.Row:
    """Store a payment that passed `check` (`item`: bb1payopx1; `amount`: fen), and execute it at once unless it needs
    approval."""
    payment = store.insert(
        "INSERT INTO payments (uid, yur_ref, account, payee, amount, key, item, req_sts, rtn_flg, at, batch, trx_seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'OPR', '', ?, ?, ?)",
        uid,
        item["yurRef"],
        item["dbtAcc"],
        item["crtAcc"],
        amount,
        item["busNar"],
        json.dumps(item, ensure_ascii=False),
        stored(now),
        batch,
        trx_seq,
    )
    refusal = _refusal(store, faults, item)
    if refusal:
        change(store, payment, "FIN", "F", now, refusal)
    elif store.one("SELECT approval FROM accounts WHERE number = ?", item["dbtAcc"])["approval"]:
        change(store, payment, "AUT", "", now)
    else:
        _execute(store, faults, payment, now)
        if faults.meets("contradict", item["busNar"]):
            _contradict(store, payment)
    return by_id(store, payment)


def change(
    store: RowStore, payment: int, sts: str, flg: str, at: datetime, reason: Reason = NO_REASON
) -> None:
    """Set a payment's status, and move its money as that status demands.

    A payment whose account has not enough money ends as FIN + F instead.
    """
    row = by_id(store, payment)
    is_out = row["debit_seq"] is not None and row["return_seq"] is None
    if MONEY_IS_OUT[sts, flg] and not is_out:
        if (
            store.one("SELECT balance FROM accounts WHERE number = ?", row["account"])["balance"]
            < row["amount"]
        ):
            sts, flg, reason = "FIN", "F", INSUFFICIENT
        else:
            store.write(
                "UPDATE payments SET debit_seq = ? WHERE id = ?", (_move(store, row, at, back=False), payment)
            )
    elif is_out and not MONEY_IS_OUT[sts, flg]:
        store.write(
            "UPDATE payments SET return_seq = ? WHERE id = ?", (_move(store, row, at, back=True), payment)
        )
    finished = stored(at) if sts == "FIN" and flg != "B" else row["finished_at"]
    store.write(
        "UPDATE payments SET req_sts = ?, rtn_flg = ?, err_cod = ?, err_txt = ?, finished_at = ?, returned_at = ?,"
        " next_at = NULL, next_sts = NULL, next_flg = NULL WHERE id = ?",
        (sts, flg, *reason, finished, stored(at) if flg == "B" else None, payment),
    )
    if sts == "FIN":
        store.write(
            "INSERT INTO notices (uid, kind, payment, req_sts, rtn_flg, due)"
            " SELECT uid, ?, ?, ?, ?, ? FROM enterprises WHERE uid = ? AND notify_url <> ''",
            ("FINB" if flg == "B" else "FINS", payment, sts, flg, stored(at), row["uid"]),
        )


def catch_up(store: RowStore, faults: Faults, now: datetime) -> None:
    """Do what fell due by `now`, oldest first: payments succeed, payments are returned. Called before every answer."""
    due_sql = "SELECT * FROM payments WHERE next_at <= ? ORDER BY next_at, id LIMIT 1"
    while due := store.row(due_sql, stored(now)):
        at = datetime.fromisoformat(due["next_at"])
        change(
            store, due["id"], due["next_sts"], due["next_flg"], at, REASONS.get(due["next_flg"], NO_REASON)
        )
        if due["next_flg"] == "S" and faults.meets("returned", due["key"]):
            _plan(store, due["id"], next_working_day_at_ten(at), "FIN", "B")


def act(store: RowStore, faults: Faults, row: sqlite3.Row, sts: str, flg: str, now: datetime) -> str:
    """Let a person at the enterprise or the bank bring a payment to a status; return "" or why that cannot be."""
    if row["req_sts"] == "FIN" and row["rtn_flg"] in UNPAID:
        return "the payment is final"
    if (row["req_sts"], row["rtn_flg"]) == ("FIN", "S") and (sts, flg) != ("FIN", "B"):
        return "after FIN/S only FIN/B can come"
    if (sts, flg) == ("BNK", ""):
        _execute(store, faults, row["id"], now)
    else:
        change(store, row["id"], sts, flg, now, REASONS.get(flg, NO_REASON))
    return ""


def masked(number: str) -> str:
    """Return an account number fit for a message: first 6, last 4."""
    return f"{number[:6]}…{number[-4:]}" if len(number) > 10 else "…"


def _may_reuse(earlier: sqlite3.Row, now: datetime) -> bool:
    ended_unpaid = earlier["req_sts"] == "FIN" and earlier["rtn_flg"] in UNPAID
    money_is_out = earlier["contradicts"]  # whatever the bank's status says
    return (ended_unpaid and not money_is_out) or earlier["at"] < stored(thirteen_months_before(now))


def _refusal(store: RowStore, faults: Faults, item: Mapping[str, str]) -> Reason | None:
    payee = store.row("SELECT * FROM payees WHERE number = ?", item["crtAcc"])
    if payee is not None and payee["state"] == "closed":
        return PAYEE_CLOSED
    if payee is not None and item["rcvChk"] == "1" and payee["name"] != item["crtNam"]:
        return NAME_DIFFERS
    if faults.meets("account_type", item["busNar"]):
        return TYPE_REFUSED
    return INSUFFICIENT if faults.meets("decline", item["busNar"]) else None


def _execute(store: RowStore, faults: Faults, payment: int, now: datetime) -> None:
    """Pay. A fault may leave the payment open for a while, or accept it and let it fail later."""
    key = by_id(store, payment)["key"]
    if faults.meets("decline_later", key):
        # No money moves: the statement would show the payment as made.
        change(store, payment, "NTE", "", now)
        _plan(store, payment, now + SUCCESS_AFTER, "FIN", "F")
        return
    pending = faults.meets("pending_first", key)
    status = "WRF" if pending and chance(0, "code", key) < 0.5 else "BNK"
    change(store, payment, status, "", now)
    if by_id(store, payment)["req_sts"] == status:
        _plan(store, payment, now + (PENDING_FOR if pending else SUCCESS_AFTER), "FIN", "S")


def _contradict(store: RowStore, payment: int) -> None:
    """Answer FIN/F for a payment whose money has left: answer and book differ for good."""
    store.write(
        "UPDATE payments SET req_sts = 'FIN', rtn_flg = 'F', err_cod = ?, err_txt = ?, contradicts = 1,"
        " next_at = NULL, next_sts = NULL, next_flg = NULL WHERE id = ? AND debit_seq IS NOT NULL",
        (*REASONS["F"], payment),
    )


def _plan(store: RowStore, payment: int, at: datetime, sts: str, flg: str) -> None:
    sql = "UPDATE payments SET next_at = ?, next_sts = ?, next_flg = ? WHERE id = ?"
    store.write(sql, (stored(at), sts, flg, payment))


def _move(store: RowStore, row: sqlite3.Row, at: datetime, *, back: bool) -> int:
    """Move a payment's money out, or back with reversal lines; return the number of the payer's line."""
    item = json.loads(row["item"])
    payer_line = Movement(
        account=row["account"],
        credit=back,
        amount=row["amount"],
        counterparty_name=item["crtNam"],
        counterparty_account=item["crtAcc"],
        purpose=f"退票 {item['nusAge']}" if back else item["nusAge"],
        text=item["busNar"],
        payment=row["id"],
        reversal=back,
    )
    seq = post(store, payer_line, at)
    payee = account(store, item["crtAcc"])
    if payee is not None:  # the payee banks here too; its line does not show the payer's references
        payee_line = Movement(
            account=payee["number"],
            credit=not back,
            amount=row["amount"],
            counterparty_name=store.one("SELECT name FROM accounts WHERE number = ?", row["account"])["name"],
            counterparty_account=row["account"],
            purpose=item["nusAge"],
            reversal=back,
        )
        post(store, payee_line, at)
    return seq
