"""How lines were placed before they were placed as a set: one by one, in plain code. It is the oracle of what places them.

`place_all` takes the lines of a file as mappings with the columns of `file_line`, the intents by their order number at the
channel, and the open breaks by class and key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from zhangfang.channels.port import PAY_INS, Operation
from zhangfang.payments import Intent, State
from zhangfang.reconciliation.placing import FACTS, bits
from zhangfang.reconciliation.rules import MIRROR, BreakClass, Line, NewBreak, signed


@dataclass(frozen=True, slots=True)
class Ours(Intent):
    """An intent, and the date of the file that lists it."""

    matched_on: date | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """What one line does: its status, the intent it proves, the break it opens, the break it cures and by which cure."""

    status: str
    intent: UUID | None = None
    opens: NewBreak | None = None
    cures: UUID | None = None
    cure: str = ""


OpenBreaks = Mapping[tuple[str, str], Mapping[str, Any]]  # (class, key) → row of break


def agrees(line: Line, intent: Intent) -> bool:
    """Whether the line and the intent with its order number move money in the same direction."""
    return bool(line["credit"]) == (intent.kind in PAY_INS)


def returns(line: Line) -> bool:
    """Whether a line of a channel's file is a return (退票): a payout that came back after its success."""
    return bool(line["adjustment"] and line["credit"] and line["operation"] == Operation.PAYOUT)


def place_all(lines: Sequence[Line], intents: Mapping[str, Ours], breaks: OpenBreaks) -> list[Placement]:
    """Place all lines of a file. A second line with an order number is a duplicate; a break is cured only once."""
    left, open_ = dict(intents), dict(breaks)
    placed = []
    for line in lines:
        if line["unread"]:
            placed.append(_unread(line))
            continue
        back = returns(line)
        intent = left.get(line["original_order_no"] if back else line["order_no"])
        one = _returned(line, intent) if back else place(line, intent, open_)
        placed.append(one)
        if back and one.intent is not None:
            del left[line["original_order_no"]]  # a payout is returned only once
        elif intent is not None and one.intent is not None:
            left[line["order_no"]] = replace(intent, matched_on=line["settle_date"])
        if one.cures is not None:
            open_ = {key: row for key, row in open_.items() if row["id"] != one.cures}
    return placed


def place(line: Line, intent: Ours | None, breaks: OpenBreaks) -> Placement:
    """Place a line of a channel's file. `intent` is the one with its order number, if there is one."""
    if line["adjustment"]:
        return _adjustment(line, breaks)
    if intent is None:
        return _unasked(line, BreakClass.MISSING_HERE, line["note"])
    if not agrees(line, intent) or intent.state is not State.SUCCESS:
        note = f"ours is a {intent.kind}, {intent.state}"
        return _unasked(line, BreakClass.MISSING_HERE, note, intent.id)
    if intent.matched_on is not None:
        return _unasked(line, BreakClass.DUPLICATE, f"listed on {intent.matched_on} too", intent.id)
    opens = _differs(line, intent) if line["amount"] != intent.amount else None
    late = breaks.get((BreakClass.MISSING_THERE, intent.channel_order_no))
    if late is None:
        return Placement("matched", intent.id, opens)
    refunded = "S3" if intent.kind is Operation.PAYOUT else "S2"
    return Placement("late", intent.id, opens, late["id"], "B5" if late["template"] else refunded)


def _returned(line: Line, intent: Ours | None) -> Placement:
    """Place a return. It must be of the whole amount, once, and of a payout that is proven to be returned."""
    if intent is None or intent.returned_at is None or line["amount"] != intent.amount or intent.arrived_seq:
        note, of = "a return of no payout that is out", intent.id if intent else None
        return _unasked(line, BreakClass.MISSING_HERE, note, of)
    return Placement("returned", intent.id)


def _adjustment(line: Line, breaks: OpenBreaks) -> Placement:
    """Place a line of the exceptions file. It cures a break if it exactly corrects an earlier line's amount."""
    open_break = breaks.get((BreakClass.AMOUNT_DIFFERS, line["channel_ref"]))
    if open_break is not None and signed(line) == -open_break["difference"]:
        return Placement("adjusted", open_break["intent"], cures=open_break["id"], cure=MIRROR)
    return _unasked(line, BreakClass.MISSING_HERE, "an adjustment of nothing we know")


def _unread(line: Line) -> Placement:
    """Place a row that could not be understood: its text stays with the line, and nothing is booked on a guess."""
    new = NewBreak(BreakClass.UNREAD, _key(line), None, None, None, "", line["unread"])
    return Placement("break", opens=new)


def _unasked(line: Line, kind: BreakClass, note: str, intent: UUID | None = None) -> Placement:
    template = _suspense(signed(line))
    return Placement("break", opens=NewBreak(kind, _key(line), intent, None, signed(line), template, note))


def _key(line: Line) -> str:
    return f"{line['channel_ref']}/{line['settle_date']}/{line['line_no']}"


def _differs(line: Line, intent: Intent) -> NewBreak:
    ours = intent.amount if line["credit"] else -intent.amount
    theirs = signed(line)
    kind, template = BreakClass.AMOUNT_DIFFERS, _suspense(theirs - ours)
    return NewBreak(kind, line["channel_ref"], intent.id, ours, theirs, template)


def _suspense(difference: int) -> str:
    """Return the template that books a difference to suspense: B1 for a long item, B5- for a short one."""
    return "B1" if difference > 0 else "B5-"


def missing_there(intent: Intent) -> NewBreak:
    """Return the break of a payment that is proven here, but that the complete file of its date does not list.

    A pay-in moves to 1242, short items under investigation; a refund stays in 3013, a payout in 3014.
    """
    pay_in = intent.kind in PAY_INS
    ours = intent.amount if pay_in else -intent.amount
    template = "B4" if pay_in else ""
    return NewBreak(BreakClass.MISSING_THERE, intent.channel_order_no, intent.id, ours, None, template)


def facts_of(line: Line, intent: Ours | None, breaks: OpenBreaks) -> int:
    """Return what the table asks about one line alone."""
    fits = breaks.get(("amount_differs", line["channel_ref"]))
    late = breaks.get(("missing_there", intent.channel_order_no)) if intent else None
    back = returns(line)
    holds = {
        "unread": bool(line["unread"]), "returns": back, "adjusts": line["adjustment"],
        "undoes": bool(line["adjustment"] and fits and fits["difference"] == -signed(line)),
        "proven": bool(intent and intent.returned_at and intent.amount == line["amount"] and not intent.arrived_seq),
        "ours": intent is not None, "agrees": bool(intent and line["credit"] == (intent.kind in PAY_INS)),
        "success": bool(intent and intent.state is State.SUCCESS), "listed": bool(intent and intent.matched_on),
        "same": bool(intent and intent.amount == line["amount"]), "late": late is not None,
        "booked": bool(late and late["template"]), "payout": bool(intent and intent.kind == "payout"),
    }  # fmt: skip
    assert tuple(holds) == FACTS
    return bits(fact for fact, held in holds.items() if held)
