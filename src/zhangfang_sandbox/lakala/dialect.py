"""What this bank has of its own: its merchants' certificates, its numbers, fees, file and notifications.

Conventions of this bank [G]: that pre-orders are notified on the schedule of counter orders, the file's columns, and fees of
38 basis points, or 230, 450 and 750 for 3, 6 and 12 instalments if the merchant pays their charge.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from cryptography import x509

from zhangfang_sandbox.acquirer.acquiring import FAULTS, Dialect, basis_points
from zhangfang_sandbox.acquirer.couriers import Notice
from zhangfang_sandbox.acquirer.dayfile import Cells, FileForm, zipped
from zhangfang_sandbox.acquirer.orders import DEBITS, Order
from zhangfang_sandbox.acquirer.parts import Merchants
from zhangfang_sandbox.common.clock import CHINA, BankClock
from zhangfang_sandbox.common.control import Refused, need
from zhangfang_sandbox.lakala import messages
from zhangfang_sandbox.lakala.keys import serial_of
from zhangfang_sandbox.lakala.seal import Seal

# The schedule of counter orders [V], used for pre-orders too [G].
GAPS = (1, 5, 5, 10, 180, 600, 1200, 1800, 3600, 7200)
_POINTS = {0: 38, 3: 230, 6: 450, 12: 750}
_KINDS = {"purchase": "PREORDER", "refund": "REFUND"}
_COLUMNS = (
    "settle_date", "merchant_no", "term_no", "out_trade_no", "trade_no", "log_no", "trade_main_type", "total_amount",
    "sign", "fee", "hb_fq_num", "trade_time", "origin_out_trade_no", "remark",
)  # fmt: skip
_MERCHANT, _TERM, _APPID = (
    re.compile("[0-9A-Za-z]{15}"),
    re.compile("[0-9A-Za-z]{8}"),
    re.compile("[!#-~]{1,64}"),
)


def dialect(seal: Seal, certificate: str, clock: BankClock, merchants: Merchants) -> Dialect:
    """The bank's dialect. account_type is left out: no payer's account travels on this wire."""
    return Dialect(
        bank="lakala",
        name="拉卡拉",
        prefix="LKL",
        faults=FAULTS - {"account_type"},
        ref=lambda seq, now: f"{now.astimezone(CHINA):%Y%m%d}6610{seq:014d}",
        fee=_fee,
        file=FileForm(
            _COLUMNS,
            ("total_amount", "fee"),
            _row,
            _correction,
            _file_name,
            "gb18030",
            _packed,
            "settle_date",
        ),
        notice=Notice(GAPS, _composer(seal, clock), _accepted),
        register=lambda data: _register(data, merchants, certificate),
    )


def _register(
    data: Mapping[str, Any], merchants: Merchants, platform: str
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Register a merchant by `merId`, `term_no`, `appid` and its certificate. Earlier certificates stay valid."""
    for name, shape, allowed in (
        ("merId", _MERCHANT, "15 letters or digits"), ("term_no", _TERM, "8 letters or digits"),
        ("appid", _APPID, "1 to 64 visible characters"),
    ):  # fmt: skip
        if not shape.fullmatch(need(data, name, str)):
            raise Refused(f"{name}: must be {allowed}")
    try:
        pem = need(data, "certificate", str)
        serial = serial_of(x509.load_pem_x509_certificate(pem.encode()))
    except ValueError as error:
        raise Refused("certificate: must be the PEM of a certificate") from error
    known = merchants.get(data["merId"], {}).get("certificates", {})
    details = {name: data[name] for name in ("appid", "term_no")} | {"certificates": known | {serial: pem}}
    return data["merId"], details, {"platform_certificate": platform}


def _composer(seal: Seal, clock: BankClock) -> Callable[[Order, bool], tuple[Mapping[str, str], bytes]]:
    def compose(order: Order, older: bool) -> tuple[Mapping[str, str], bytes]:
        body = messages.notification(order, older)
        signed = seal.notification(clock.now().timestamp(), body)
        return {"Content-Type": "application/json", "Authorization": signed}, body

    return compose


def _accepted(status: int, body: bytes) -> bool:
    """Whether a notification was taken: HTTP 200 is not enough, the body's code counts."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return status == 200 and isinstance(said, dict) and said.get("code") == "SUCCESS"


def _fee(order: Order) -> int:
    details = json.loads(order.details)
    return basis_points(order.amount, _POINTS[details["instalments"] if details.get("by_seller") else 0])


def _row(order: Order, original: Order | None, amount: int) -> Cells:
    return _cells(order, amount) | {
        "out_trade_no": order.order_no,
        "trade_main_type": _KINDS[order.operation],
        "sign": "C" if order.operation in DEBITS else "D",
        "fee": order.fee,
        "origin_out_trade_no": original.order_no if original else "",
    }


def _correction(order: Order, fen: int) -> Cells:
    return _cells(order, abs(fen)) | {
        "trade_main_type": "ADJUST",
        "sign": "C" if fen > 0 else "D",
        "fee": 0,
        "origin_out_trade_no": order.order_no,
    }


def _cells(order: Order, amount: int) -> dict[str, object]:
    details = json.loads(order.details)
    paid_at = datetime.fromtimestamp(order.ended_at, UTC).astimezone(CHINA)
    return {
        "merchant_no": order.mer_id,
        "term_no": details.get("term_no", ""),
        "trade_no": order.ref,
        "log_no": order.ref[-14:],
        "total_amount": amount,
        "hb_fq_num": details.get("instalments") or "",
        "trade_time": f"{paid_at:%Y%m%d%H%M%S}",
        "remark": order.key,
    }


def _file_name(mer_id: str, day: date) -> str:
    return f"{mer_id}_{day:%Y%m%d}.zip"


def _packed(name: str, content: bytes) -> bytes:
    return zipped(name.replace(".zip", ".csv"), content)
