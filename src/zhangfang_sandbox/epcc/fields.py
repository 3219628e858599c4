"""The required fields of each message type, and the forms of amounts and times on this wire.

Facts: the header, the message types, OriTrxCtgy/OriTrxId/OriTrxDtTm, `CNY1.00`. Conventions [G]: which of the groups
are required.
"""

import re
from decimal import Decimal

from zhangfang_sandbox.epcc.body import Told
from zhangfang_sandbox.epcc.codes import FORMAT, Refusal

ANSWERS = {
    "epcc.101.001.01": "epcc.102.001.01",
    "epcc.103.001.01": "epcc.104.001.01",
    "epcc.201.001.01": "epcc.202.001.01",
    "epcc.205.001.01": "epcc.206.001.01",
    "epcc.301.001.01": "epcc.302.001.01",
    "epcc.401.001.01": "epcc.402.001.01",
    "epcc.999.001.01": "epcc.999.001.01",
}
COLLECTION, REFUND = "0110", "0121"
SEND_CODE, SIGN = "0201", "0202"

_TRX = r"20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{23}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_AMOUNT = r"CNY(0|[1-9][0-9]{0,9})\.[0-9]{2}"
_BASE64 = r"[A-Za-z0-9+/]+={0,2}"
_HEADER = {
    "SndDt": _TIME,
    "MsgTp": "epcc.*",
    "IssrId": "[ZC][0-9]{13}",
    "Drctn": "11",
    "SignSN": "[0-9]{1,60}",
}
_MONEY = {"TrxId": _TRX, "TrxDtTm": _TIME, "TrxAmt": _AMOUNT}
_ORDER = {"OrdrId": ".{1,64}"}
SHAPES: dict[str, dict[str, dict[str, str]]] = {
    "epcc.101.001.01": {
        "SgnInf": {"SgnAcctTp": "00", "SgnAcctId": _BASE64, "SgnAcctNm": _BASE64, "IDTp": "01",
                   "IDNo": _BASE64, "MobNo": _BASE64},
        "TrxInf": {"TrxId": _TRX, "TrxDtTm": _TIME, "TrxCtgy": f"{SEND_CODE}|{SIGN}"},
    },
    "epcc.103.001.01": {
        "SgnInf": {"SgnNo": "[0-9A-Za-z]{1,64}"}, "TrxInf": {"TrxId": _TRX, "TrxDtTm": _TIME}
    },
    "epcc.201.001.01": {
        "PyerInf": {"PyerAcctTp": "00", "SgnNo": "[0-9A-Za-z]{1,64}"},
        "PyeeInf": {"PyeeAcctId": ".{1,40}", "PyeeNm": ".{1,128}", "PyeeAcctTp": "0[34]"},
        "TrxInf": _MONEY | {"TrxCtgy": COLLECTION, "BizTp": "10000[12]"},
        "OrdrInf": _ORDER,
    },
    "epcc.205.001.01": {
        "TrxInf": _MONEY | {"TrxCtgy": REFUND},
        "OriTrxInf": {"OriTrxId": _TRX, "OriTrxDtTm": _TIME, "OriTrxCtgy": COLLECTION},
        "OrdrInf": _ORDER,
    },
    "epcc.301.001.01": {
        "OriTrxInf": {"OriTrxCtgy": f"{COLLECTION}|{REFUND}", "OriTrxId": _TRX, "OriTrxDtTm": _TIME}
    },
    "epcc.401.001.01": {"CtrlNbInf": {"InstgId": "[ZC][0-9]{13}"}},
    "epcc.999.001.01": {"FileInf": {"FileNm": r"EPCC_[0-9]{8}\.csv"}},
}  # fmt: skip


def check(told: Told) -> None:
    """Refuse a request that lacks an element, or has one in another form."""
    _match("MsgHeader", _HEADER, told)
    kind = told["MsgHeader"]["MsgTp"]
    if kind not in SHAPES:
        raise Refusal(FORMAT, "MsgTp")
    for group, shapes in SHAPES[kind].items():
        _match(group, shapes, told)


def fen(text: str) -> int:
    """The fen of `CNY1.00`, whose form has been checked."""
    amount = int(Decimal(text.removeprefix("CNY")) * 100)
    if amount == 0:
        raise Refusal(FORMAT, "TrxAmt")
    return amount


def money(amount: int) -> str:
    """Fen as this wire writes them."""
    return f"CNY{amount // 100}.{amount % 100:02d}"


def _match(group: str, shapes: dict[str, str], told: Told) -> None:
    for name, shape in shapes.items():
        if not re.fullmatch(shape, told.get(group, {}).get(name, "")):
            raise Refusal(FORMAT, f"{group}/{name}")
