"""What the bank tells of an order. Statuses: NEW_ORDER and TRADE_SUCCESS are public, the others partly so [K]."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from zhangfang_sandbox.acquirer.acquiring import MISMATCH, RETURNED, WRONG_STATE
from zhangfang_sandbox.acquirer.orders import Order
from zhangfang_sandbox.chinaums.wire import form, notification_hash
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.common.faults import chance

_PAID = {
    "WAITING": "NEW_ORDER",
    "PROCESSING": "UNKNOWN",
    "SUCCESS": "TRADE_SUCCESS",
    "FAILED": "TRADE_CLOSED",
}
_REFUNDED = {"SUCCESS": "SUCCESS", "FAILED": "FAIL"}
# Reasons for which a refund is refused at once; for any other reason it is taken and ends with refundStatus FAIL.
REFUSALS = {
    WRONG_STATE: "OPERATION_NOT_ALLOWED",
    RETURNED: "OPERATION_NOT_ALLOWED",
    MISMATCH: "REFUND_AMOUNT_EXCEEDED",
}


def status(order: Order) -> str:
    """The `status` of a purchase."""
    if order.phase == "SUCCESS" and order.refunded == order.amount:
        return "TRADE_REFUND"
    return _PAID[order.phase]


def refund_status(order: Order) -> str:
    """The `refundStatus` of a refund; while it is open, one of two words."""
    pending = "UNKNOWN" if chance(0, "code", order.fault_key) < 0.5 else "PROCESSING"
    return _REFUNDED.get(order.phase, pending)


def purchase(order: Order) -> dict[str, Any]:
    """A purchase as the answers to precreate and query show it."""
    return _named(order) | {
        "merOrderId": order.order_no,
        "totalAmount": order.amount,
        "status": status(order),
        "targetOrderId": order.ref,
        "targetSys": "Alipay 2.0",
        "targetStatus": "10000",
        **_ended(order),
    }


def refund(order: Order) -> dict[str, Any]:
    """A refund as the answers to refund and refund-query show it."""
    return _named(order) | {
        "merOrderId": order.original,
        "refundOrderId": order.order_no,
        "refundAmount": order.amount,
        "refundStatus": refund_status(order),
        "refundTargetOrderId": order.ref,
        **_ended(order),
    }


def app_request(order: Order) -> dict[str, str]:
    """What the payer's app gets. The address is not served: payers act on the control plane here."""
    return {"msgType": "trade.precreate", "qrCode": f"https://qr.alipay.invalid/{order.ref}"}


def notification(order: Order, key: str, older: bool) -> bytes:
    """A signed notification of a purchase; with `older` it has the state before the purchase ended."""
    told = {name: str(value) for name, value in purchase(order).items()}
    if older:
        told |= {"status": "WAIT_BUYER_PAY", "settleDate": "", "payTime": ""}
    told |= {"notifyId": f"N{order.seq}", "signType": "SHA256"}
    return form(told | {"sign": notification_hash(told, key)})


def _named(order: Order) -> dict[str, Any]:
    details = json.loads(order.details)
    named = {
        "mid": order.mer_id,
        "tid": details.get("tid", ""),
        "instMid": "APPDEFAULT",
        "srcReserve": order.key,
    }
    if details.get("instalments"):
        named["installmentNumber"] = details["instalments"]
    return named | {"seqId": f"{order.seq:012d}", "settleRefId": f"{order.seq:012d}N"}


def _ended(order: Order) -> Mapping[str, str]:
    if order.phase != "SUCCESS":
        return {}
    paid_at = datetime.fromtimestamp(order.ended_at, UTC).astimezone(CHINA)
    return {"payTime": f"{paid_at:%Y-%m-%d %H:%M:%S}", "settleDate": order.settle_date}
