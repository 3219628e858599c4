"""Who acts: a person is an id with a kind. An id of an operator comes from a sign-in, never from a form or an option."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.text.texts import check_text

_NAME_MAX, _REASON_MIN, _REASON_MAX = 40, 3, 200
_RESERVED = ("platform", "owner", "key_", "mer_")


class PersonKind(StrEnum):
    """What a person is to the platform."""

    OPERATOR = "operator"  # signs in with a password; `id` is the folded name
    KEY = "key"  # a merchant's API key, which is one person whoever holds it; `id` is the key's
    PLATFORM = "platform"  # nobody: a job, or a time that was reached
    OWNER = "owner"  # whoever has the database owner's address: makes operators, and is none


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts. The id is what is stored; ids of different kinds never look alike."""

    kind: PersonKind
    id: str

    def __str__(self) -> str:
        """Return the id, as it is stored and shown."""
        return self.id


PLATFORM = Person(PersonKind.PLATFORM, "platform")
OWNER = Person(PersonKind.OWNER, "owner")
ADMIN = Person(PersonKind.KEY, "key_admin")
"""Whoever holds the administrator's key: the API cannot know more."""


class SecondPerson(ZhangfangError):
    """Two different people are needed: one proposes, another one approves."""


class NotAnOperator(ZhangfangError):
    """Nobody, or a person who may not act (any more)."""


def operator(name: str) -> Person:
    """Return the operator of a name that has signed in."""
    return Person(PersonKind.OPERATOR, folded(name))


def operator_name(name: str) -> str:
    """Return a new operator's name as it is kept. Raises `InvalidInput`, for the ids of other kinds too."""
    name = folded(text("name", name, 1, _NAME_MAX))
    if name.startswith(_RESERVED):
        raise InvalidInput("name", "the platform's, a key's or a merchant's", "a person's name")
    return name


def folded(name: str) -> str:
    """Return a name without differences of case, width and spaces: two spellings are one person."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def same_person(stored: str, by: Person) -> bool:
    """Whether a name that is stored is this person's; names from before operators signed in were free text."""
    return folded(stored) == folded(by.id)


def reason(why: str, least: int = _REASON_MIN) -> str:
    """Return a reason without spaces around it. Raises `InvalidInput`."""
    return text("reason", why, least, _REASON_MAX)


def text(field: str, value: str, least: int, most: int) -> str:
    """Return a text of `least` to `most` characters without spaces around it. Raises `InvalidInput`."""
    value = value.strip()
    check_text(field, value, most, least)
    return value
