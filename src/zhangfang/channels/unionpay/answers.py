"""Verified ACP fields as the platform's answers."""

import re
from collections.abc import Mapping
from datetime import date, datetime

from zhangfang.channels.port import MOVED, Answer, MalformedMessage, Notification, Order, Verdict
from zhangfang.channels.unionpay import codes
from zhangfang.channels.unionpay.message import masked
from zhangfang.channels.unionpay.requests import KINDS, OPERATIONS, QUERY_KIND, time14
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.text.masking import masked_text

# What the protocol requires of a message that says that money moved.
_MONEY = {"txnAmt": r"[0-9]{1,12}", "currencyCode": "156", "txnTime": r"[0-9]{14}"}


def of_request(fields: Mapping[str, str], order: Order) -> Answer:
    """Return what the synchronous answer to `order` proves: at most that it was accepted."""
    txn_type = KINDS[order.operation][0]
    _check_ours(fields, order, txn_type)
    code = required(fields, "respCode")
    return _answer(fields, txn_type, codes.sent(txn_type, code), code, fields.get("respMsg", ""))


def of_query(fields: Mapping[str, str], order: Order) -> Answer:
    """Return what a query's answer proves: first its own respCode and, only if that is 00, the order's."""
    _check_ours(fields, order, QUERY_KIND[0])
    code, message = required(fields, "respCode"), fields.get("respMsg", "")
    verdict = codes.sent(codes.QUERY, code)
    if verdict is not Verdict.SUCCESS:
        return _answer(fields, codes.QUERY, verdict, code, message)
    code, txn_type = required(fields, "origRespCode"), KINDS[order.operation][0]
    return _answer(fields, txn_type, codes.final(txn_type, code), code, fields.get("origRespMsg", message))


def of_notification(fields: Mapping[str, str], mer_id: str) -> Notification:
    """Return what the gateway pushed, or raise `MalformedMessage`."""
    if fields.get("merId") != mer_id:
        raise MalformedMessage("merId: another merchant's notification")
    txn_type, code = required(fields, "txnType"), required(fields, "respCode")
    if txn_type not in OPERATIONS:
        raise MalformedMessage(f"txnType: got {len(txn_type)} characters; allowed: {', '.join(OPERATIONS)}")
    answer = _answer(fields, txn_type, codes.final(txn_type, code), code, fields.get("respMsg", ""))
    return Notification(required(fields, "orderId"), OPERATIONS[txn_type], answer)


def settle_date(month_and_day: str, txn_time: str) -> date:
    """Return the date of an MMDD, which has no year: that of `txn_time` or, over the turn of the year, the next."""
    if not re.fullmatch(r"[0-9]{4}", month_and_day) or not re.fullmatch(r"[0-9]{14}", txn_time):
        raise MalformedMessage("settleDate, txnTime: allowed are MMDD and YYYYMMDDhhmmss")
    month = int(month_and_day[:2])
    turned = int(txn_time[4:6]) - month > 6
    try:
        return date(int(txn_time[:4]) + turned, month, int(month_and_day[2:]))
    except ValueError:
        raise MalformedMessage("settleDate: four digits that are no day of that year") from None


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a field that must be there, or raise `MalformedMessage`."""
    if not fields.get(name):
        raise MalformedMessage(f"{name}: missing")
    return fields[name]


def _answer(fields: Mapping[str, str], txn_type: str, verdict: Verdict, code: str, message: str) -> Answer:
    amount, day = fields.get("txnAmt", ""), fields.get("settleDate", "")
    if amount and not re.fullmatch(r"[0-9]{1,12}", amount):
        raise MalformedMessage(f"txnAmt: got {len(amount)} characters; allowed: 1 to 12 digits, in fen")
    return Answer(
        verdict,
        code=code,
        message=masked_text(message),
        channel_ref=fields.get("queryId", ""),
        amount=int(amount) if amount else None,
        settle_date=settle_date(day, fields.get("txnTime", "")) if day else None,
        raw=masked(fields),
        elsewhere=verdict is Verdict.FAILED and codes.elsewhere(txn_type, code),
        requested_at=_moment(fields.get("txnTime", "")),
        lacks=_lacks(fields) if verdict in MOVED else "",
    )


def _lacks(fields: Mapping[str, str]) -> str:
    wrong = (name for name, shape in _MONEY.items() if not re.fullmatch(shape, fields.get(name, "")))
    return next((f"{name}: missing, or not as the protocol requires" for name in wrong), "")


def _moment(txn_time: str) -> datetime | None:
    """Return the time of the order that a message names; None if it names none that is one."""
    try:
        return datetime.strptime(txn_time, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


def _check_ours(fields: Mapping[str, str], order: Order, txn_type: str) -> None:
    """Raise `MalformedMessage` for the answer to another request: even correctly signed, it proves nothing about ours."""
    ours = {"txnType": txn_type, "orderId": order.order_no, "txnTime": time14(order.requested_at)}
    for name, value in ours.items():
        if fields.get(name) != value:
            raise MalformedMessage(f"{name}: not that of the request")
