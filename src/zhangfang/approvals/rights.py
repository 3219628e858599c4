"""What each role may do, and what each page, command, call and approval needs: two tables, read from files. No side effects.

`roles.csv` has a line for each right and a column for each role. `rights.csv` has a line for each `page` (a console route:
method and path), `command` (of the command line), `call` (of the API) and `approve` (the kind of a proposal). What no line
names is refused.
"""

import csv
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final, Literal

from zhangfang.approvals.people import NotAnOperator
from zhangfang.kernel.errors import InvalidInput, ZhangfangError

Where = Literal["page", "command", "call", "approve"]


class NoRight(NotAnOperator):
    """A person who may act, and not do this. `right` is what it needs."""

    def __init__(self, right: str) -> None:
        """Say which right is missing, and who has it."""
        super().__init__(f"it needs the right `{right}`; roles that have it: {', '.join(having(right))}")
        self.right = right


class NotListed(ZhangfangError):
    """A page, command, call or approval that no line of `approvals/rights.csv` names."""


def _lines(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files(__package__).joinpath(name).read_text("utf-8").splitlines()))


def _roles() -> dict[str, frozenset[str]]:
    lines = _lines("roles.csv")
    names = [name for name in lines[0] if name != "right"]
    return {name: frozenset(line["right"] for line in lines if line[name]) for name in names}


ROLES: Final[Mapping[str, frozenset[str]]] = _roles()
RIGHTS: Final = tuple(line["right"] for line in _lines("roles.csv"))
WORKING: Final = tuple(name for name in ROLES if name != "auditor")
"""Every role that does something: what the first operator has, and what all had before there were roles."""
NEEDED: Final[Mapping[tuple[str, str], str]] = {
    (line["where"], line["what"]): line["right"] for line in _lines("rights.csv")
}


def needed(where: Where, what: str) -> str:
    """Return the right that something needs. Raises `NotListed`."""
    if (right := NEEDED.get((where, what))) is None:
        raise NotListed(
            f"no right is named for it: add the line `{where},{what},RIGHT` to approvals/rights.csv"
        )
    return right


def check_listed(where: Where, several: Iterable[str]) -> None:
    """Raise `NotListed` for the first one without a line: a program with such a route does not start."""
    for what in several:
        needed(where, what)


def held(roles: Iterable[str]) -> frozenset[str]:
    """Return the rights of somebody with these roles."""
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in roles))


def having(right: str) -> list[str]:
    """Return the roles that have a right."""
    return [role for role, rights in ROLES.items() if right in rights]


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return roles in the table's order, each once. Raises `InvalidInput`."""
    given = set(roles)
    if wrong := given - ROLES.keys():
        raise InvalidInput("role", f"{len(wrong)} that the table does not have", ", ".join(ROLES))
    return tuple(role for role in ROLES if role in given)
