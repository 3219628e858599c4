"""Orders as ACP fields, before they are signed.

Source: UnionPay ACP 5.1.0. *Unverified*: bizType 000501 of the collection product, naming the original by origOrderId
and origTxnTime in a refund (published for the void), and that a payout's memo (billNo) may have 32 characters. The
merchant's contract says who pays the charge of instalments; the protocol has no field for it, so `fee_by` is not sent.
"""

import base64
import re
from datetime import date, datetime, timedelta
from functools import lru_cache

from zhangfang.channels.port import Operation, Order, PartyAccount
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.channels.unionpay.config import UnionPayConfig
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import check_amount
from zhangfang.kernel.text.texts import ALLOWED, is_taken, named

PAY_TIMEOUT = timedelta(minutes=15)

# operation: txnType, txnSubType, bizType. A refund or void takes over the bizType of its original.
KINDS = {
    Operation.PURCHASE: ("01", "01", "000201"),
    Operation.COLLECTION: ("11", "03", "000501"),
    Operation.PAYOUT: ("12", "00", "000401"),
    Operation.REFUND: ("04", "00", ""),
    Operation.VOID: ("31", "00", ""),
}
QUERY_KIND = ("00", "00", "000000")
FILE_KIND = ("76", "01", "000000")
OPERATIONS = {txn_type: operation for operation, (txn_type, _, _) in KINDS.items()}
_INSTALMENTS = "03"  # the txnSubType of a purchase in instalments
_COMPANY = "04"
_ACCOUNT_TYPES = {"card": "01", "credit": "01", "passbook": "02", "corporate": _COMPANY}
# Characters in a name that would break a message are replaced by their full-width forms.
_WIDE = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in "&={}[]|"})
_MEMO = 32
_ORDER_NO = re.compile(r"[0-9A-Za-z]{8,32}")  # ACP takes 40, but the file has room for 32
_PLAIN = re.compile(r"[^&={}\[\]]+")  # what a value may contain without breaking the message


def purchase(order: Order, config: UnionPayConfig, return_url: str) -> dict[str, str]:
    """Return the cashier's fields: the payer has 15 minutes and comes back to `return_url`."""
    return (
        _money(order, config)
        | _instalments(order)
        | {"frontUrl": return_url, "payTimeout": time14(order.requested_at + PAY_TIMEOUT)}
    )


def card_purchase(order: Order, config: UnionPayConfig, cipher: Cipher) -> dict[str, str]:
    """Return the fields of a purchase in instalments by a card that is known, which needs no cashier."""
    return _money(order, config) | _instalments(order) | party(order, cipher)


def collection(order: Order, config: UnionPayConfig, cipher: Cipher) -> dict[str, str]:
    """Return the fields that debit `order.account`, whose number and phone travel encrypted."""
    return _money(order, config) | party(order, cipher)


def payout(order: Order, config: UnionPayConfig, cipher: Cipher) -> dict[str, str]:
    """Return the fields that pay `order.account`; a company is named in `reserved`, with its business licence."""
    return _money(order, config) | party(order, cipher) | {"billNo": memo(order)}


def party(order: Order, cipher: Cipher) -> dict[str, str]:
    """Return the fields that name the account of the other side."""
    account = order.account
    if account is None:
        raise InvalidInput("account", "none", "the account to debit or to pay")
    kind = _COMPANY if account.type.holder == "corporate" else _ACCOUNT_TYPES.get(account.medium)
    if kind is None:
        raise InvalidInput("account.medium", f"{len(account.medium)} characters", ", ".join(_ACCOUNT_TYPES))
    fields = {
        "accNo": cipher.encrypt(_plain("account.number", account.number, 40)),
        "accType": kind,
        "encryptCertId": cipher.cert_id,
        "customerInfo": customer_info(account, cipher),
    }
    if kind == _COMPANY and order.operation == Operation.PAYOUT:
        fields["reserved"] = company_info(account)
    return fields


def company_info(account: PartyAccount) -> str:
    """Return `{k=v&…}` with a company's name and business licence, both of which a payout to it must have."""
    name, licence = _name(account), _plain("account.id_no", account.id_no)
    return f"{{comDebitCardAccName={name}&businessLicenseRegNo={licence}}}"


def memo(order: Order) -> str:
    """Return the text for the payee's statement: the order's description, or else its key."""
    text = "".join(c if is_taken(c) else " " for c in order.description or order.key)
    return text.translate(_WIDE)[:_MEMO].strip()


def reversal(order: Order, config: UnionPayConfig) -> dict[str, str]:
    """Return the fields of a refund or void, which name the original by queryId or by orderId and time."""
    if order.original_operation not in (Operation.PURCHASE, Operation.COLLECTION):
        raise InvalidInput("original_operation", "no operation that brings money in", "purchase, collection")
    fields = _money(order, config) | {"bizType": KINDS[order.original_operation][2]}
    if order.original_ref:
        return fields | {"origQryId": order.original_ref}
    if not order.original_order_no or order.original_requested_at is None:
        raise InvalidInput(
            "original_ref", "nothing that names the original", "its queryId, or orderId and time"
        )
    return fields | {
        "origOrderId": order.original_order_no,
        "origTxnTime": time14(order.original_requested_at),
    }


def query(order: Order, config: UnionPayConfig) -> dict[str, str]:
    """Return the fields that ask for the state of any order."""
    return _common(config, QUERY_KIND) | _identity(order)


def file(settle_date: date, config: UnionPayConfig, now: datetime) -> dict[str, str]:
    """Return the fields that ask for one settlement day's file. The request carries no year."""
    return _common(config, FILE_KIND) | {
        "txnTime": time14(now),
        "settleDate": f"{settle_date:%m%d}",
        "fileType": "00",
    }


def customer_info(account: PartyAccount, cipher: Cipher) -> str:
    """Return base64 of `{k=v&…}`: identity document and name, the phone encrypted inside as encryptedInfo.

    A company's `id_no` is its business licence, not a person's document: it goes into `reserved`.
    """
    parts = {}
    if account.id_no and account.type.holder != "corporate":
        parts = {"certifTp": "01", "certifId": _plain("account.id_no", account.id_no)}
    if account.name:
        parts["customerNm"] = _name(account)
    if account.phone:
        parts["encryptedInfo"] = cipher.encrypt(f"phoneNo={_plain('account.phone', account.phone, 40)}")
    inner = "&".join(f"{name}={value}" for name, value in parts.items())
    return base64.b64encode(f"{{{inner}}}".encode()).decode() if inner else ""


@lru_cache(maxsize=1024)  # times are whole seconds, so many orders share one
def time14(moment: datetime) -> str:
    """Return a moment as ACP writes it: YYYYMMDDhhmmss in China time."""
    return f"{in_china(moment):%Y%m%d%H%M%S}"


def _common(config: UnionPayConfig, kind: tuple[str, str, str]) -> dict[str, str]:
    txn_type, txn_sub_type, biz_type = kind
    return {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "txnType": txn_type,
        "txnSubType": txn_sub_type,
        "bizType": biz_type,
        "accessType": "0",
        "merId": config.mer_id,
    }


def _identity(order: Order) -> dict[str, str]:
    """The bank's key of an order is merId, orderId and txnTime; the merchant's own number is only echoed."""
    if not _ORDER_NO.fullmatch(order.order_no):
        raise InvalidInput("order_no", f"{len(order.order_no)} characters", "8 to 32 of [0-9A-Za-z]")
    return {
        "orderId": order.order_no,
        "txnTime": time14(order.requested_at),
        "reqReserved": _plain("key", order.key),
    }


def _money(order: Order, config: UnionPayConfig) -> dict[str, str]:
    fields = _common(config, KINDS[order.operation]) | _identity(order)
    return fields | {
        "channelType": "07",
        "txnAmt": str(check_amount(order.amount)),
        "currencyCode": "156",
        "backUrl": config.back_url,
    }


def _instalments(order: Order) -> dict[str, str]:
    if not order.instalments:
        return {}
    if not 2 <= order.instalments <= 99:
        raise InvalidInput("instalments", f"{order.instalments}", "2 to 99, or 0 for none")
    return {
        "txnSubType": _INSTALMENTS,
        "instalTransInfo": f"{{numberOfInstallments={order.instalments:02d}}}",
    }


def _name(account: PartyAccount) -> str:
    return _plain("account.name", account.name.translate(_WIDE))


def _plain(field: str, text: str, max_bytes: int = 1024) -> str:
    wrong = next((at for at, character in enumerate(text) if not is_taken(character)), None)
    if wrong is not None:
        raise InvalidInput(field, named(text, wrong), ALLOWED)
    if not (_PLAIN.fullmatch(text) and len(text.encode()) <= max_bytes):
        raise InvalidInput(field, f"{len(text)} characters", f"1 to {max_bytes} bytes without & = {{ }} [ ]")
    return text
