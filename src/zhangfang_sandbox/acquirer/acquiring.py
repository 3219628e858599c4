"""The business of an acquiring bank: orders are made, meet faults, and end. It knows nothing of the wire.

Each bank gives a `Dialect`; `acquirer_parts.assemble` makes a bank of it. Rules that a channel does not state are
conventions of these sandbox banks [G]: a settlement day from 23:00 to
23:00 China time, a void on the same settlement day only and of the whole amount, refunds up to what is left.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from zhangfang_sandbox.acquirer.closing import settle_date
from zhangfang_sandbox.acquirer.couriers import Notice, Notifier
from zhangfang_sandbox.acquirer.dayfile import FileForm
from zhangfang_sandbox.acquirer.orders import DEBITS, Book, Operation, Order
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.store import Store

HIDDEN_QUERIES = 2
# Reasons for which an order fails; a dialect has a code of its own for each.
BALANCE, REFUSED, CLOSED = "balance", "refused", "closed"
WRONG_STATE, RETURNED, MISMATCH, ACCOUNT_TYPE = "wrong_state", "returned", "mismatch", "account_type"

# Faults before a request is processed, and faults of its answer. A request meets at most one of each.
BLOCKING = ("refused", "throttle", "maintenance")
ANSWERING = ("lost_answer", "late_answer", "garbled_answer", "bad_signature", "wrong_chain")
FAULTS = frozenset((*BLOCKING, *ANSWERING)) | {
    "decline", "decline_later", "pending_first", "not_found_first", "contradict", "account_type", "dark",
    "notify_lost", "notify_repeated", "notify_late", "notify_disordered",
    "file_missing", "file_extra", "file_off_by_one", "file_late_row",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one bank has of its own.

    `name` is its name in the text of a settlement transfer; the transfer's id begins with `prefix`. `ref` makes
    the bank's own number from an order's seq and the moment, `fee` a pay-in's fee in fen. `own_no` turns a number on
    the wire into the merchant's own. `register` reads the body of POST /merchants: the merchant's number, what the
    bank keeps of it (JSON), and what it is told; it raises `control.Refused`.
    """

    bank: str
    name: str
    prefix: str
    faults: frozenset[str]
    ref: Callable[[int, datetime], str]
    fee: Callable[[Order], int]
    file: FileForm
    notice: Notice[Order]
    register: Callable[[Mapping[str, Any]], tuple[str, dict[str, Any], dict[str, Any]]]
    own_no: Callable[[str], str] = str


class Acquirer:
    """Orders and the rules that change them. Await `store.committed()` before answering about a change."""

    def __init__(
        self,
        store: Store,
        clock: BankClock,
        faults: Faults,
        book: Book,
        notifier: Notifier[Order],
        dialect: Dialect,
        merchants: dict[str, dict[str, Any]],
    ) -> None:
        """`merchants` is filled from the store and by registrations: by number, what the dialect keeps of each."""
        self.store, self.clock, self.faults, self.book = store, clock, faults, book
        self.dialect, self._notifier, self.merchants = dialect, notifier, merchants
        for mer_id, details in store.read("SELECT mer_id, details FROM merchants"):
            merchants[mer_id] = json.loads(details)
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def resume(self) -> None:
        """Go on after a start: pending orders still end, and notifications that were due still leave."""
        for order in self.book.all():
            if order.outcome:
                self._end_later(order)
            elif order.notify_due is not None:
                self._notifier.wait(order)

    def close(self) -> None:
        """Stop all timers of pending orders; `resume` starts them again."""
        for timer in self._timers.values():
            timer.cancel()

    def draft(self, mer_id: str, order_no: str, operation: Operation, amount: int, key: str) -> Order:
        """A new order that is not in the book yet; the dialect sets its further fields."""
        seq, now = self.book.next_seq(), self.clock.now()
        return Order(
            seq, mer_id, order_no, operation, amount, key, self.dialect.ref(seq, now), now.timestamp()
        )

    def blocked(self, key: str) -> str:
        """The fault, if any, because of which a request with this key is not processed."""
        return self.faults.first_met(BLOCKING, key)

    def answer_fault(self, order: Order, among: Sequence[str] = ANSWERING) -> str:
        """The fault, if any, of the answer to an order that was taken."""
        if order.hidden and order.operation != "purchase":  # a merchant that got the answer would not query
            return "lost_answer"
        if self.dark(order):
            return "lost_answer"
        known = tuple(fault for fault in among if fault in self.dialect.faults)
        return self.faults.first_met(known, order.fault_key)

    def present(self, order: Order, closes_at: datetime) -> None:
        """Book a purchase that waits for its payer."""
        order.waits, order.closes_at = 1, closes_at.timestamp()
        self._hide(order)
        self.book.add(order)

    def take(self, order: Order) -> None:
        """Book a collection, refund or void, and process it; `order.phase` says how far it is."""
        self._hide(order)
        self.book.add(order)
        reason = ""
        if order.operation not in DEBITS:
            reason = judge_return(order, self.original(order), settle_date(self.clock.now()))
        elif order.operation == "collection" and self.faults.meets("account_type", order.fault_key):
            reason = ACCOUNT_TYPE
        self._proceed(order, reason)

    def pay(self, order: Order) -> None:
        """The payer pays an order that waits."""
        order.waits = 0
        self._proceed(order, "")

    def refuse(self, order: Order) -> None:
        """The payer of an order that waits refuses."""
        self.end_unpaid(order, REFUSED)

    def end_unpaid(self, order: Order, reason: str) -> None:
        """An order that waits ends: its payer refused, or it was closed, or its time ran out."""
        order.waits = 0
        self._end(order, reason)

    def waiting(self, order: Order) -> bool:
        """Whether an order waits for its payer. If its time is over, it ends here."""
        if order.waits and self.clock.now().timestamp() > order.closes_at:
            self.end_unpaid(order, CLOSED)
        return bool(order.waits)

    def dark(self, order: Order) -> bool:
        """Whether a successful order stays invisible: no answer, no notification, "busy" for a query.

        The merchant learns of it only from the day's file. A void has no line there, so it is never dark.
        """
        done = order.state == "SUCCESS" and order.operation != "void"
        return done and self.faults.lasts("dark", order.fault_key)

    def original(self, order: Order) -> Order | None:
        """The pay-in that a refund or void takes back."""
        return self.book.by_number(order.original) if order.original else None

    def register(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Register a merchant. Registering it again changes only what is new."""
        mer_id, details, told = self.dialect.register(data)
        self.merchants[mer_id] = self.merchants.get(mer_id, {}) | details
        row = (mer_id, str(data.get("name", "")), json.dumps(self.merchants[mer_id]))
        self.store.write("INSERT OR REPLACE INTO merchants VALUES(?,?,?)", row)
        return told

    def add_extra(self, mer_id: str, number: str, amount: int, key: str, at: datetime) -> None:
        """Book a debit that no merchant asked for, settled with the day of `at`. The same number is booked once."""
        if self.book.by_number(number) is not None:
            return
        order = self.draft(mer_id, number, "purchase", amount, key)
        self.book.add(order)
        self._succeed(order, at)
        self.book.save(order)

    def _hide(self, order: Order) -> None:
        if self.faults.meets("not_found_first", order.fault_key):
            order.hidden = HIDDEN_QUERIES

    def _proceed(self, order: Order, reason: str) -> None:
        if not reason and self.faults.meets("decline", order.fault_key):
            reason = BALANCE
        later = self.faults.meets("pending_first", order.fault_key)
        if not reason and not later and self.faults.meets("decline_later", order.fault_key):
            reason, later = BALANCE, True
        original = self.original(order)
        if not reason and original is not None:
            original.refunded += order.amount
            self.book.save(original)
        if not later:
            self._end(order, reason)
            return
        order.outcome = reason or "SUCCESS"
        self.book.save(order)
        self._end_later(order)

    def _end_later(self, order: Order) -> None:
        reason = "" if order.outcome == "SUCCESS" else order.outcome
        wait, loop = self.faults.plan.late_seconds, asyncio.get_running_loop()
        self._timers[order.seq] = loop.call_later(wait, self._end, order, reason)

    def _end(self, order: Order, reason: str) -> None:
        """End the order. This happens once."""
        self._timers.pop(order.seq, None)
        now, original = self.clock.now(), self.original(order)
        if not reason and order.operation == "void" and original is not None:
            if original.settle_date == settle_date(now).isoformat():
                original.state = "VOIDED"
            else:  # the day closed while it was pending
                reason = WRONG_STATE
                original.refunded -= order.amount
            self.book.save(original)
        order.outcome, order.reason, order.state, order.ended_at = "", reason, "FAILED", now.timestamp()
        if not reason:
            self._succeed(order, now)
            self._tell(order, now)
        self.book.save(order)

    def _tell(self, order: Order, now: datetime) -> None:
        if self.faults.meets("contradict", order.fault_key):
            order.told = BALANCE
        elif order.notify_url and not self.dark(order):
            self._notifier.plan(order)
        if order.operation in DEBITS and self.faults.meets("file_extra", order.fault_key):
            self.add_extra(
                order.mer_id, f"{order.order_no[:24]}EXTRA{order.seq % 1000:03d}", order.amount,
                f"extra-{order.key}", now,
            )  # fmt: skip

    def _succeed(self, order: Order, at: datetime) -> None:
        order.state, order.ended_at = "SUCCESS", at.timestamp()
        order.settle_date = settle_date(at).isoformat()
        order.fee = self.dialect.fee(order) if order.operation in DEBITS else 0


def basis_points(amount: int, points: int) -> int:
    """A fee of so many basis points, half a fen rounded up, at least one fen. Fen in, fen out."""
    return max(1, (amount * points + 5_000) // 10_000)


def judge_return(order: Order, original: Order | None, today: date) -> str:
    """Return why a refund or void is refused, "" if it is possible."""
    if original is None or original.operation not in DEBITS or original.mer_id != order.mer_id:
        return WRONG_STATE
    if original.state in {"PENDING", "FAILED"}:
        return WRONG_STATE
    if original.state == "VOIDED" or original.refunded == original.amount:
        return RETURNED
    if order.operation == "void":
        return _judge_void(order, original, today)
    return "" if order.amount <= original.amount - original.refunded else MISMATCH


def _judge_void(order: Order, original: Order, today: date) -> str:
    if original.refunded:
        return RETURNED
    if order.amount != original.amount:
        return MISMATCH
    return "" if original.settle_date == today.isoformat() else WRONG_STATE
