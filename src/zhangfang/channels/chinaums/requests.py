"""Orders as ChinaUMS messages: path and JSON body, before they are signed.

Source: the open platform's pages and chinaums-php [V]. Unverified [K]: `srcReserve` in a refund, and that refund-query
names a refund by its own number. A body is made of stored values alone, so a re-send has the same bytes.
"""

from datetime import date, datetime
from typing import Any

from zhangfang.channels.app_purchase import Asked, check_instalments, checked_number, json_bytes
from zhangfang.channels.chinaums.config import ChinaUmsConfig
from zhangfang.channels.port import NotPresented, Operation, Order
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.money import check_amount

PRECREATE = "/v1/netpay/trade/precreate"
QUERY = "/v1/netpay/query"
REFUND = "/v1/netpay/refund"
REFUND_QUERY = "/v1/netpay/refund-query"
CLOSE = "/v1/netpay/close"
# [G] No path for the daily file is public: it comes by the merchants' portal or SFTP. This one is the sandbox bank's.
FILE = "/v1/sandbox/settlement-file"


def precreate(order: Order, config: ChinaUmsConfig) -> Asked:
    """Return what makes an order that the payer's app can pay. Raises `NotPresented` for what it cannot carry."""
    fields = _common(order, config) | {
        "merOrderId": mer_order_id(order.order_no, config),
        "totalAmount": check_amount(order.amount),
        "orderDesc": order.description or order.key,
        "notifyUrl": config.notify_url,
        "srcReserve": order.key,
    }
    if order.instalments:
        _check_instalments(order, config)
        fields["installmentNumber"] = order.instalments
    return PRECREATE, json_bytes(fields)


def refund(order: Order, config: ChinaUmsConfig) -> Asked:
    """Return what refunds a purchase, whole or in part; the refund's own number makes it happen once."""
    fields = _common(order, config) | {
        "merOrderId": mer_order_id(order.original_order_no, config, "original_order_no"),
        "refundOrderId": mer_order_id(order.order_no, config),
        "refundAmount": check_amount(order.amount),
        "srcReserve": order.key,
    }
    return REFUND, json_bytes(fields)


def query(order: Order, config: ChinaUmsConfig, _now: datetime) -> Asked:
    """Return what asks for an order by its own number."""
    return REFUND_QUERY if order.operation is Operation.REFUND else QUERY, _named(order, config)


def close(order: Order, config: ChinaUmsConfig, _now: datetime) -> Asked:
    """Return what closes an order that nobody has paid."""
    return CLOSE, _named(order, config)


def file(settle_date: date, config: ChinaUmsConfig, _now: datetime) -> Asked:
    """Return what asks for one settlement date's file [G]."""
    return FILE, json_bytes({"mid": config.mid, "tid": config.tid, "settleDate": settle_date.isoformat()})


def mer_order_id(order_no: str, config: ChinaUmsConfig, name: str = "order_no") -> str:
    """Return our number as the platform wants it: behind the source's number, at most 50 characters."""
    return config.source + checked_number(order_no, name)


def _named(order: Order, config: ChinaUmsConfig) -> bytes:
    return json_bytes(_common(order, config) | {"merOrderId": mer_order_id(order.order_no, config)})


def _common(order: Order, config: ChinaUmsConfig) -> dict[str, Any]:
    return {
        "msgId": order.order_no,
        "requestTimestamp": f"{in_china(order.requested_at):%Y-%m-%d %H:%M:%S}",
        "mid": config.mid,
        "tid": config.tid,
        "instMid": "APPDEFAULT",
    }


def _check_instalments(order: Order, config: ChinaUmsConfig) -> None:
    check_instalments(order)
    if order.fee_by and order.fee_by != config.instalment_fee_by:
        raise NotPresented(
            f"fee_by: the contract with ChinaUMS says {config.instalment_fee_by}, no order can change it"
        )
