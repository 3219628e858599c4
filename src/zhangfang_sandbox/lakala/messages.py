"""The contents of answers about an order, and of notifications."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from zhangfang_sandbox.acquirer.acquiring import MISMATCH, RETURNED, WRONG_STATE
from zhangfang_sandbox.acquirer.orders import Order
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.common.faults import chance

OK = "BBS00000"
BAD, SIGNATURE, NO_ORDER, DUPLICATE, BUSY, NO_FILE, MAINTENANCE = (
    "SBX400", "SBX401", "SBX404", "SBX409", "SBX429", "SBX498", "SBX503",
)  # fmt: skip
# Reasons for which a refund or void is refused at once; for any other reason it is taken and ends with trade_state
# FAIL.
REFUSALS = {WRONG_STATE: "SBX422", RETURNED: "SBX422", MISMATCH: "SBX423"}
_WORDS = {
    OK: "成功", BAD: "报文格式错误", SIGNATURE: "验签失败", NO_ORDER: "订单不存在", DUPLICATE: "商户流水号重复",
    BUSY: "请求过于频繁", NO_FILE: "文件未生成", MAINTENANCE: "系统维护", "SBX422": "原交易状态不允许",
    "SBX423": "超过可退金额", "BBS10000": "处理中",
}  # fmt: skip
_TYPES = {"purchase": "PREORDER", "refund": "REFUND", "void": "CANCEL"}
_PENDING = ("DEAL", "UNKNOWN")
# The code that a query may answer while an order is pending; sources give it three meanings.
UNCLEAR = "BBS10000"


class Refusal(Exception):
    """The platform refuses a request with a code and words."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def envelope(code: str, now: datetime, data: Mapping[str, Any] | None = None, detail: str = "") -> bytes:
    """The body of an answer."""
    words = _WORDS[code] + (f" ({detail})" if detail else "")
    told = {"code": code, "msg": words, "resp_time": _time(now), "resp_data": dict(data or {})}
    return json.dumps(told, ensure_ascii=False).encode()


def named(order: Order) -> dict[str, Any]:
    """The fields that every answer about an order repeats. log_no is the end of trade_no."""
    details = json.loads(order.details)
    return {
        "merchant_no": order.mer_id,
        "term_no": details.get("term_no", ""),
        "out_trade_no": order.order_no,
        "trade_no": order.ref,
        "log_no": order.ref[-14:],
    }


def presented(order: Order) -> dict[str, Any]:
    """The answer to a pre-order. The addresses are not served: payers act on the control plane here."""
    fields = {"prepay_id": f"PP{order.ref}", "redirect_url": f"https://pay.lakala.invalid/{order.ref}"}
    return named(order) | {"settle_merchant_no": order.mer_id, "acc_resp_fields": fields}


def queried(order: Order) -> dict[str, Any]:
    """The answer to a query."""
    return named(order) | {
        "trade_main_type": _TYPES[order.operation],
        "trade_state": state(order),
        "total_amount": str(order.amount),
        "origin_out_trade_no": order.original,
        "acc_trade_no": f"2026{order.seq:024d}",
        "remark": order.key if order.operation == "purchase" else "",
        **_ended(order),
    }


def state(order: Order) -> str:
    """The trade_state; while an order is open, one of two words."""
    if order.phase == "SUCCESS" and order.refunded:
        return "REFUND" if order.refunded == order.amount else "PART_REFUND"
    unpaid = order.operation == "purchase" and not order.told and order.reason in {"closed", "refused"}
    return {
        "WAITING": "CREATE",
        "PROCESSING": _PENDING[int(chance(0, "state", order.fault_key) * 2)],
        "SUCCESS": "SUCCESS",
        "FAILED": "CLOSE" if unpaid else "FAIL",
        "VOIDED": "REVOKED",
    }[order.phase]


def notification(order: Order, older: bool) -> bytes:
    """The body of a notification; with `older` it has the state before the order ended."""
    told = queried(order)
    told["trade_status"] = told.pop("trade_state")
    if older:
        told |= {"trade_status": "DEAL", "trade_time": ""}
    return json.dumps(told, ensure_ascii=False).encode()


def _ended(order: Order) -> dict[str, str]:
    if order.phase not in {"SUCCESS", "VOIDED"}:
        return {}
    return {"trade_time": _time(datetime.fromtimestamp(order.ended_at, UTC))}


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA):%Y%m%d%H%M%S}"
