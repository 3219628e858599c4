"""How account numbers and names are shown and kept wherever the whole of them is not needed."""

import re

from zhangfang.kernel.text.texts import is_card_number

# The shortest account number has eight digits, and so has a date, which stays.
_DATE = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_LONG_DIGITS = re.compile(rf"(?!(?<!\d){_DATE}(?!\d))\d{{8,}}")


def masked_account(number: str) -> str:
    """Return the first 6 and last 4 characters; nothing of a number of 12 or fewer, which could be guessed."""
    return f"{number[:6]}****{number[-4:]}" if len(number) > 12 else "****"


def masked_cards(text: str) -> str:
    """Return text with every card number masked, and all other numbers as they are."""
    return re.sub(
        r"\d{13,19}", lambda run: masked_account(run[0]) if is_card_number(run[0]) else run[0], text
    )


def masked_name(name: str) -> str:
    """Return the first character of a name; nothing of a name of one character."""
    return f"{name[0]}**" if len(name) > 1 else "**"


def masked_text(text: str) -> str:
    """Return free text with every run of eight or more digits masked as an account, but for dates (yyyyMMdd)."""
    return _LONG_DIGITS.sub(lambda found: masked_account(found[0]), text)
