"""Orders and mandates as EPCC-style messages, before they are signed.

Source: public code of members. [V2] the header; [V] message types, transaction categories and the groups of 201. [K] the
groups of 101, 103, 205 and 301 beyond OriTrxCtgy, OriTrxId and OriTrxDtTm; that only a signing carries secret fields; the
terminal and business types. [G] 999 over HTTP; that one TrxId names both steps of a signing and its end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from zhangfang.channels.abilities import Signing
from zhangfang.channels.epcc.certificates import Leaf
from zhangfang.channels.epcc.cipher import Envelope
from zhangfang.channels.epcc.config import EpccConfig
from zhangfang.channels.epcc.document import Groups
from zhangfang.channels.epcc.numbers import check_trx_id
from zhangfang.channels.port import Operation, Order
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import check_amount, fen_to_yuan

SIGN, CANCEL, COLLECT, REFUND = "epcc.101.001.01", "epcc.103.001.01", "epcc.201.001.01", "epcc.205.001.01"
QUERY, DIGITS, FILE = "epcc.301.001.01", "epcc.401.001.01", "epcc.999.001.01"
NOTICE, ACKNOWLEDGED, DIGITS_NOTICE = "epcc.213.001.01", "epcc.303.001.01", "epcc.403.001.01"  # 403 [G]
ANSWERS = {
    SIGN: "epcc.102.001.01", CANCEL: "epcc.104.001.01", COLLECT: "epcc.202.001.01", REFUND: "epcc.206.001.01",
    QUERY: "epcc.302.001.01", DIGITS: "epcc.402.001.01", FILE: FILE,
}  # fmt: skip
SEND_CODE, SIGN_WITH_CODE = "0201", "0202"
CATEGORIES = {Operation.COLLECTION: "0110", Operation.REFUND: "0121"}
OPERATIONS = {category: operation for operation, category in CATEGORIES.items()}
_PERSONAL_DEBIT, _PAYEE = "00", "04"
_COLLECTION_BUSINESS = "100001"
_MAX_KEY, _MAX_DESCRIPTION = 64, 128
_AGREEMENT = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Request:
    """A message: its type, its time, its groups, the TrxId it is about, and the account types it names."""

    msg_tp: str
    at: datetime
    body: Groups
    trx_id: str = ""
    payer_type: str = ""
    payee_type: str = ""
    envelope: str = ""


def collection(order: Order, config: EpccConfig) -> Request:
    """Return 201, which debits the account of `order.agreement`. Nothing in it is secret or random, so a re-send has
    the same bytes."""
    if not order.agreement:
        raise InvalidInput("agreement", "none", "the SgnNo of the payer's mandate")
    body = {
        "PyerInf": {
            "PyerAcctTp": _PERSONAL_DEBIT,
            "SgnNo": _agreement(order.agreement),
            "PyerTrxTrmTp": "07",
        },
        "PyeeInf": {
            "PyeeAcctIssrId": config.issr_id,
            "PyeeAcctId": config.payee_account,
            "PyeeNm": config.payee_name,
            "PyeeAcctTp": _PAYEE,
        },
        "TrxInf": _transaction(order, CATEGORIES[Operation.COLLECTION]) | {"BizTp": _COLLECTION_BUSINESS},
        "OrdrInf": _order_info(order),
    }
    return Request(COLLECT, order.requested_at, body, order.order_no, _PERSONAL_DEBIT, _PAYEE)


def refund(order: Order) -> Request:
    """Return 205, which refunds a collection, whole or in part."""
    if order.original_operation is not Operation.COLLECTION or order.original_requested_at is None:
        raise InvalidInput(
            "original_operation", "no collection with its time", "a collection of this channel"
        )
    original = {
        "OriTrxId": check_trx_id(order.original_order_no),
        "OriTrxDtTm": time19(order.original_requested_at),
        "OriTrxCtgy": CATEGORIES[Operation.COLLECTION],
        "OriTrxAmt": money(order.original_amount) if order.original_amount else "",
    }
    body = {
        "TrxInf": _transaction(order, CATEGORIES[Operation.REFUND]),
        "OriTrxInf": original,
        "OrdrInf": _order_info(order),
    }
    return Request(REFUND, order.requested_at, body, order.order_no, _PERSONAL_DEBIT, _PAYEE)


def query(order: Order, now: datetime) -> Request:
    """Return 301, which asks what became of an order."""
    original = {
        "OriTrxCtgy": _category(order.operation),
        "OriTrxId": check_trx_id(order.order_no),
        "OriTrxDtTm": time19(order.requested_at),
    }
    return Request(QUERY, now, {"OriTrxInf": original}, order.order_no)


def signing(signing_: Signing, category: str, code: str, receiver: Leaf) -> Request:
    """Return 101. Category 0201 sends the payer a code, 0202 signs with it. The payer's data are encrypted."""
    account = signing_.account
    for name in ("number", "name", "id_no", "phone"):
        if not getattr(account, name):
            raise InvalidInput(f"account.{name}", "none", "text: the payer's bank compares it")
    envelope = Envelope(receiver.key)
    body = {
        "SgnInf": {
            "SgnAcctTp": _PERSONAL_DEBIT,
            "SgnAcctId": envelope.encrypt(account.number),
            "SgnAcctNm": envelope.encrypt(account.name),
            "IDTp": "01",
            "IDNo": envelope.encrypt(account.id_no),
            "MobNo": envelope.encrypt(account.phone),
            "AuthCd": envelope.encrypt(code),
        },
        "TrxInf": _signing_transaction(signing_) | {"TrxCtgy": category},
    }
    at, trx_id = signing_.requested_at, signing_.order_no
    return Request(SIGN, at, body, trx_id, payer_type=_PERSONAL_DEBIT, envelope=envelope.text)


def cancel(signing_: Signing, agreement: str) -> Request:
    """Return 103, which ends a mandate."""
    body = {"SgnInf": {"SgnNo": _agreement(agreement)}, "TrxInf": _signing_transaction(signing_)}
    return Request(CANCEL, signing_.requested_at, body, signing_.order_no)


def digits(now: datetime, config: EpccConfig) -> Request:
    """Return 401, which asks a site for its control digits."""
    return Request(DIGITS, now, {"CtrlNbInf": {"InstgId": config.issr_id}})


def file(settle_date: date, now: datetime) -> Request:
    """Return 999, which fetches the file of a day by name."""
    return Request(FILE, now, {"FileInf": {"FileNm": file_name(settle_date)}})


def file_name(settle_date: date) -> str:
    """Return a day's file name [G]."""
    return f"EPCC_{settle_date:%Y%m%d}.csv"


def money(fen: int) -> str:
    """Return an amount as the network writes it: 100 fen are `CNY1.00`."""
    return f"CNY{fen_to_yuan(fen)}"


def time19(moment: datetime) -> str:
    """Return a moment as the network writes it: `yyyy-MM-ddTHH:mm:ss` in China time."""
    return f"{in_china(moment):%Y-%m-%dT%H:%M:%S}"


def _transaction(order: Order, category: str) -> dict[str, str]:
    return {
        "TrxId": check_trx_id(order.order_no),
        "TrxDtTm": time19(order.requested_at),
        "TrxAmt": money(check_amount(order.amount)),
        "TrxCtgy": category,
    }


def _signing_transaction(signing_: Signing) -> dict[str, str]:
    return {"TrxId": check_trx_id(signing_.order_no), "TrxDtTm": time19(signing_.requested_at)}


def _order_info(order: Order) -> Mapping[str, str]:
    """OrdrId carries the merchant's own number, which the network echoes [K]. OrdrDesc's micro-format is not used."""
    if not 1 <= len(order.key) <= _MAX_KEY:
        raise InvalidInput("key", f"{len(order.key)} characters", f"1 to {_MAX_KEY}")
    return {"OrdrId": order.key, "OrdrDesc": order.description[:_MAX_DESCRIPTION]}


def _category(operation: Operation) -> str:
    if operation not in CATEGORIES:
        raise InvalidInput("operation", operation, "collection, refund")
    return CATEGORIES[operation]


def _agreement(text: str) -> str:
    if not _AGREEMENT.fullmatch(text):
        raise InvalidInput("agreement", f"{len(text)} characters", "1 to 64 letters and digits")
    return text
