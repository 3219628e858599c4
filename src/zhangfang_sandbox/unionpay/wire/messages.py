"""Answers and notifications, as fields that are not signed yet."""

from collections.abc import Mapping

from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.wire.codes import CAME_BACK, SUCCESS, words
from zhangfang_sandbox.unionpay.wire.fields import echo
from zhangfang_sandbox.unionpay.wire.forms import Fields


def answer(
    request: Fields, code: str, detail: str = "", extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The synchronous answer to a request."""
    return {
        "version": "5.1.0",
        "encoding": "UTF-8",
        **echo(request),
        "respCode": code,
        "respMsg": words(code, detail),
        **(extra or {}),
    }


def status(order: Order) -> dict[str, str]:
    """What a query's answer adds when the order was found: the outcome is in origRespCode."""
    code = order.code
    return {"origRespCode": code, "origRespMsg": words(code), **_facts(order)}


def outcome(order: Order) -> dict[str, str]:
    """The fields of a notification, and of the form that the browser posts back to the merchant."""
    return {
        "version": "5.1.0",
        "encoding": order.encoding,
        "signMethod": order.sign_method,
        "accessType": order.access_type,
        "merId": order.mer_id,
        "orderId": order.order_id,
        "txnTime": order.txn_time,
        "txnType": order.txn_type,
        "txnSubType": order.txn_sub_type,
        "bizType": order.biz_type,
        "respCode": order.code,
        "respMsg": words(order.code),
        "origQryId": order.orig_qry_id,
        **_facts(order),
    }


def older(order: Order) -> dict[str, str]:
    """An outdated notification: the fields while the order was still pending."""
    left_out = {"settleDate", "settleAmt", "settleCurrencyCode"}
    told = {name: value for name, value in outcome(order).items() if name not in left_out}
    return told | {"respCode": "05", "respMsg": words("05")}


def _facts(order: Order) -> dict[str, str]:
    facts = {
        "queryId": order.query_id,
        "traceNo": order.trace_no,
        "traceTime": order.trace_time,
        "txnAmt": str(order.amount),
        "currencyCode": "156",
        "accNo": order.acc_no,
        "reqReserved": order.key,
    }
    if order.code in {SUCCESS, CAME_BACK}:
        day = order.settle_date.replace("-", "")[4:]  # MMDD: the protocol has no year here
        facts |= {"settleDate": day, "settleAmt": str(order.amount), "settleCurrencyCode": "156"}
    return facts
