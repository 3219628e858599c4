"""What we write to the bank: the bodies of its functions (CDC documents), as pure functions of an order.

Names and widths are those of the bank's published documents; nothing was tried against the bank. Conventions of
ours, unverified: `yurRef` is our number in base 36, `busNar` carries the merchant's number, and the expected day and
time are those of the order, so that a re-send is the same message.
"""

import json
import string
from datetime import date, datetime, timedelta

from zhangfang.channels.cmb.config import CmbConfig
from zhangfang.channels.cmb.envelope import Json, canonical
from zhangfang.channels.port import MalformedMessage, Operation, Order, PartyAccount
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import check_amount, fen_to_yuan

BUS_COD = "N02030"  # the bank's business type: payment
RENMINBI = "10"
_DIGITS = string.digits + string.ascii_uppercase
_YUR_REF = 25  # digits of base 36 that hold 128 bits
_HISTORY = timedelta(days=390)  # the statement reaches back 13 months
# Widths of the bank's fields, counted as bytes of UTF-8 (its documents count three to a Chinese character).
_WIDTHS = {
    "dbtAcc": 35,
    "crtAcc": 35,
    "crtNam": 300,
    "crtBnk": 90,
    "brdNbr": 30,
    "nusAge": 300,
    "busNar": 300,
}


def yur_ref(order_no: str) -> str:
    """Return the bank's reference for an order number of 32 hex characters: 25 of [0-9A-Z] (the bank allows 30)."""
    if len(order_no) != 32 or not set(order_no) <= set("0123456789abcdef"):
        raise InvalidInput("order_no", f"{len(order_no)} characters", "32 of [0-9a-f]")
    number = int(order_no, 16)
    digits = []
    for _ in range(_YUR_REF):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def order_no_of(reference: str) -> str:
    """Return the order number behind a `yurRef`, or raise `MalformedMessage`: not every reference there is ours."""
    if len(reference) == _YUR_REF and set(reference) <= set(_DIGITS):
        number = int(reference, 36)
        if number < 1 << 128:
            return f"{number:032x}"
    raise MalformedMessage(f"yurRef: {len(reference)} characters; expected one of ours: 25 of [0-9A-Z]")


def payment(order: Order, config: CmbConfig) -> Json:
    """Return the body of BB1PAYOP; the same order gives the same body, whenever it is sent again.

    Raises `InvalidInput` for an order that does not fit the bank's fields.
    """
    mode = {"busMod": config.bus_mod, "busCod": BUS_COD}
    return {"bb1paybmx1": [mode], "bb1payopx1": [fields_of(order, config)]}


def fields_of(order: Order, config: CmbConfig) -> dict[str, str]:
    """Return the fields of one payment, alone or in a batch. Raises `InvalidInput`."""
    payee = _payee(order)
    asked_at = in_china(order.requested_at)
    fields = {
        "dbtAcc": config.account,
        "crtAcc": payee.number,
        "crtNam": payee.name,
        **_route(payee.bank),
        "ccyNbr": RENMINBI,
        "trsAmt": fen_to_yuan(check_amount(order.amount)),
        "eptDat": f"{asked_at:%Y%m%d}",
        "eptTim": f"{asked_at:%H%M%S}",
        "nusAge": order.description or order.key,  # the bank demands a purpose
        "yurRef": yur_ref(order.order_no),
        "busNar": order.key,
        "trsTyp": "100001",  # ordinary transfer
        "rcvChk": "1",  # an account within the bank must bear the payee's name
    }
    for name, width in _WIDTHS.items():
        size = len(fields.get(name, "").encode())
        if size > width:
            raise InvalidInput(name, f"{size} bytes of UTF-8", f"at most {width}")
    return fields


def _payee(order: Order) -> PartyAccount:
    """Return the payee of a payout; anything else is not for this bank."""
    if order.operation is not Operation.PAYOUT:
        raise InvalidInput("operation", str(order.operation), str(Operation.PAYOUT))
    if order.account is None or not order.account.number or not order.account.name:
        raise InvalidInput("account", "missing, or without number or name", "the payee's account and name")
    return order.account


def _route(bank: str) -> dict[str, str]:
    """Return the fields that say where the payee's account is.

    For an account at another bank the fast channel (Q) needs the bank's name; if we do not know it, the smart channel
    (I) finds it from the card.
    """
    fields = {"bnkFlg": "Y" if is_own_bank(bank) else "N", "stlChn": "Q" if bank else "I"}
    if bank:
        fields["brdNbr" if bank.isdecimal() else "crtBnk"] = bank
    return fields


def is_own_bank(bank: str) -> bool:
    """Return whether an account lies at this bank: codes 308… and names 招商银行… are its own."""
    return bank.startswith(("308", "招商银行"))


def payment_query(order: Order) -> Json:
    """Return the body of BB1PAYQR."""
    return {"bb1payqrx1": [{"busCod": BUS_COD, "yurRef": yur_ref(order.order_no)}]}


def late_return_query(account: str, from_date: date, to_date: date, ctn_key: str) -> Json:
    """Return the body of BB1PAYQB; `ctn_key` is empty for the first page."""
    condition = {
        "accNbr": account,
        "bgnDat": f"{from_date:%Y%m%d}",
        "endDat": f"{to_date:%Y%m%d}",
        "ctnKey": ctn_key,
    }
    return {"bb1payqby1": [condition]}


def account_list(config: CmbConfig) -> Json:
    """Return the body of DCLISACC, which has no block and spells its fields in lower case."""
    return {"buscod": BUS_COD, "busmod": config.bus_mod}


def statement_query(account: str, cursor: str, now: datetime, *, intraday: bool) -> Json:
    """Return the body of trsQryByBreakPoint for the lines after `cursor`, which `next_cursor` made (`""`: all).

    Today's lines are provisional: the bank may sum some of them up at the day's end. `intraday` asks for them.
    """
    today = in_china(now).date()
    last = today if intraday else today - timedelta(days=1)
    held = _held(cursor)
    condition = {
        "cardNbr": account,
        "beginDate": f"{today - _HISTORY:%Y%m%d}",
        "endDate": f"{last:%Y%m%d}",
        "transactionSequence": "1",  # counts only without a cursor
        "queryAcctNbr": held["queryAcctNbr"],
    }
    return {"TRANSQUERYBYBREAKPOINT_X1": [condition], "TRANSQUERYBYBREAKPOINT_Y1": held["Y1"]}


def next_cursor(records: list[Json], query_account: str) -> str:
    """Return as text what the bank wants to get back: its cursor records, unchanged, and the account to continue with."""
    return canonical({"Y1": records, "queryAcctNbr": query_account})


def _held(cursor: str) -> Json:
    if not cursor:
        return {"Y1": [], "queryAcctNbr": ""}
    try:
        held = json.loads(cursor)
        return {"Y1": held["Y1"], "queryAcctNbr": held["queryAcctNbr"]}
    except (ValueError, TypeError, KeyError):
        raise InvalidInput(
            "cursor", f"text of {len(cursor)} characters", "the cursor of an earlier page"
        ) from None
