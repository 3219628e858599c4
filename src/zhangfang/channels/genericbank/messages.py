"""What we write to the bank and what it writes to us. Everything here is invented [G]; it is what such banks ask for.

A request is JSON {txCode, clientId, time, body}: PAY001 pays, QRY001 asks by our serial, STM001 reads an account's lines
after a number. Our serial is the order's date in China and its number: unique per day, which is the usual rule of such
systems [K], and for ever. The payee's account type travels as holder, class and medium. Money is yuan with exactly two
decimals. An answer is JSON {requestDigest, time, code, message, body}: the digest (SHA-256 of our bytes) binds it to
the request, so that a genuine answer to another request proves nothing.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from zhangfang.channels.genericbank.config import GenericBankConfig
from zhangfang.channels.port import ForgedMessage, MalformedMessage, Operation, Order
from zhangfang.kernel.clock import CHINA, in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import MAX_FEN, check_amount, fen_to_yuan, yuan_to_fen
from zhangfang.kernel.text.texts import storable

Json = dict[str, Any]
_WIDTHS = {"payee": 35, "payeeName": 100, "payeeBank": 60, "purpose": 100, "note": 100}
_AMOUNT = re.compile(r"-?[0-9]{1,13}\.[0-9]{2}")


def serial(order: Order) -> str:
    """Return the client's serial number of an order."""
    return f"{in_china(order.requested_at):%Y%m%d}{order.order_no}"


def order_no_of(text: str) -> str:
    """Return our order number for a serial, `""` for none."""
    return text[8:]


def payment(order: Order, config: GenericBankConfig) -> Json:
    """Return the body of PAY001; the same order gives the same body. Raises `InvalidInput`."""
    payee = order.account
    if order.operation is not Operation.PAYOUT:
        raise InvalidInput("operation", str(order.operation), str(Operation.PAYOUT))
    if payee is None or not payee.number or not payee.name:
        raise InvalidInput("account", "missing, or without number or name", "the payee's account and name")
    if not re.fullmatch(r"[0-9A-Za-z]{1,32}", order.order_no):
        raise InvalidInput("order_no", f"{len(order.order_no)} characters", "1 to 32 letters and digits")
    kind = payee.type
    body = {
        "serial": serial(order),
        "payer": config.account,
        "payee": payee.number,
        "payeeName": payee.name,
        "payeeType": {"holder": kind.holder, "class": kind.class_, "medium": kind.medium},
        "payeeBank": payee.bank,
        "amount": fen_to_yuan(check_amount(order.amount)),
        "currency": "CNY",
        "purpose": order.description or order.key,
        "note": order.key,
    }
    for name, width in _WIDTHS.items():
        if len(str(body[name])) > width:
            raise InvalidInput(name, f"{len(str(body[name]))} characters", f"at most {width}")
    return body


def request(tx_code: str, client_id: str, body: Mapping[str, object], now: datetime) -> bytes:
    """Return the bytes of a request: they are what is signed."""
    message = {
        "txCode": tx_code,
        "clientId": client_id,
        "time": f"{in_china(now):%Y%m%d%H%M%S}",
        "body": body,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def answer(raw: bytes, asked: bytes) -> Json:
    """Read a verified answer to `asked`. Raises `MalformedMessage`; `ForgedMessage` for one to another question."""
    try:
        found = json.loads(raw.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"answer: {len(raw)} bytes; expected JSON in UTF-8") from error
    if not isinstance(found, dict) or not isinstance(found.get("body"), dict):
        raise MalformedMessage("answer: expected an object with a body")
    digest = hashlib.sha256(asked).hexdigest()
    if not hmac.compare_digest(text(found, "requestDigest").encode(), digest.encode()):
        raise ForgedMessage("requestDigest: the answer to another request")
    return found


def text(record: Json, field: str) -> str:
    """Return a text field, `""` if it is absent. What could not be stored is an escape, which no code or number has."""
    found = record.get(field, "")
    if not isinstance(found, str):
        raise MalformedMessage(f"{field}: {type(found).__name__}; expected text")
    return storable(found)


def note(record: Json, field: str) -> str:
    """Return a field that only people read, whatever it is; `""` if it is absent."""
    found = record.get(field, "")
    return storable(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))


def fen(record: Json, field: str) -> int:
    """Return yuan with exactly two decimals as fen; it may be negative, as a balance can."""
    found = text(record, field)
    if not _AMOUNT.fullmatch(found):
        raise MalformedMessage(f"{field}: {len(found)} characters; expected yuan with two decimals")
    return yuan_to_fen(found, field)


def amount(record: Json, field: str) -> int:
    """Return an amount that was moved: more than nothing, and no more than we can book."""
    found = fen(record, field)
    if not 0 < found <= MAX_FEN:
        raise MalformedMessage(f"{field}: out of range; expected more than 0.00")
    return found


def moment(record: Json, field: str) -> datetime:
    """Return China time yyyyMMddHHmmss as UTC."""
    found = text(record, field)
    try:
        at = datetime.strptime(found, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
        if f"{at:%Y%m%d%H%M%S}" == found:  # strptime also takes single digits
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedMessage(f"{field}: {len(found)} characters; expected yyyyMMddHHmmss")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
