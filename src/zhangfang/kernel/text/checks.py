"""Checks of what a merchant sends with any request: its own number, the key, the account of a payer or payee.

Each raises `InvalidInput` naming the field, the length of a text or its first wrong character, but never the text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.texts import check_text, named

_NO_NUMBER = re.compile(r"[^A-Za-z0-9._:/#@-]")
_NO_DIGIT, _NO_LETTER, _NO_CLASS = (
    re.compile(r"[^0-9]"),
    re.compile(r"[^0-9A-Za-z]"),
    re.compile(r"[^A-Za-z0-9_-]"),
)
_MOST_NUMBER = 64


def check_number(number: str, field: str) -> None:
    """Check a merchant's own number of an order, a mandate or a batch."""
    _check_code(field, number, _NO_NUMBER, 1, _MOST_NUMBER, "letters, digits and - _ . : / # @")


def is_number(text: str) -> bool:
    """Whether a text of others, such as a channel's, could be a merchant's own number."""
    return 1 <= len(text) <= _MOST_NUMBER and not _NO_NUMBER.search(text)


def check_key(key: str) -> None:
    """Check the `Idempotency-Key` of a request."""
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidInput("Idempotency-Key", f"{len(key)} characters", "1 to 255 printable ASCII characters")


def _check_code(field: str, value: str, wrong: re.Pattern[str], least: int, most: int, letters: str) -> None:
    """Check a code: `wrong` is what it may not hold, `letters` in words what it may."""
    if not least <= len(value) <= most:
        raise InvalidInput(field, f"{len(value)} characters", f"{least} to {most} of {letters}")
    if found := wrong.search(value):
        raise InvalidInput(field, named(value, found.start()), f"{least} to {most} of {letters}")


def _check_choice(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(field, f"{len(value)} characters", ", ".join(filter(None, allowed)))


def _code(name: str, wrong: re.Pattern[str], least: int, most: int, letters: str) -> Callable[[str], None]:
    return partial(_check_code, f"account.{name}", wrong=wrong, least=least, most=most, letters=letters)


_MEDIA = ("card", "credit", "passbook", "virtual", "corporate")
_ACCOUNT: Mapping[str, Callable[[str], None]] = {
    "number": _code("number", _NO_DIGIT, 8, 32, "digits"),
    "name": partial(check_text, "account.name", most=100),
    "medium": partial(_check_choice, "account.medium", allowed=_MEDIA),
    "holder": partial(_check_choice, "account.holder", allowed=("personal", "corporate", "")),
    "class_": _code(
        "class_", _NO_CLASS, 0, 20, "letters, digits, _ and -: I, II, III, basic, …, a product code"
    ),
    "bank": partial(check_text, "account.bank", most=60, least=0),
    "id_no": _code("id_no", _NO_LETTER, 0, 18, "letters and digits"),
    "phone": _code("phone", _NO_DIGIT, 0, 11, "digits"),
}


def check_account(account: object, names: Iterable[str] = tuple(_ACCOUNT)) -> None:
    """Check the named fields of a `PartyAccount` or of a merchant's account, or all of them."""
    for name in names:
        _ACCOUNT[name](getattr(account, name))
