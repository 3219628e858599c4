"""What this bank has of its own: its merchants' secrets, its numbers, fees, file and notifications.

Conventions of this bank [G]: the retry list, what the file's columns hold, and fees of 38 basis points; 230, 450 and 750 for
3, 6 and 12 instalments if the merchant's contract (`instalment_fee_by`) says that it pays their charge.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from zhangfang_sandbox.acquirer.acquiring import FAULTS, Dialect, basis_points
from zhangfang_sandbox.acquirer.couriers import Notice
from zhangfang_sandbox.acquirer.dayfile import Cells, FileForm
from zhangfang_sandbox.acquirer.orders import DEBITS, Order
from zhangfang_sandbox.acquirer.parts import Merchants
from zhangfang_sandbox.chinaums import messages
from zhangfang_sandbox.common.clock import CHINA, BankClock
from zhangfang_sandbox.common.control import Refused, need
from zhangfang_sandbox.common.store import Store

GAPS = (60, 300, 600, 1800, 3600, 7200)
_SPOILS = ("bad_signature", "wrong_chain")
_POINTS = {0: 38, 3: 230, 6: 450, 12: 750}
_COLUMNS = (
    "settleDate", "mid", "tid", "merOrderId", "targetOrderId", "seqId", "type", "totalAmount", "fee", "netAmount",
    "installmentNumber", "payTime", "refundOrderId", "srcReserve",
)  # fmt: skip
_MID, _TID, _SOURCE = (re.compile(f"[0-9A-Za-z]{{{n}}}") for n in (15, 8, 4))


def dialect(_store: Store, _clock: BankClock, merchants: Merchants) -> Dialect:
    """The bank's dialect. account_type is left out: no payer's account travels on this wire."""
    return Dialect(
        bank="chinaums",
        name="银联商务",
        prefix="UMS",
        faults=FAULTS - {"account_type"},
        ref=lambda seq, now: f"{now.astimezone(CHINA):%Y%m%d}22001{seq:015d}",
        fee=lambda order: _fee(order, merchants[order.mer_id]),
        file=FileForm(_COLUMNS, _COLUMNS[7:10], _row, _correction, _file_name, day="settleDate"),
        notice=Notice(GAPS, _composer(merchants), _accepted, _SPOILS, _spoiler(merchants)),
        register=lambda data: _register(data, merchants),
        own_no=lambda number: number[4:] if number else "",
    )


def _register(data: Mapping[str, Any], merchants: Merchants) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Register a merchant by `merId`, `tid` and `source`. Its two secrets are made once; asking again returns the
    same."""
    shapes = {"merId": (_MID, 15), "tid": (_TID, 8), "source": (_SOURCE, 4)}
    for name, (shape, length) in shapes.items():
        if not shape.fullmatch(need(data, name, str)):
            raise Refused(f"{name}: must be {length} letters or digits")
    fee_by = need({"instalment_fee_by": "payer", **data}, "instalment_fee_by", str)
    if fee_by not in ("payer", "merchant"):
        raise Refused("instalment_fee_by: must be payer or merchant")
    kept = merchants.get(data["merId"])
    if any(
        other["source"] == data["source"] for number, other in merchants.items() if number != data["merId"]
    ):
        raise Refused("source: is another merchant's", 409)
    held = kept or {
        "appId": secrets.token_hex(16), "appKey": secrets.token_hex(16), "notifyKey": secrets.token_urlsafe(36),
    }  # fmt: skip
    told = {name: held[name] for name in ("appId", "appKey", "notifyKey")}
    return data["merId"], {**told, "tid": data["tid"], "source": data["source"], "feeBy": fee_by}, told


def _composer(merchants: Merchants) -> Callable[[Order, bool], tuple[Mapping[str, str], bytes]]:
    kind = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}

    def compose(order: Order, older: bool) -> tuple[Mapping[str, str], bytes]:
        return kind, messages.notification(order, merchants[order.mer_id]["notifyKey"], older)

    return compose


def _spoiler(merchants: Merchants) -> Callable[[str, Order, bytes], bytes]:
    """bad_signature: a sign of zeros; wrong_chain: signed with the merchant's other secret."""

    def spoil(fault: str, order: Order, body: bytes) -> bytes:
        if fault == "wrong_chain":
            return messages.notification(order, merchants[order.mer_id]["appKey"], False)
        return re.sub(rb"sign=[0-9A-F]{64}", b"sign=" + b"0" * 64, body)

    return spoil


def _accepted(status: int, body: bytes) -> bool:
    return status == 200 and body.strip() == b"SUCCESS"


def _fee(order: Order, merchant: Mapping[str, Any]) -> int:
    instalments = json.loads(order.details).get("instalments") or 0
    return basis_points(order.amount, _POINTS[instalments if merchant["feeBy"] == "merchant" else 0])


def _row(order: Order, original: Order | None, amount: int) -> Cells:
    pays = order.operation in DEBITS
    numbers = (order.order_no, "") if original is None else (original.order_no, order.order_no)
    return _cells(order, "PAY" if pays else "REFUND", amount, amount - order.fee if pays else -amount) | {
        "fee": order.fee, "merOrderId": numbers[0], "refundOrderId": numbers[1],
    }  # fmt: skip


def _correction(order: Order, fen: int) -> Cells:
    return _cells(order, "ADJUST", abs(fen), fen) | {"fee": 0, "merOrderId": order.order_no}


def _cells(order: Order, kind: str, amount: int, net: int) -> dict[str, object]:
    details = json.loads(order.details)
    paid_at = datetime.fromtimestamp(order.ended_at, UTC).astimezone(CHINA)
    return {
        "mid": order.mer_id,
        "tid": details.get("tid", ""),
        "targetOrderId": order.ref,
        "seqId": f"{order.seq:012d}",
        "type": kind,
        "totalAmount": amount,
        "netAmount": net,
        "installmentNumber": details.get("instalments") or "",
        "payTime": f"{paid_at:%Y-%m-%d %H:%M:%S}",
        "srcReserve": order.key,
    }


def _file_name(mer_id: str, day: date) -> str:
    return f"{mer_id}_{day:%Y%m%d}.csv"
