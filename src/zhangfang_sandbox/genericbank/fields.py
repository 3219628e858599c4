"""Reading a request: each error names the field and what is allowed, never the value."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from zhangfang_sandbox.genericbank import codes

AMOUNT = re.compile(r"([0-9]{1,10})\.([0-9]{2})")
SERIAL = re.compile(r"[0-9]{8}[0-9A-Za-z]{1,40}")


class BusinessError(Exception):
    """The request was read but is refused; nothing is done."""

    def __init__(self, code: str, detail: str = "") -> None:
        """`code` is of `codes`."""
        super().__init__(f"{codes.MESSAGES[code]}{': ' if detail else ''}{detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Payment:
    """A request PAY001. `amount` is fen; `content` is a digest of all of it."""

    serial: str
    payer: str
    payee: str
    payee_name: str
    payee_type: str
    amount: int
    bank: str
    purpose: str
    note: str
    content: str


def message(raw: bytes) -> dict[str, Any]:
    """Read the JSON object of a body. Raises ValueError for anything else, also for NaN and Infinity."""

    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        found = json.loads(raw.decode(), parse_constant=no_constant)
        json.dumps(found, ensure_ascii=False).encode()  # the parser accepts half a surrogate pair
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what came is malformed, whatever it is
    return found


def payment(body: Mapping[str, Any]) -> Payment:
    """Read PAY001."""
    kind = body.get("payeeType")
    if not isinstance(kind, dict):
        raise BusinessError(codes.FORMAT, "payeeType must be an object of holder, class and medium")
    if text(body, "currency", 3) != "CNY":
        raise BusinessError(codes.FORMAT, "currency must be CNY")
    return Payment(
        serial=serial(body),
        payer=text(body, "payer", 35),
        payee=text(body, "payee", 35),
        payee_name=text(body, "payeeName", 100),
        payee_type="/".join(text(kind, name, 20) for name in ("holder", "class", "medium")),
        amount=fen(text(body, "amount", 13)),
        bank=text(body, "payeeBank", 60, required=False),
        purpose=text(body, "purpose", 100),
        note=text(body, "note", 100, required=False),
        content=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
    )


def serial(body: Mapping[str, Any]) -> str:
    """Return a client's serial number: its date, then up to 40 letters and digits."""
    found = text(body, "serial", 48)
    if not SERIAL.fullmatch(found):
        raise BusinessError(codes.FORMAT, "serial must be yyyyMMdd and 1 to 40 letters or digits")
    return found


def text(body: Mapping[str, Any], name: str, most: int, *, required: bool = True) -> str:
    """Return a text field of at most `most` characters."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most or (required and not value):
        raise BusinessError(codes.FORMAT, f"{name} must be text of {int(required)} to {most} characters")
    return value


def fen(amount: str) -> int:
    """Return yuan with exactly two decimals as fen."""
    found = AMOUNT.fullmatch(amount)
    value = int(found[1]) * 100 + int(found[2]) if found else 0
    if value <= 0:
        raise BusinessError(codes.FORMAT, "amount must be yuan with two decimals, more than 0.00")
    return value
