"""Writing an answer's rows. Field names are those of the bank's interface documents; all values are text."""

import json
import sqlite3

from zhangfang_sandbox.cmb.book import request_no, sequence_no
from zhangfang_sandbox.cmb.wire.fields import CURRENCY
from zhangfang_sandbox.common.accounts import yuan
from zhangfang_sandbox.common.times import china_day, in_china

BRANCH = "75"  # Shenzhen [unverified]


def submitted(row: sqlite3.Row) -> dict[str, str]:
    """A payment in the answer to BB1PAYOP."""
    return {
        "reqNbr": request_no(row["id"]),
        "evtIst": "",
        "reqSts": row["req_sts"],
        "rtnFlg": row["rtn_flg"],
        "oprSqn": "001" if row["req_sts"] == "AUT" else "",
        "oprAls": "",
        "errCod": row["err_cod"] or "SUC0000",
        "errTxt": row["err_txt"],
        "msgTxt": "",
        "prdIst": "",
        "bakAppNbr": "",
    }


def payment_state(row: sqlite3.Row) -> dict[str, str]:
    """A payment in the answer to BB1PAYQR."""
    item = json.loads(row["item"])
    echoed = (
        "dmaNbr",
        "crtAcc",
        "crtNam",
        "crtBnk",
        "crtAdr",
        "ccyNbr",
        "eptDat",
        "eptTim",
        "bnkFlg",
        "stlChn",
    )
    return {
        **{
            name: item[name] for name in (*echoed, "nusAge", "ntfCh1", "ntfCh2", "yurRef", "busNar", "trsTyp")
        },
        "reqNbr": request_no(row["id"]),
        "busCod": "N02030",
        "dbtAcc": row["account"],
        "dbtNam": row["name"],
        "trsAmt": yuan(row["amount"]),
        "oprDat": china_day(row["at"]),
        "reqSts": row["req_sts"],
        "rtnFlg": row["rtn_flg"],
        "rtnNar": row["err_txt"],
        "rcvBrd": item["brdNbr"],
        "trxSeq": sequence_no(row["debit_seq"]),
        "trxSeqBackward": sequence_no(row["return_seq"]),
        "backwardDay": china_day(row["returned_at"]),
        "endDat": china_day(row["finished_at"]),
    }


def returned(row: sqlite3.Row) -> dict[str, str]:
    """A returned payment in the answer to BB1PAYQB."""
    item = json.loads(row["item"])
    return {
        "reqNbr": request_no(row["id"]),
        "yurRef": row["yur_ref"],
        "isuDat": china_day(row["at"]),
        "ccyNbr": CURRENCY,
        "trsAmt": yuan(row["amount"]),
        "sndEac": row["account"],
        "sndEan": row["name"],
        "rcvEac": item["crtAcc"],
        "rcvEan": item["crtNam"],
        "rcvEab": item["crtBnk"],
        "rcvBrd": item["brdNbr"],
        "narTxt": item["nusAge"],
        "updDat": china_day(row["returned_at"]),
        "rtnCod": row["err_cod"],
        "rtnTxt": row["err_txt"],
    }


def movement_notice(line: sqlite3.Row) -> dict[str, str]:
    """What YQN01010 says of a line; field names of one public client [V]."""
    return {
        "accnbr": line["account"],
        "trsdat": line["day"],
        "trstim": f"{in_china(line['at']):%H%M%S}",
        "c_ccynbr": CURRENCY,
        "c_trsamt": yuan(line["amount"]),
        "amtcdr": line["direction"],
        "blvamt": yuan(line["balance"]),
        "refnbr": sequence_no(line["seq"]),
        "rpyacc": line["counterparty_account"],
        "rpynam": line["counterparty_name"],
        "naryur": line["purpose"],
    }


def payroll_item(row: sqlite3.Row) -> dict[str, str]:
    """An item of BB6DTLQY and BB6RFDQY; `stscod` S, F, B or P (in progress) [K], `reqnbr` as elsewhere [G]."""
    ended = row["req_sts"] == "FIN"
    return {
        "trxseq": row["trx_seq"],
        "accnbr": row["payee"],
        "accnam": json.loads(row["item"])["crtNam"],
        "trsamt": yuan(row["amount"]),
        "trsdat": china_day(row["at"]),
        "trsdsp": row["yur_ref"],
        "stscod": row["rtn_flg"] if ended else "P",
        "errdsp": row["err_txt"],
        "reqnbr": request_no(row["id"]),
    }


def listed_account(row: sqlite3.Row) -> dict[str, str]:
    """An account of DCLISACC."""
    return {
        "ccynbr": CURRENCY,
        "bbknbr": BRANCH,
        "accnbr": row["number"],
        "accnam": row["name"],
        "relnbr": "",
    }


def balance(row: sqlite3.Row, yesterday: int) -> dict[str, str]:
    """An account of NTQACINF; `yesterday` is the balance at the end of the day before, fen."""
    return {
        "ccynbr": CURRENCY,
        "accitm": "10001",
        "bbknbr": BRANCH,
        "accnbr": row["number"],
        "accnam": row["name"],
        "accblv": yuan(yesterday),
        "onlblv": yuan(row["balance"]),
        "hldblv": "0.00",
        "avlblv": yuan(row["balance"]),
        "lmtovr": "0.00",
        "stscod": "A",
        "opndat": china_day(row["opened_at"]),
    }


def totals(lines: list[sqlite3.Row]) -> dict[str, str]:
    """Numbers and sums of a page of the statement; debits are negative as in the lines."""
    debits = [line["amount"] for line in lines if line["direction"] == "D"]
    credits_ = [line["amount"] for line in lines if line["direction"] == "C"]
    return {
        "debitNums": str(len(debits)),
        "debitAmount": yuan(-sum(debits)),
        "creditNums": str(len(credits_)),
        "creditAmount": yuan(sum(credits_)),
    }


def statement_line(line: sqlite3.Row) -> dict[str, str]:
    """Write a line; `reversalFlag` N is what the bank's own example shows for an ordinary line."""
    return {
        "transDate": line["day"],
        "transSequenceIdn": sequence_no(line["seq"]),
        "transTime": f"{in_china(line['at']):%H%M%S}",
        "valueDate": line["value_day"],
        "loanCode": line["direction"],
        "transAmount": yuan(line["amount"] if line["direction"] == "C" else -line["amount"]),
        "currencyNbr": CURRENCY,
        "remarkTextClt": line["purpose"],
        "reversalFlag": "*" if line["reversal"] else "N",
        "acctOnlineBal": yuan(line["balance"]),
        "ctpAcctNbr": line["counterparty_account"],
        "ctpAcctName": line["counterparty_name"],
        "businessText": line["text"],
        "requestNbr": request_no(line["payment"]),
        "yurRef": line["yur_ref"] or "",
    }
