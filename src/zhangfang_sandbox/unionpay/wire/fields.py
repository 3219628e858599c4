"""The rules for messages, as tables: the path of each transaction, its fields, and their forms.

Facts from the ACP 5.1.0 field lists. Unverified: bizType 000501 of collections; what a batch result query (22) holds;
which fields a payout must have beside those of its business table; that a field's charset excludes
`& = { } [ ]` (the bank advises against them in reqReserved, and an answer's bare body could not carry them); how far
txnTime may be from the bank's clock.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.unionpay.wire.codes import FORMAT, MISSING, PERMISSION, Refusal
from zhangfang_sandbox.unionpay.wire.forms import Fields

FRONT, BACK, QUERY, BATCH, FILE = (
    "/gateway/api/frontTransReq.do",
    "/gateway/api/backTransReq.do",
    "/gateway/api/queryTrans.do",
    "/gateway/api/batchTrans.do",
    "/",
)
PURCHASE, COLLECTION, REFUND, VOID, PAYOUT = "01", "11", "04", "31", "12"
DEBITS = (PURCHASE, COLLECTION)
RETURNS = (REFUND, VOID)
SUBMIT, RESULT = "21", "22"

_COMMON = ("version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType", "merId")
_MONEY = ("orderId", "txnTime", "channelType", "txnAmt", "currencyCode", "backUrl")
_SUBMITTED = ("batchNo", "txnTime", "totalQty", "totalAmt", "fileContent")
_BATCH_BUSINESS = {"01": (), "02": ("000501",), "03": ("000401",)}


@dataclass(frozen=True, slots=True)
class Kind:
    """A transaction: the bizTypes it may have (none: that of its original), and its required fields."""

    biz_types: tuple[str, ...]
    required: tuple[str, ...]


KINDS = {
    (FRONT, PURCHASE, "01"): Kind(("000201",), (*_MONEY, "frontUrl")),
    (FRONT, PURCHASE, "03"): Kind(("000201",), (*_MONEY, "frontUrl", "instalTransInfo")),
    (BACK, PURCHASE, "03"): Kind(("000201",), (*_MONEY, "accNo", "instalTransInfo")),
    (BACK, COLLECTION, "03"): Kind(("000501",), (*_MONEY, "accNo")),
    (BACK, PAYOUT, "00"): Kind(("000401",), (*_MONEY, "accNo", "customerInfo")),
    (BACK, REFUND, "00"): Kind((), _MONEY),
    (BACK, VOID, "00"): Kind((), _MONEY),
    (QUERY, "00", "00"): Kind(("000000",), ()),
    (FILE, "76", "01"): Kind(("000000",), ("txnTime", "fileType", "settleDate")),
} | {
    (BATCH, txn_type, sub_type): Kind(biz_types, required)
    for txn_type, required in ((SUBMIT, _SUBMITTED), (RESULT, _SUBMITTED[:2]))
    for sub_type, biz_types in _BATCH_BUSINESS.items()
}

_URL = (r"https?://[!-~]{1,248}", "an http or https URL of at most 256 characters")
_TIME = (r"\d{14}", "YYYYMMDDhhmmss")
_TYPE = (r"\d{2}", "2 digits")
SHAPES = {
    name: (re.compile(pattern, re.ASCII), allowed)
    for name, (pattern, allowed) in {
        "version": (r"5\.1\.0", "5.1.0"),
        "encoding": (r"UTF-8|GBK", "UTF-8 or GBK"),
        "certId": (r"\d{1,128}", "1 to 128 digits"),
        "signMethod": (r"01|11", "01 or 11"),
        "txnType": _TYPE,
        "txnSubType": _TYPE,
        "bizType": (r"\d{6}", "6 digits"),
        "channelType": (r"07|08", "07 or 08"),
        "accessType": (r"[012]", "0, 1 or 2"),
        "merId": (r"[0-9A-Za-z]{15}", "15 letters or digits"),
        "orderId": (r"[0-9A-Za-z]{8,40}", "8 to 40 letters or digits"),
        "txnTime": _TIME,
        "txnAmt": (r"[1-9]\d{0,11}", "1 to 12 digits of fen, not 0"),
        "currencyCode": (r"156", "156"),
        "backUrl": _URL,
        "frontUrl": _URL,
        "frontFailUrl": _URL,
        "reqReserved": (r"[^&={}\[\]\x00-\x1f]{1,1024}", "1 to 1024 characters, none that splits a message"),
        "accType": (r"01|02|04", "01, 02 or 04"),
        "reserved": (r"\{[^{}\[\]]{1,2046}\}", "pairs in braces, at most 2048 characters"),
        "billNo": (r"[^&={}\[\]\x00-\x1f]{1,64}", "1 to 64 characters, none that splits a message"),
        "instalTransInfo": (
            r"\{numberOfInstallments=(?!00|01)\d{2}\}",
            "{numberOfInstallments=NN}, NN from 02 to 99",
        ),
        "batchNo": (r"(?!0000)\d{4}", "0001 to 9999"),
        "totalQty": (r"[1-9]\d{0,5}", "1 to 6 digits, not 0"),
        "totalAmt": (r"[1-9]\d{0,14}", "1 to 15 digits of fen, not 0"),
        "encryptCertId": (r"\d{1,128}", "1 to 128 digits"),
        "origQryId": (r"\d{21}", "21 digits"),
        "queryId": (r"\d{21}", "21 digits"),
        "origOrderId": (r"[0-9A-Za-z]{8,40}", "8 to 40 letters or digits"),
        "origTxnTime": _TIME,
        "payTimeout": _TIME,
        "fileType": (r"00", "00"),
        "settleDate": (r"\d{4}", "MMDD"),
    }.items()
}

_ECHOED = (*_COMMON, "orderId", "txnTime", "reqReserved", "batchNo", "totalQty", "totalAmt")
_CLOCK_TOLERANCE = timedelta(days=1)


def echo(fields: Fields) -> dict[str, str]:
    """The fields of a request that its answer repeats, where they have a shape that is safe to repeat."""
    return {
        name: fields[name] for name in _ECHOED if name in fields and SHAPES[name][0].fullmatch(fields[name])
    }


def check(path: str, fields: Fields) -> None:
    """Refuse what is not a complete, well-formed request of a kind that this path takes."""
    _complete(fields, _COMMON)
    for name in fields.keys() & SHAPES.keys():
        shape, allowed = SHAPES[name]
        if not shape.fullmatch(fields[name]):
            raise Refusal(FORMAT, f"{name}, {allowed}")
    kind = KINDS.get((path, fields["txnType"], fields["txnSubType"]))
    if kind is None:
        raise Refusal(PERMISSION, "txnType, txnSubType")
    _complete(fields, kind.required)
    if kind.biz_types and fields["bizType"] not in kind.biz_types:
        raise Refusal(FORMAT, f"bizType, {' or '.join(kind.biz_types)}")
    for name in ("txnTime", "origTxnTime", "payTimeout"):
        if name in fields:
            china_time(fields[name], name)


def china_time(text: str, name: str) -> datetime:
    """A time of the protocol, YYYYMMDDhhmmss in China, as an aware time."""
    try:
        parts = (text[:4], text[4:6], text[6:8], text[8:10], text[10:12], text[12:])
        year, month, day, hour, minute, second = map(int, parts)
        return datetime(year, month, day, hour, minute, second, tzinfo=CHINA)
    except ValueError:
        raise Refusal(FORMAT, f"{name}, a day and time that exist") from None


def check_current(fields: Fields, now: datetime) -> None:
    """A new order's txnTime must be the current time."""
    if abs(china_time(fields["txnTime"], "txnTime") - now) > _CLOCK_TOLERANCE:
        raise Refusal(FORMAT, "txnTime, the current time in China")


def _complete(fields: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in fields:
            raise Refusal(MISSING, name)
