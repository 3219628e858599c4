"""The contents of answers and notices, and the lines of the file."""

from collections.abc import Mapping
from datetime import UTC, datetime

from zhangfang_sandbox.acquirer.orders import DEBITS, Order
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.epcc import body, codes
from zhangfang_sandbox.epcc.fields import COLLECTION, REFUND, money

NETWORK = "G4000311000018"
NOTICE, ACKNOWLEDGED, DIGITS_NOTICE = "epcc.213.001.01", "epcc.303.001.01", "epcc.403.001.01"
FILE_COLUMNS = ("TrxId", "TrxCtgy", "TrxAmt", "Sign", "Fee", "Kind", "OriTrxId", "OrdrId")
_PHASES = {"SUCCESS": codes.SUCCESS, "FAILED": codes.FAILED}


def message(kind: str, now: datetime, serial: str, groups: body.Groups) -> bytes:
    """`<root…</root>` of a message from the network to a member."""
    header = {"SndDt": china(now), "MsgTp": kind, "IssrId": NETWORK, "Drctn": "21", "SignSN": serial}
    return body.compose(header, groups)


def handled(code: str, now: datetime, detail: str = "") -> dict[str, str]:
    """SysRtnInf: what became of the message itself."""
    return {
        "SysRtnCd": code,
        "SysRtnDesc": f"{codes.WORDS[code]}{detail and ': '}{detail}",
        "SysRtnTm": china(now),
    }


def business(order: Order) -> dict[str, str]:
    """BizInf: what became of an order."""
    status = _PHASES.get(order.phase, codes.IN_PROCESS)
    code = (
        {codes.SUCCESS: codes.OK, codes.IN_PROCESS: ""}.get(status)
        if status != codes.FAILED
        else codes.REASONS[order.told or order.reason]
    )
    return _about(order) | ended(status, code or "") | _finished(order, status)


def before(order: Order) -> dict[str, str]:
    """BizInf as it was before the order's end: in process."""
    return _about(order) | ended(codes.IN_PROCESS, "")


def ended(status: str, code: str) -> dict[str, str]:
    """The part of BizInf that says how the business went."""
    return {"TrxStatus": status, "BizStsCd": code, "BizStsDesc": codes.WORDS.get(code, "")}


def category(order: Order) -> str:
    """The TrxCtgy of an order."""
    return COLLECTION if order.operation in DEBITS else REFUND


def file_row(order: Order, original: Order | None, amount: int) -> Mapping[str, object]:
    """The cells of an order in the day's file."""
    return {
        "TrxId": order.order_no,
        "TrxCtgy": category(order),
        "TrxAmt": amount,
        "Sign": "C" if order.operation in DEBITS else "D",
        "Fee": order.fee,
        "Kind": "N",
        "OriTrxId": original.order_no if original else "",
        "OrdrId": order.key,
    }


def file_correction(order: Order, fen: int) -> Mapping[str, object]:
    """The cells of a line that corrects an earlier one."""
    sign = "C" if fen > 0 else "D"
    return {
        "TrxAmt": abs(fen),
        "Sign": sign,
        "Fee": 0,
        "Kind": "A",
        "OriTrxId": order.order_no,
        "OrdrId": order.key,
    }


def china(moment: datetime) -> str:
    """A moment as this wire writes it."""
    return f"{moment.astimezone(CHINA):%Y-%m-%dT%H:%M:%S}"


def _about(order: Order) -> dict[str, str]:
    return {
        "InstgId": order.mer_id,
        "TrxId": order.order_no,
        "TrxCtgy": category(order),
        "TrxAmt": money(order.amount),
    }


def _finished(order: Order, status: str) -> dict[str, str]:
    if status == codes.IN_PROCESS:
        return {}
    moment = {"TrxFinishTm": china(datetime.fromtimestamp(order.ended_at, UTC))}
    if status == codes.FAILED:
        return moment
    return moment | {"BatchId": f"B{order.settle_date.replace('-', '')}0001"}
