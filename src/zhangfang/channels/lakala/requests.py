"""Orders as Lakala messages: path and JSON body, before they are signed.

Source: the SDK's request classes [V] and the field lists of the pre-order [V2]. `refund_reason` carries the merchant's
own number of the refund: that is our choice, because it is the only field of free text in a refund.
"""

from datetime import date, datetime
from typing import Any

from zhangfang.channels.app_purchase import Asked, check_instalments, checked_number, json_bytes
from zhangfang.channels.lakala.config import LakalaConfig
from zhangfang.channels.port import NotPresented, Operation, Order
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.money import check_amount

PREORDER = "/api/v3/labs/trans/preorder"
QUERY = "/api/v3/labs/query/tradequery"
CLOSE = "/api/v3/labs/relation/close"
# [G] No path for the daily file is public: it comes by SFTP. This one is the sandbox bank's.
FILE = "/api/v3/sandbox/settlement_file"
REVERSALS = {
    Operation.REFUND: "/api/v3/labs/relation/refund",
    Operation.VOID: "/api/v3/labs/relation/revoked",
}

_SELLER_PERCENT = {"": "0", "payer": "0", "merchant": "100"}  # hb_fq_seller_percent [V2]
_SUBJECT_LENGTH = 42


def preorder(order: Order, config: LakalaConfig) -> Asked:
    """Return what makes an order that the payer's app can pay. Raises `NotPresented` for what it cannot carry."""
    data = _common(order, config) | {
        "account_type": "ALIPAY",
        "trans_type": "61",
        "total_amount": str(check_amount(order.amount)),
        "busi_mode": "ACQ",
        "subject": (order.description or order.key)[:_SUBJECT_LENGTH],
        "notify_url": config.notify_url,
        "settle_type": "0",
        "remark": order.key,
        "acc_busi_fields": {"timeout_express": "15"} | _instalments(order),
    }
    return PREORDER, _envelope(data, order.requested_at)


def reversal(order: Order, config: LakalaConfig) -> Asked:
    """Return a refund or void; its own out_trade_no makes it happen once."""
    data = _common(order, config) | {
        "origin_out_trade_no": checked_number(order.original_order_no, "original_order_no")
    }
    if order.operation is Operation.REFUND:
        data |= {"refund_amount": str(check_amount(order.amount)), "refund_reason": order.key}
    return REVERSALS[order.operation], _envelope(data, order.requested_at)


def query(order: Order, config: LakalaConfig, now: datetime) -> Asked:
    """Return what asks for any order by its own number."""
    data = {
        "merchant_no": config.merchant_no,
        "term_no": config.term_no,
        "out_trade_no": checked_number(order.order_no),
    }
    return QUERY, _envelope(data, now)


def close(order: Order, config: LakalaConfig, now: datetime) -> Asked:
    """Return what closes a pre-order that nobody has paid."""
    data = {
        "merchant_no": config.merchant_no,
        "term_no": config.term_no,
        "origin_out_trade_no": checked_number(order.order_no),
        "location_info": {"request_ip": config.request_ip},
    }
    return CLOSE, _envelope(data, now)


def file(settle_date: date, config: LakalaConfig, now: datetime) -> Asked:
    """Return what asks for one settlement date's file [G]."""
    return FILE, _envelope({"merchant_no": config.merchant_no, "settle_date": f"{settle_date:%Y%m%d}"}, now)


def _common(order: Order, config: LakalaConfig) -> dict[str, Any]:
    return {
        "merchant_no": config.merchant_no,
        "term_no": config.term_no,
        "out_trade_no": checked_number(order.order_no),
        "location_info": {"request_ip": config.request_ip},
    }


def _instalments(order: Order) -> dict[str, Any]:
    if not order.instalments:
        return {}
    check_instalments(order)
    if order.fee_by not in _SELLER_PERCENT:
        raise NotPresented("fee_by: allowed are payer and merchant")
    percent = _SELLER_PERCENT[order.fee_by]
    return {"extend_params": {"hb_fq_num": str(order.instalments), "hb_fq_seller_percent": percent}}


def _envelope(data: dict[str, Any], at: datetime) -> bytes:
    """`at` is the order's own time when an order is sent, so that a re-send has the same bytes."""
    whole = {"req_time": f"{in_china(at):%Y%m%d%H%M%S}", "version": "3.0", "req_data": data}
    return json_bytes(whole)
