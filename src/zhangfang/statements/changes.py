"""What a version says otherwise than the one before it."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from zhangfang.statements.model import Entry, Payment, Statement

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", Payment, Entry)
What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """A payment or a movement that differs: `before` is None if it is new, `after` if it is gone."""

    before: Payment | Entry | None
    after: Payment | Entry | None

    @property
    def what(self) -> What:
        """Return what happened to it."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences of two versions: payments, movements, and the balances of both."""

    payments: Sequence[Change]
    entries: Sequence[Change]
    opening: tuple[int, int]
    closing: tuple[int, int]


def compared(before: Statement, after: Statement) -> Changes:
    """Return what `after` says otherwise than `before`. A payment is known by its id, a movement by its place and side."""
    return Changes(
        list(_differing({one.id: one for one in before.payments}, {one.id: one for one in after.payments})),
        list(_differing(_by_place(before), _by_place(after))),
        (before.opening, after.opening),
        (before.closing, after.closing),
    )


def _by_place(said: Statement) -> dict[tuple[int, int, bool], Entry]:
    return {(one.seq, one.code, one.debit > 0): one for one in said.entries}


def _differing(before: Mapping[K, T], after: Mapping[K, T]) -> Iterator[Change]:
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield Change(before.get(key), after.get(key))
