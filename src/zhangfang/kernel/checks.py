"""Checks of what comes with any request: a merchant's number, the key, an account, the parameters of an address.

Each raises `InvalidInput` naming the field, and tells the length of a text but never the text.
"""

import re
from collections.abc import Iterable

from zhangfang.kernel.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z_]{1,40}")  # of a parameter: what else stands there may be data
_NUMBER = re.compile(r"[A-Za-z0-9._:/#@-]{1,64}")
_ACCOUNT = {
    "number": (re.compile(r"[0-9]{8,32}"), "8 to 32 digits"),
    "name": (re.compile(r".{1,60}"), "1 to 60 printable characters"),
    "medium": (
        re.compile(r"card|credit|passbook|virtual|corporate"),
        "card, credit, passbook, virtual or corporate",
    ),
    "holder": (re.compile(r"(personal|corporate)?"), "personal or corporate"),
    "class_": (
        re.compile(r"[A-Za-z0-9_-]{0,20}"),
        "I, II, III, basic, general, special, temporary or a product code",
    ),
    "bank": (re.compile(r".{0,60}"), "at most 60 printable characters"),
    "id_no": (re.compile(r"[0-9A-Za-z]{0,18}"), "at most 18 letters and digits"),
    "phone": (re.compile(r"[0-9]{0,11}"), "at most 11 digits"),
}


def check_number(number: str, field: str) -> None:
    """Check a merchant's own number of an order, a mandate or a batch."""
    if not _NUMBER.fullmatch(number):
        raise InvalidInput(field, f"{len(number)} characters", "1 to 64 of letters, digits and - _ . : / # @")


def check_key(key: str) -> None:
    """Check the `Idempotency-Key` of a request."""
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidInput("Idempotency-Key", f"{len(key)} characters", "1 to 255 printable ASCII characters")


def check_account(account: object, names: Iterable[str] = tuple(_ACCOUNT)) -> None:
    """Check the named fields of a `PartyAccount`, or all of them."""
    for name in names:
        pattern, allowed = _ACCOUNT[name]
        value = getattr(account, name)
        if not pattern.fullmatch(value) or not value.isprintable():
            raise InvalidInput(f"account.{name}", f"{len(value)} characters", allowed)


def whole(field: str, text: str, least: int, most: int) -> int:
    """Return the number that a text is: digits without a sign or a zero before them, `least` to `most`."""
    fits = text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0")
    if not (fits and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise InvalidInput(field, f"{len(text)} characters", f"{least} to {most}")
    return int(text)


def only(given: Iterable[tuple[str, str]], allowed: Iterable[str]) -> dict[str, str]:
    """Return the parameters of an address by name. One that is not allowed, or is given twice, is refused."""
    names, texts = sorted(allowed), dict[str, str]()
    for name, text in given:
        field = name if _NAME.fullmatch(name) else "query"
        if name not in names:
            raise InvalidInput(field, "a parameter that is not known", ", ".join(names) or "none")
        if name in texts:
            raise InvalidInput(field, "the parameter twice", "once")
        texts[name] = text
    return texts
