"""Judge our intents by the banks' books, rule by rule. Pure functions: nothing here reads a database or a bank.

Each breach is a `Violation` that names the rule and the order. If a bank answered a definite failure and its own book
says success, we broke no rule: it is counted as a contradiction, and the channel's file has to show it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from zhangfang.payments import PLATFORM
from zhangfang_drill.law.movements import Movement, Truth
from zhangfang_drill.world.adapters import ADAPTERS

FINAL = frozenset({"SUCCESS", "FAILED", "REFUSED", "CLOSED"})
DEBITS = frozenset({"purchase", "collection"})
LATE_LINE = timedelta(days=3)  # a line left out of a file appears in the file three days later


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: its number (0: books and files), what is wrong, and the intent if there is one."""

    rule: int
    what: str
    intent: UUID | None = None
    order_no: str = ""


@dataclass(slots=True)
class Found:
    """What a check found."""

    violations: list[Violation] = field(default_factory=list)
    contradictions: set[str] = field(default_factory=set)

    def wrong(self, rule: int, what: str, row: Mapping[str, Any] | None = None, order_no: str = "") -> None:
        """Note a violation."""
        intent = row["id"] if row else None
        self.violations.append(Violation(rule, what, intent, order_no or (row["order_no"] if row else "")))


def known(found: Found, truth: Truth, attempts: Mapping[Any, Any]) -> None:
    """Rules 1 and 4: every order in a bank's book was stored by us, with the same kind and amount."""
    for at, movement in truth.of.items():
        row = attempts.get(at)
        if planted(movement):
            continue
        if row is None:
            found.wrong(1, f"{at[0]} has an order that we never stored", order_no=movement.key)
        elif (movement.operation, movement.amount) != (row["kind"], row["amount"]):
            what = f"{at[0]} has a {movement.operation} of {movement.amount} fen"
            found.wrong(4, f"{what}, we stored a {row['kind']} of {row['amount']}", row)
    for bank, number in truth.doubled:
        found.wrong(6, f"{bank} has executed one order number twice", attempts.get((bank, number)))


def coming_back(found: Found, truth: Truth, intents: Sequence[Any], day: date) -> set[str]:
    """Return the channels with a returned payout (退票) that only their next file will report to us."""
    unknown = [row for row in intents if row["kind"] == "payout" and row["returned_at"] is None]
    channels = set()
    for row in unknown:
        movement = truth.of_order(row["channel"], row["channel_order_no"])
        if movement is None or movement.state != "RETURNED":
            continue
        if not movement.back_in or date.fromisoformat(movement.back_in) > day:
            channels.add(row["channel"])
        elif (
            row["state"] == "SUCCESS"
        ):  # otherwise the channel had never confirmed the payout, and a break reports it
            found.wrong(5, "was returned, the file reported it, and nothing was booked", row)
    return channels


def made_up(truth: Truth) -> set[str]:
    """Return the channels with an invented debit (file_extra) that they have not yet paid to us."""
    return {one.bank for one in truth.of.values() if planted(one) and not one.paid_in}


def planted(movement: Movement) -> bool:
    """Whether the bank invented this debit (file_extra): nobody asked for it, and the file has to show it.

    A void without the merchant's number is not invented: Lakala's void has no field for the number.
    """
    return movement.operation in DEBITS and (not movement.key or movement.key.startswith("extra"))


def judge(found: Found, truth: Truth, row: Any, evidence: Any, closed: datetime) -> None:
    """Rules 2 and 3: an intent's state agrees with the bank's book, or there is a reason why not."""
    movement = truth.of_order(row["channel"], row["channel_order_no"])
    state = row["state"]
    if state not in FINAL:
        _still_open(found, row, movement, closed)
    elif state == "SUCCESS" and (movement is None or not (movement.moved or _debited(movement))):
        found.wrong(2, f"is SUCCESS, the bank says {movement.state if movement else 'not found'}", row)
    elif state != "SUCCESS" and movement is not None and movement.moved:
        if evidence is not None and evidence["failed"]:  # the channel itself answered a definite failure
            found.contradictions.add(row["channel_order_no"])
        else:
            found.wrong(
                3 if evidence and evidence["absent"] else 2, f"is {state}, but the bank executed it", row
            )


def _still_open(found: Found, row: Any, movement: Movement | None, closed: datetime) -> None:
    """An intent without an outcome needs a reason.

    It was made after `closed`, its payer may still pay, people work on it, or its line in the channel's file is late.
    """
    reason = (
        row["created_at"] > closed
        or row["state"] in ("MANUAL", "PARKED")
        or _line_is_late(movement, closed.date())
        or (row["state"] == "REDIRECTED" and movement is not None and movement.state == "PENDING")
    )
    if not reason:
        said = movement.state if movement else "not found"
        found.wrong(2, f"is {row['state']} without a reason; the bank says {said}", row)


def _debited(movement: Movement) -> bool:
    """Whether the bank has debited the account while the payment is still pending there."""
    return movement.state == "PENDING" and bool(movement.settle_date)


def _line_is_late(movement: Movement | None, closed: date) -> bool:
    if movement is None or not movement.moved or not ADAPTERS[movement.bank].acquirer:
        return False
    return date.fromisoformat(movement.settle_date) > closed - LATE_LINE


def debited_once(found: Found, truth: Truth, attempts: Mapping[Any, Any]) -> None:
    """Rule 6: a merchant's order has at most one debit (or credit) not taken back, over all banks and attempts."""
    several: dict[tuple[str, str], list[Movement]] = defaultdict(list)
    back: dict[tuple[str, str], int] = defaultdict(int)
    for movement in truth.of.values():
        if movement.operation == "refund" and movement.moved:
            back[movement.bank, movement.original] += movement.amount
    for at, movement in truth.of.items():
        row = attempts.get(at)
        name = (row["merchant"], row["order_no"]) if row else ("", movement.key)
        whole = back[at] >= movement.amount
        if movement.stands and not whole and not planted(movement) and at[1] not in found.contradictions:
            several[f"{movement.operation}/{name[0]}", name[1]].append(movement)
    for (_, order_no), done in several.items():
        if len(done) > 1:
            where = ", ".join(f"{one.bank} {one.amount} fen" for one in done)
            row = attempts.get((done[0].bank, done[0].order_no))
            found.wrong(6, f"was executed {len(done)} times: {where}", row, order_no)


def claim(row: Any) -> int:
    """Return what an intent adds to its merchant's pending and available balances together, in fen."""
    kind, state = row["kind"], row["state"]
    if row["merchant"] == PLATFORM:  # a refund to the payer that cures a break touches no merchant's balance
        return 0
    net: int = row["amount"] - row["fee"]
    if kind in DEBITS:
        return net if state == "SUCCESS" else 0
    if kind in ("refund", "void"):
        return 0 if state in ("FAILED", "REFUSED") or (state == "CREATED" and not row["booked"]) else -net
    if state in ("FAILED", "REFUSED") or not row["booked"]:
        return 0
    fee: int = row["fee"]
    paid_out: int = row["amount"] + fee
    return -fee if row["returned_at"] else -paid_out


def named(several: Iterable[Violation]) -> list[str]:
    """Return violations as one line each."""
    return [f"rule {one.rule}: {one.order_no or '-'} {one.what}" for one in several]
