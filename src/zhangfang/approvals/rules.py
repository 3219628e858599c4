"""Checks of people's decisions, for all contexts: a name, a reason, and that two people are not the same."""

import unicodedata

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.texts import check_text

_NAME_MAX, _REASON_MIN, _REASON_MAX = 40, 3, 200


class SecondPerson(ZhangfangError):
    """Two different people are needed: one proposes, another one approves."""


def check_second(proposed_by: str, by: str, what: str) -> None:
    """Raise `SecondPerson` if `by` is the person who proposed; `what` names the proposal, such as `this cure`."""
    if same_person(proposed_by, by):
        raise SecondPerson(f"{proposed_by} proposed {what}; another person has to approve it")


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's. Differences of case, width and spaces are ignored."""
    return _folded(one) == _folded(other)


def person(by: str) -> str:
    """Return a person's name without spaces around it. Raises `InvalidInput`."""
    try:
        return text("by", by, 1, _NAME_MAX)
    except InvalidInput as error:
        raise InvalidInput("by", error.shape, f"a person's name of {error.allowed}") from None


def reason(why: str, least: int = _REASON_MIN) -> str:
    """Return a reason without spaces around it. Raises `InvalidInput`."""
    return text("reason", why, least, _REASON_MAX)


def text(field: str, value: str, least: int, most: int) -> str:
    """Return a text of `least` to `most` characters without spaces around it. Raises `InvalidInput`."""
    value = value.strip()
    check_text(field, value, most, least)
    return value


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
