"""Verified Lakala fields as the platform's answers.

No message names a settlement date; here it follows from `trade_time` with a cut-off at 23:00 [G]. `channel_ref` is
trade_no, whose last 14 digits are log_no, the number of the statement [V].
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from zhangfang.channels.app_purchase import app_fields
from zhangfang.channels.lakala.config import LakalaConfig
from zhangfang.channels.port import Answer, MalformedMessage, Notification, Operation, Order, Verdict
from zhangfang.channels.strict_json import fen_of_text, kept, optional_text, text
from zhangfang.channels.verdicts import Codes
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.text.masking import masked_text

CODES = Codes(Path(__file__).parent / "codes.csv")
OK = "BBS00000"
_KEPT = frozenset({
    "code", "msg", "merchant_no", "term_no", "out_trade_no", "origin_out_trade_no", "trade_no", "log_no",
    "trade_state", "trade_status", "trade_main_type", "total_amount", "refund_amount", "acc_trade_no", "trade_time",
    "resp_time", "remark",
})  # fmt: skip
_TIME = re.compile(r"[0-9]{14}")


def shown(fields: Mapping[str, Any]) -> str:
    """Return a message for storing: the fields of its envelope and of its data together."""
    data = fields.get("resp_data")
    return kept({**fields, **data} if isinstance(data, dict) else fields, _KEPT)


def refused(fields: Mapping[str, Any]) -> str:
    """Return why a request was refused, as a code of the table; `""` where it was not."""
    code = text(fields, "code", "the platform's code")
    return "" if code == OK else f"code={code}"


def data_of(fields: Mapping[str, Any], config: LakalaConfig) -> dict[str, Any]:
    """Return the data of an answer that is about us. Raises `MalformedMessage`."""
    data = fields.get("resp_data")
    if not isinstance(data, dict):
        raise MalformedMessage(f"resp_data: got {type(data).__name__}; allowed: an object")
    if data.get("merchant_no", config.merchant_no) != config.merchant_no:
        raise MalformedMessage("merchant_no: another merchant's answer")
    return data


def of_request(fields: Mapping[str, Any], order: Order, config: LakalaConfig) -> Answer:
    """Return what the answer to a refund or void proves: at most that it was accepted."""
    code = refused(fields)
    if code:
        meaning = CODES.of(order.operation, code)
        return _answer(fields, {}, meaning.sent, code, elsewhere=meaning.elsewhere)
    data = data_of(fields, config)
    _check_number(data, order)
    return _answer(fields, data, Verdict.ACCEPTED, f"code={OK}")


def of_query(fields: Mapping[str, Any], order: Order, config: LakalaConfig) -> Answer:
    """Return what a query's answer proves. Its code says only whether the order was found; then trade_state counts."""
    code = refused(fields)
    if code:
        return _answer(fields, {}, CODES.of(order.operation, code).final, code)
    data = data_of(fields, config)
    _check_number(data, order)
    code = f"trade_state={text(data, 'trade_state')}"
    verdict = CODES.of(order.operation, code).final
    return _answer(fields, data, verdict, code, fen_of_text(data.get("total_amount"), "total_amount"))


def of_notification(fields: Mapping[str, Any], config: LakalaConfig) -> Notification:
    """Return what the platform pushed about a purchase, or raise `MalformedMessage`."""
    if fields.get("merchant_no") != config.merchant_no:
        raise MalformedMessage("merchant_no: another merchant's notification")
    code = f"trade_state={text(fields, 'trade_status')}"
    amount = fen_of_text(fields.get("total_amount"), "total_amount")
    verdict = CODES.of(Operation.PURCHASE, code).final
    answer = _answer(fields, fields, verdict, code, amount)
    return Notification(text(fields, "out_trade_no"), Operation.PURCHASE, answer)


def app_payload(fields: Mapping[str, Any], order: Order, config: LakalaConfig) -> dict[str, str]:
    """Return what the payer's app needs. Raises `MalformedMessage`."""
    data = data_of(fields, config)
    _check_number(data, order)
    return app_fields(data.get("acc_resp_fields"), "acc_resp_fields")


def settle_date(fields: Mapping[str, Any]) -> date | None:
    """Return the settlement date of a trade_time (YYYYMMDDhhmmss in China), None where there is none [G]."""
    given = optional_text(fields, "trade_time")
    if not given:
        return None
    try:
        if _TIME.fullmatch(given):
            return settlement_day(datetime.strptime(given, "%Y%m%d%H%M%S").replace(tzinfo=CHINA))
    except (ValueError, OverflowError):
        pass
    raise MalformedMessage(f"trade_time: got {len(given)} characters; allowed: YYYYMMDDhhmmss")


def _answer(
    fields: Mapping[str, Any],
    data: Mapping[str, Any],
    verdict: Verdict,
    code: str,
    amount: int | None = None,
    *,
    elsewhere: bool = False,
) -> Answer:
    return Answer(
        verdict,
        code=code[:100],
        message=masked_text(str(fields.get("msg") or "")[:200]),
        channel_ref=optional_text(data, "trade_no"),
        amount=amount,
        settle_date=settle_date(data),
        raw=shown(fields),
        elsewhere=elsewhere and verdict is Verdict.FAILED,
    )


def _check_number(data: Mapping[str, Any], order: Order) -> None:
    if data.get("out_trade_no") != order.order_no:
        raise MalformedMessage("out_trade_no: not the order that was asked about")
