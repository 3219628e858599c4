"""Verified messages as the platform's answers.

Two layers: SysRtnInf says how the network handled the message, BizInf how the business went. Neither replaces the
other: a good SysRtnCd without BizInf is UNKNOWN. Source: members' public code [V]; BatchId as the settlement
day, and what BizInf repeats of the transaction [G].
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from zhangfang.channels.abilities import Signed
from zhangfang.channels.epcc import codes
from zhangfang.channels.epcc.requests import CATEGORIES, OPERATIONS
from zhangfang.channels.port import Answer, MalformedMessage, Notification, Order, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.kernel.text.masking import masked_text

Fields = Mapping[str, str]

_SYSTEM, _BUSINESS = "MsgBody/SysRtnInf/", "MsgBody/BizInf/"
_AMOUNT = re.compile(r"CNY([0-9]{1,13}\.[0-9]{2})")
_BATCH = re.compile(r"B([0-9]{8})[0-9]{4}")
_SGN_NO = re.compile(r"[0-9A-Za-z]{1,64}")
# The fields of a message that are stored: none of them can be personal.
_KEPT = (
    "MsgHeader/MsgTp", "MsgHeader/SndDt",
    *(_SYSTEM + name for name in ("SysRtnCd", "SysRtnDesc", "SysRtnTm")),
    *(_BUSINESS + name for name in (
        "TrxId", "TrxCtgy", "TrxAmt", "TrxStatus", "BizStsCd", "BizStsDesc", "TrxFinishTm", "BatchId",
    )),
)  # fmt: skip


def of_request(fields: Fields, order: Order) -> Answer:
    """Return what 202 or 206 proves about the order that was sent."""
    code = _required(fields, _SYSTEM + "SysRtnCd")
    handled = codes.meaning(order.operation, code)
    if code != codes.OK:
        return _answer(fields, handled.sent, code, elsewhere=handled.elsewhere)
    return _business(fields, order, sent=True)


def of_query(fields: Fields, order: Order) -> Answer:
    """Return what 302 proves. A bad SysRtnCd is about the query, not the order, unless it says "not found"."""
    code = _required(fields, _SYSTEM + "SysRtnCd")
    if code == codes.OK:
        return _business(fields, order, sent=False)
    found = codes.meaning(order.operation, code).final
    return _answer(fields, found if found is Verdict.NOT_FOUND else Verdict.UNKNOWN, code)


def of_notice(fields: Fields, issr_id: str) -> Notification:
    """Return what the notice 213 says, or raise `MalformedMessage`."""
    if fields.get(_BUSINESS + "InstgId") != issr_id:
        raise MalformedMessage("BizInf/InstgId: another institution's notice")
    category = _required(fields, _BUSINESS + "TrxCtgy")
    if category not in OPERATIONS:
        raise MalformedMessage(
            f"BizInf/TrxCtgy: got {len(category)} characters; allowed: {', '.join(OPERATIONS)}"
        )
    operation = OPERATIONS[category]
    answer = _judged(fields, operation, sent=False)
    return Notification(answer.channel_ref, operation, answer)


def of_signing(fields: Fields, trx_id: str) -> Signed:
    """Return what 102 or 104 proves, with the agreement's number if there is one."""
    code = _required(fields, _SYSTEM + "SysRtnCd")
    if code != codes.OK:
        return Signed(_answer(fields, codes.meaning(codes.SIGNING, code).sent, code))
    if _BUSINESS + "TrxStatus" not in fields:
        return Signed(_answer(fields, Verdict.UNKNOWN, code))
    if fields.get(_BUSINESS + "TrxId") != trx_id:
        raise MalformedMessage("BizInf/TrxId: not that of the request")
    status, biz = fields[_BUSINESS + "TrxStatus"], fields.get(_BUSINESS + "BizStsCd", "")
    number = fields.get("MsgBody/SgnInf/SgnNo", "")
    answer = _answer(fields, codes.business(codes.SIGNING, status, biz).final, biz or status)
    return Signed(answer, number if _SGN_NO.fullmatch(number) else "")


def settle_date(batch_id: str) -> date | None:
    """Return the settlement day of a clearing session, `B` + yyyyMMdd + 4 digits; None without one."""
    if not batch_id:
        return None
    try:
        if match := _BATCH.fullmatch(batch_id):
            return datetime.strptime(match[1], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        pass
    raise MalformedMessage("BatchId: allowed: B, a date yyyyMMdd, four digits")


def fen(text: str) -> int:
    """Return fen for `CNY1.00`; another currency, a third decimal or anything else is `MalformedMessage`."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise MalformedMessage(f"TrxAmt: got {len(text)} characters; allowed: CNY and yuan with two decimals")
    try:
        return yuan_to_fen(match[1], "TrxAmt")
    except InvalidInput as error:
        raise MalformedMessage(str(error)) from None


def _business(fields: Fields, order: Order, *, sent: bool) -> Answer:
    if _BUSINESS + "TrxStatus" not in fields:
        return _answer(fields, Verdict.UNKNOWN, codes.OK)
    category = CATEGORIES[order.operation]
    ours = {"TrxId": order.order_no, "TrxCtgy": category}
    for name, value in ours.items():
        if fields.get(_BUSINESS + name) != value:
            raise MalformedMessage(f"BizInf/{name}: not that of the order")
    return _judged(fields, order.operation, sent=sent)


def _judged(fields: Fields, operation: str, *, sent: bool) -> Answer:
    status = _required(fields, _BUSINESS + "TrxStatus")
    code = fields.get(_BUSINESS + "BizStsCd", "")
    found = codes.business(operation, status, code)
    answer = _answer(fields, found.sent if sent else found.final, code or status, elsewhere=found.elsewhere)
    return replace(
        answer,
        channel_ref=_required(fields, _BUSINESS + "TrxId"),
        amount=fen(_required(fields, _BUSINESS + "TrxAmt")),
        settle_date=settle_date(fields.get(_BUSINESS + "BatchId", "")),
    )


def _answer(fields: Fields, verdict: Verdict, code: str, *, elsewhere: bool = False) -> Answer:
    message = fields.get(_BUSINESS + "BizStsDesc") or fields.get(_SYSTEM + "SysRtnDesc", "")
    raw = "&".join(f"{path.rpartition('/')[2]}={fields[path]}" for path in _KEPT if path in fields)
    return Answer(
        verdict, code, masked_text(message), raw=raw, elsewhere=elsewhere and verdict is Verdict.FAILED
    )


def _required(fields: Fields, path: str) -> str:
    if not fields.get(path):
        raise MalformedMessage(f"{path.removeprefix('MsgBody/')}: missing")
    return fields[path]
