"""Checks of what stands in an address or in the environment: which names may be there, and what a number looks like."""

import re
from collections.abc import Iterable

from zhangfang.kernel.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z_]{1,40}")  # of a parameter: what else stands there may be data


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
