"""Checks of what a merchant sends with any request: its own number, the key, the account of a payer or payee.

Each raises `InvalidInput` naming the field, the length of a text or its first wrong character, but never the text.
"""

import re
from collections.abc import Iterable, Mapping

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.texts import check_text, named

# Of each code: what it may not hold, its least and most characters, and what it may hold.
_Code = tuple[re.Pattern[str], int, int, str]
_NUMBER: _Code = (re.compile(r"[^A-Za-z0-9._:/#@-]"), 1, 64, "letters, digits and - _ . : / # @")
_NO_DIGIT = re.compile(r"[^0-9]")
_CHOICES = {
    "medium": ("card", "credit", "passbook", "virtual", "corporate"),
    "holder": ("personal", "corporate", ""),
}
_TEXTS = {"name": (100, 1), "bank": (60, 0)}  # the most and the least characters
_CODES: Mapping[str, _Code] = {
    "number": (_NO_DIGIT, 8, 32, "digits"),
    "id_no": (re.compile(r"[^0-9A-Za-z]"), 0, 18, "letters and digits"),
    "phone": (_NO_DIGIT, 0, 11, "digits"),
    "class_": (
        re.compile(r"[^A-Za-z0-9_-]"),
        0,
        20,
        "letters, digits, _ and -: I, II, III, basic, …, a product code",
    ),
}
_ACCOUNT = ("number", "name", "medium", "holder", "class_", "bank", "id_no", "phone")


def check_number(number: str, field: str) -> None:
    """Check a merchant's own number of an order, a mandate or a batch."""
    _check_code(field, number, *_NUMBER)


def is_number(text: str) -> bool:
    """Whether a text of others, such as a channel's, could be a merchant's own number."""
    wrong, least, most, _ = _NUMBER
    return least <= len(text) <= most and not wrong.search(text)


def check_key(key: str) -> None:
    """Check the `Idempotency-Key` of a request."""
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidInput("Idempotency-Key", f"{len(key)} characters", "1 to 255 printable ASCII characters")


def check_account(account: object, names: Iterable[str] = _ACCOUNT) -> None:
    """Check the named fields of a `PartyAccount` or of a merchant's account, or all of them."""
    for name in names:
        value, field = getattr(account, name), f"account.{name}"
        if name in _TEXTS:
            check_text(field, value, *_TEXTS[name])
        elif name in _CHOICES:
            _check_choice(field, value, _CHOICES[name])
        else:
            _check_code(field, value, *_CODES[name])


def _check_choice(field: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise InvalidInput(field, f"{len(value)} characters", ", ".join(filter(None, allowed)))


def _check_code(field: str, value: str, wrong: re.Pattern[str], least: int, most: int, letters: str) -> None:
    allowed = f"{least} to {most} of {letters}"
    if not least <= len(value) <= most:
        raise InvalidInput(field, f"{len(value)} characters", allowed)
    if found := wrong.search(value):
        raise InvalidInput(field, named(value, found.start()), allowed)
