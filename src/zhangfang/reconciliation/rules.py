"""Pure decisions: where a line of a channel's file, or of a bank's statement, belongs in the books.

Lines are compared one by one and in integers. A line that has no place opens a break of a named class; a later line
that explains an open break cures it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from zhangfang.payments import Intent, State


class BreakClass(StrEnum):
    """What kind of disagreement a break is."""

    MISSING_HERE = "missing_here"  # 长款: they have it, we do not
    MISSING_THERE = "missing_there"  # 短款: we have it, they do not
    AMOUNT_DIFFERS = "amount_differs"  # 金额不符
    DUPLICATE = "duplicate"  # 重复
    UNKNOWN_RECEIPT = "unknown_receipt"  # 不明来款
    UNKNOWN_DEBIT = "unknown_debit"  # 不明付款
    CONTRADICTION = "contradiction"  # the channel contradicts its own definite answer


MIRROR = "mirror"
"""The cure that books a break's own voucher with its sides exchanged."""

Line = Mapping[str, Any]  # a row of file_line or bank_line


@dataclass(frozen=True, slots=True)
class NewBreak:
    """A disagreement: amounts in fen, None where one side has nothing; `template` books what is disputed, if anything."""

    kind: BreakClass
    key: str
    intent: UUID | None
    ours: int | None
    theirs: int | None
    template: str
    note: str = ""

    @property
    def difference(self) -> int:
        """Return theirs less ours, in fen."""
        return (self.theirs or 0) - (self.ours or 0)


@dataclass(frozen=True, slots=True)
class Placement:
    """What becomes of one line: its status, the intent it proves, a break it opens, a break it cures and how."""

    status: str
    intent: UUID | None = None
    opens: NewBreak | None = None
    cures: UUID | None = None
    cure: str = ""


OpenBreaks = Mapping[tuple[str, str], Mapping[str, Any]]  # (class, key) → row of break


def place(line: Line, intent: Intent | None, breaks: OpenBreaks) -> Placement:
    """Place a line of a channel's file. `intent` is the one that carries its order number, if there is one."""
    if line["adjustment"]:
        return _adjustment(line, breaks)
    if intent is None or intent.state is not State.SUCCESS:
        note = line["note"] if intent is None else f"ours is {intent.state}"
        return Placement("break", opens=_unasked(line, BreakClass.MISSING_HERE, note))
    if intent.matched_on is not None:
        return Placement(
            "break", opens=_unasked(line, BreakClass.DUPLICATE, f"listed on {intent.matched_on} too")
        )
    late = breaks.get((BreakClass.MISSING_THERE, intent.channel_order_no))
    if late is not None and line["amount"] == intent.amount:
        return Placement("late", intent.id, cures=late["id"], cure="B5" if late["template"] else "S2")
    if line["amount"] == intent.amount:
        return Placement("matched", intent.id)
    return Placement("matched", intent.id, opens=_differs(line, intent))


def _adjustment(line: Line, breaks: OpenBreaks) -> Placement:
    """A line of the exceptions file takes back what an earlier line had too much or too little."""
    open_break = breaks.get((BreakClass.AMOUNT_DIFFERS, line["channel_ref"]))
    signed = line["amount"] if line["credit"] else -line["amount"]
    if open_break is not None and signed == -open_break["difference"]:
        return Placement("adjusted", open_break["intent"], cures=open_break["id"], cure=MIRROR)
    return Placement(
        "break", opens=_unasked(line, BreakClass.MISSING_HERE, "an adjustment of nothing we know")
    )


def _unasked(line: Line, kind: BreakClass, note: str) -> NewBreak:
    key = f"{line['channel_ref']}/{line['settle_date']}/{line['line_no']}"
    signed = line["amount"] if line["credit"] else -line["amount"]
    return NewBreak(kind, key, None, None, signed, "B1" if line["credit"] else "B5-", note)


def _differs(line: Line, intent: Intent) -> NewBreak:
    ours, theirs = (intent.amount, line["amount"]) if line["credit"] else (-intent.amount, -line["amount"])
    template = "B1" if theirs > ours else "B4"
    if not line["credit"]:
        template = "B5-" if theirs < ours else ""
    return NewBreak(BreakClass.AMOUNT_DIFFERS, line["channel_ref"], intent.id, ours, theirs, template)


def missing_there(intent: Intent) -> NewBreak:
    """Return the break of what we hold proven for a date whose complete file does not list it.

    A pay-in moves to 1242, short items under investigation; a refund simply stays in 3013.
    """
    pay_in = intent.kind.value in ("purchase", "collection")
    ours = intent.amount if pay_in else -intent.amount
    template = "B4" if pay_in else ""
    return NewBreak(BreakClass.MISSING_THERE, intent.channel_order_no, intent.id, ours, None, template)


def unknown_bank_line(line: Line) -> NewBreak:
    """Return the break of a bank line that nothing of ours explains."""
    credit = line["credit"]
    kind = BreakClass.UNKNOWN_RECEIPT if credit else BreakClass.UNKNOWN_DEBIT
    amount = line["amount"] if credit else -line["amount"]
    return NewBreak(kind, line["sequence"], None, None, amount, "X1" if credit else "X2", line["text"])
