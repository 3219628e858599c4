"""Pure decisions: the classes of breaks, how a line of a bank's statement is booked, and what people may choose.

Where the lines of a channel's file belong is the table of `placing.py`.

Lines are compared one by one and in fen. A line that does not match opens a break of a named class; a later line that
explains an open break cures it. A file's line always moves 3012 by exactly its amount: a payment of ours clears 3011 or
3013 in full, and a difference goes to 2351 (`B1`) or 1242 (`B5-`, the mirror of B5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID


class BreakClass(StrEnum):
    """What kind of disagreement a break is."""

    MISSING_HERE = "missing_here"  # 长款: the channel lists it, we do not have it
    MISSING_THERE = "missing_there"  # 短款: we have it, the channel does not list it
    AMOUNT_DIFFERS = "amount_differs"  # 金额不符
    DUPLICATE = "duplicate"  # 重复
    UNKNOWN_RECEIPT = "unknown_receipt"  # 不明来款
    UNKNOWN_DEBIT = "unknown_debit"  # 不明付款
    CONTRADICTION = "contradiction"  # the channel contradicts its own definite answer
    UNREAD = "unread"  # a row of the channel's file that cannot be understood


MIRROR = "mirror"
"""The cure that books a break's own voucher with its sides exchanged."""
SEEN = "seen"
"""The cure of a row that nobody could read: two people have looked at it. It books nothing."""

UNKNOWN = {True: BreakClass.UNKNOWN_RECEIPT, False: BreakClass.UNKNOWN_DEBIT}  # key: is the line a credit?

Line = Mapping[str, Any]  # a row of file_line or bank_line


@dataclass(frozen=True, slots=True)
class NewBreak:
    """A break to open. Amounts in fen, None if that side has none; `template` books the difference, empty for nothing."""

    kind: BreakClass
    key: str
    intent: UUID | None
    ours: int | None
    theirs: int | None
    template: str
    note: str = ""

    @property
    def difference(self) -> int:
        """Return theirs minus ours, in fen."""
        return (self.theirs or 0) - (self.ours or 0)


def payouts_line(template: str, *, back: bool) -> str:
    """Return the template of the bank line of a payout that was booked by `template`: it left, or it came `back`."""
    if back:
        return "O8"
    return "D5" if template == "D4" else "O5"


def signed(line: Line) -> int:
    """Return a line's amount in fen: positive if we receive it, negative if we pay it."""
    amount: int = line["amount"]
    return amount if line["credit"] else -amount


def _suspense(difference: int) -> str:
    """Return the template that books a difference to suspense: B1 for a long item, B5- for a short one."""
    return "B1" if difference > 0 else "B5-"


def unknown_bank_line(line: Line, intent: UUID | None = None, note: str = "") -> NewBreak:
    """Return the break of a bank line that no payment of ours explains."""
    template = "X1" if line["credit"] else "X2"
    kind = UNKNOWN[line["credit"]]
    return NewBreak(kind, line["sequence"], intent, None, signed(line), template, note or line["text"])


def version_differs(number: int, net: int, arrived: int) -> NewBreak:
    """Return the break of money that arrived for a file of which a version with another net amount came into force."""
    note, template = f"version {number} after the money had arrived", _suspense(arrived - net)
    return NewBreak(BreakClass.AMOUNT_DIFFERS, f"version/{number}", None, net, arrived, template, note)


def settlement_differs(line: Line, settled: date, net: int) -> NewBreak:
    """Return the break of a bank line that settles a date with another amount than the net amount of its file."""
    theirs = signed(line)
    note = f"settlement of {settled}"
    return NewBreak(
        BreakClass.AMOUNT_DIFFERS, line["sequence"], None, net, theirs, _suspense(theirs - net), note
    )
