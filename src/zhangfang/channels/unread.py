"""Rows of a channel's file that cannot be understood: they stay as they came, and people look at them.

What is matched or booked (numbers, amounts, signs, types) is read strictly, all other text as it comes. A row that fails
becomes a line without an amount, with the reason; reconciliation opens a break for it, and the date goes on. A file proves
itself wrong as a whole by its signature, its digest and its sums, and here: if none of its rows can be read, or more than
20 of them cannot, then it is of another day, another merchant or another layout.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from zhangfang.channels.port import FileLine, MalformedMessage

MOST = 20


class Row(Protocol):
    """A row of a file: its number, and its text as it may be stored."""

    @property
    def line_no(self) -> int:
        """Return its number, from 1."""
        ...

    @property
    def raw(self) -> str:
        """Return its text, personal data masked."""
        ...


R = TypeVar("R", bound=Row)


def lines(rows: Iterable[R], read: Callable[[R], FileLine]) -> tuple[FileLine, ...]:
    """Return the line of each row; one of which `read` raises `MalformedMessage` says so in `unread`.

    Raises `MalformedMessage` for a file that is wrong as a whole, with what is wrong in the first such row.
    """
    made = tuple(_line(row, read) for row in rows)
    unread = [line for line in made if line.unread]
    if unread and (len(unread) == len(made) or len(unread) > MOST):
        raise MalformedMessage(
            f"{len(unread)} of {len(made)} rows cannot be read; the first: {unread[0].unread}"
        )
    return made


def _line(row: R, read: Callable[[R], FileLine]) -> FileLine:
    try:
        return read(row)
    except MalformedMessage as error:
        return FileLine(
            row.line_no, "", "", None, 0, credit=False, fee=0, note=row.raw, raw=row.raw, unread=str(error)
        )
