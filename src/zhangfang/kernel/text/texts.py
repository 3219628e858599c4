"""What a text from outside may hold: one rule for names, descriptions and reasons, whichever door they come through.

Taken are letters, digits and signs of every script, rare surnames (the planes 2 and 3 of Unicode belong to ideographs,
also those that are newer than this Python), the private-use characters into which the user-defined areas of GBK are
mapped (GB 18030-2022), spaces, and the ideographic space U+3000. Refused are controls, line ends, surrogates, what is
unassigned, and what nobody sees: zero-width and direction characters and letters without a form.

A card number in a text is refused and not masked: a masked text would be another one than the caller has, so a repeat of
its request would not be the same request, and the caller would never learn to leave card numbers out.
"""

import re
import unicodedata

from zhangfang.kernel.errors import InvalidInput

BLANKS = " \u3000"
ALLOWED = "letters, digits, signs, and spaces inside (U+0020, U+3000); no control, invisible or unassigned character"
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0]")
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp", "Zs"})
_DIGITS = re.compile(r"(?:\d[ -]?){13,}")
# ISO/IEC 7812-1: 3 to 6 and 2221 to 2720 are of cards, 9 is for national use (9558…). An order number that begins with
# a date or a time is none of them.
_CARD = re.compile(r"(?:[3-69]|2[2-7])\d{12,18}")


def check_text(field: str, text: str, most: int, least: int = 1) -> None:
    """Check a text of `least` to `most` characters that people write. Raises `InvalidInput`."""
    check_characters(field, text, most, least)
    if has_card_number(text):
        raise InvalidInput(field, "a card number", "a text without the number of a card")


def check_characters(field: str, text: str, most: int, least: int = 1) -> None:
    """Check a text that may hold long numbers, such as a bank's reference. Raises `InvalidInput`.

    The error says which character is wrong, by its number and its position from 1, and never repeats the text.
    """
    shape = "" if least <= len(text) <= most else f"{len(text)} characters"
    if not shape and (at := refused_at(text)) is not None:
        shape = named(text, at)
    if shape:
        raise InvalidInput(field, shape, f"{least} to {most} characters: {ALLOWED}")


def refused_at(text: str) -> int | None:
    """Return the place of the first character that no text may hold there, from 0; None if there is none."""
    if not text:
        return None
    if not (text.isprintable() and not _UNSEEN.search(text)):  # the usual text is known at once
        wrong = next((at for at, character in enumerate(text) if not is_taken(character)), None)
        if wrong is not None:
            return wrong
    if unicodedata.category(text[0])[0] == "M" or text[0] in BLANKS:  # a mark belongs to the one before it
        return 0
    return len(text) - 1 if text[-1] in BLANKS else None


def is_taken(character: str) -> bool:
    """Whether a character may stand inside a text."""
    if character in BLANKS:
        return True
    plane, place = divmod(ord(character), 0x10000)
    if plane in (2, 3):
        return place < 0xFFFE  # the last two of every plane are no characters
    return unicodedata.category(character) not in _REFUSED and not _UNSEEN.match(character)


def named(text: str, at: int) -> str:
    """Return in words which character stands at a place, such as `U+200B at position 3`."""
    return f"U+{ord(text[at]):04X} at position {at + 1}"


def storable(text: str) -> str:
    """Return a text of others as it can be stored: half a surrogate pair and NUL as escapes, such as `\\x00`."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def has_card_number(text: str) -> bool:
    """Whether digits in the text, alone or in groups, are a card's number: its form and its check digit (Luhn)."""
    runs = _DIGITS.findall(text)
    return bool(runs) and any(
        is_card_number(digits)
        for run in runs
        for digits in {re.sub(r"\D", "", run), *re.findall(r"\d+", run)}
    )


def is_card_number(digits: str) -> bool:
    """Whether digits are a card's number, by their first ones, their count and the check digit."""
    plain = "".join(str(int(digit)) for digit in digits)  # those of other scripts too
    return _CARD.fullmatch(plain) is not None and _checks(plain)


def _checks(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (Luhn)."""
    ours = [int(digit) for digit in reversed(digits)]
    return (sum(ours[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in ours[1::2])) % 10 == 0
