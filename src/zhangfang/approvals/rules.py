"""Two people are two, and both say who they are and why: one check of each for every context."""

import unicodedata

from zhangfang.kernel.errors import InvalidInput, ZhangfangError

_NAME_MAX, _REASON_MIN, _REASON_MAX = 40, 3, 200


class SecondPerson(ZhangfangError):
    """What one person proposes another one has to approve."""


def check_second(proposed_by: str, by: str, what: str) -> None:
    """Raise `SecondPerson` if who approves `what` (`this cure`) proposed it, however the name is written."""
    if same_person(proposed_by, by):
        raise SecondPerson(f"{proposed_by} proposed {what}; another person has to approve it")


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: case, width and spaces do not count."""
    return _folded(one) == _folded(other)


def person(by: str) -> str:
    """Return a person's name without spaces around it; otherwise `InvalidInput`."""
    return _text("by", by.strip(), 1, _NAME_MAX, "a person's name of ")


def reason(text: str, least: int = _REASON_MIN) -> str:
    """Return a reason without spaces around it; otherwise `InvalidInput`."""
    return _text("reason", text.strip(), least, _REASON_MAX)


def _text(field: str, text: str, least: int, most: int, what: str = "") -> str:
    if not least <= len(text) <= most or (text and not text.isprintable()):
        raise InvalidInput(field, f"{len(text)} characters", f"{what}{least} to {most} printable characters")
    return text


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
