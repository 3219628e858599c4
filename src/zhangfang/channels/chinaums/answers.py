"""ChinaUMS fields as the platform's answers.

An answer is not signed (only TLS protects it), so it must at least repeat the order and the merchant of the request. A
notification is signed.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from zhangfang.channels.app_purchase import app_fields
from zhangfang.channels.chinaums.config import ChinaUmsConfig
from zhangfang.channels.chinaums.requests import mer_order_id
from zhangfang.channels.port import Answer, MalformedMessage, Notification, Operation, Order, Verdict
from zhangfang.channels.strict_json import fen, fen_of_text, kept, optional_text, text
from zhangfang.channels.verdicts import Codes
from zhangfang.kernel.text.masking import masked_text

CODES = Codes(Path(__file__).parent / "codes.csv")
OK = "SUCCESS"
_KEPT = frozenset({
    "errCode", "errMsg", "status", "refundStatus", "merOrderId", "refundOrderId", "mid", "tid", "totalAmount",
    "refundAmount", "settleDate", "payTime", "targetOrderId", "targetStatus", "targetSys", "seqId", "settleRefId",
    "srcReserve", "installmentNumber", "responseTimestamp", "refundTargetOrderId",
})  # fmt: skip
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def shown(fields: Mapping[str, Any]) -> str:
    """Return a message as it may be stored."""
    return kept(fields, _KEPT)


def refused(fields: Mapping[str, Any]) -> str:
    """Return why a request was refused, as a code of the table; `""` where it was not."""
    code = text(fields, "errCode", "the platform's code")
    return "" if code == OK else f"errCode={code}"


def of_refund(fields: Mapping[str, Any], order: Order, config: ChinaUmsConfig) -> Answer:
    """Return what the answer to a refund proves: at most that it was accepted."""
    code = refused(fields)
    if code:
        meaning = CODES.of(order.operation, code)
        return _answer(fields, meaning.sent, code, elsewhere=meaning.elsewhere)
    _check_ours(fields, "refundOrderId", order, config)
    code = f"refundStatus={text(fields, 'refundStatus')}"
    return _answer(fields, CODES.of(order.operation, code).sent, code)


def of_query(fields: Mapping[str, Any], order: Order, config: ChinaUmsConfig) -> Answer:
    """Return what a query's answer proves. errCode says whether there is an order; only then its status counts."""
    code = refused(fields)
    if code:
        return _answer(fields, CODES.of(order.operation, code).final, code)
    if order.operation is Operation.REFUND:
        number, status, amount = "refundOrderId", "refundStatus", "refundAmount"
    else:
        number, status, amount = "merOrderId", "status", "totalAmount"
    _check_ours(fields, number, order, config)
    code = f"{status}={text(fields, status)}"
    verdict = CODES.of(order.operation, code).final
    found = fen(fields.get(amount), amount) if verdict is Verdict.SUCCESS or amount in fields else None
    return _answer(fields, verdict, code, found)


def of_notification(fields: Mapping[str, str], config: ChinaUmsConfig) -> Notification:
    """Return what the platform pushed about a purchase, or raise `MalformedMessage`."""
    if fields.get("mid") != config.mid:
        raise MalformedMessage("mid: another merchant's notification")
    number = text(fields, "merOrderId")
    if not number.startswith(config.source):
        raise MalformedMessage("merOrderId: begins with another source's number")
    code = f"status={text(fields, 'status')}"
    amount = fen_of_text(fields.get("totalAmount"), "totalAmount")
    verdict = CODES.of(Operation.PURCHASE, code).final
    return Notification(
        number.removeprefix(config.source), Operation.PURCHASE, _answer(fields, verdict, code, amount)
    )


def app_payload(fields: Mapping[str, Any], order: Order, config: ChinaUmsConfig) -> dict[str, str]:
    """Return what the payer's app needs. Raises `MalformedMessage`."""
    _check_ours(fields, "merOrderId", order, config)
    return app_fields(fields.get("appPayRequest"), "appPayRequest")


def settle_date(fields: Mapping[str, Any]) -> date | None:
    """Return the settlement date that a message names, None if it names none."""
    given = optional_text(fields, "settleDate")
    if not given:
        return None
    try:
        if _DAY.fullmatch(given):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise MalformedMessage(f"settleDate: got {len(given)} characters; allowed: YYYY-MM-DD")


def _answer(
    fields: Mapping[str, Any],
    verdict: Verdict,
    code: str,
    amount: int | None = None,
    *,
    elsewhere: bool = False,
) -> Answer:
    return Answer(
        verdict,
        code=code[:100],
        message=masked_text(str(fields.get("errMsg") or fields.get("errInfo") or "")[:200]),
        channel_ref=optional_text(fields, "refundTargetOrderId") or optional_text(fields, "targetOrderId"),
        amount=amount,
        settle_date=settle_date(fields),
        raw=shown(fields),
        elsewhere=elsewhere and verdict is Verdict.FAILED,
    )


def _check_ours(fields: Mapping[str, Any], name: str, order: Order, config: ChinaUmsConfig) -> None:
    if fields.get(name) != mer_order_id(order.order_no, config):
        raise MalformedMessage(f"{name}: not the order that was asked about")
    if fields.get("mid", config.mid) != config.mid:
        raise MalformedMessage("mid: another merchant's answer")
