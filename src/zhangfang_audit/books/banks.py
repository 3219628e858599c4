"""The banks' own books, read from their control planes, and what they say by themselves. Amounts are fen."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zhangfang_audit.inputs import AccountAt, ChannelAt, Unreadable, china_day

SECONDS = 30
# What an order adds to what the channel owes us.
SIGN = {"purchase": 1, "collection": 1, "refund": -1, "void": -1, "payout": -1}
DEBITS = frozenset({"purchase", "collection"})
REFUND, VOID, PAYOUT = "refund", "void", "payout"
STATES = frozenset({"PENDING", "SUCCESS", "FAILED", "VOIDED", "RETURNED"})
STANDING = frozenset({"SUCCESS", "VOIDED"})  # a voided pay-in stands beside the void that cancels it


@dataclass(frozen=True, slots=True)
class Order:
    """One order in a bank's book. `fen` is what it adds to what the channel owes us, 0 if it did not happen.

    A payout that came back (RETURNED) was paid in the transfer of `settled_in`, and given back in that of `returned_in`.
    `tail` is the last four digits of the other side's account, "" if the bank does not show them.
    """

    number: str
    kind: str
    state: str
    amount: int
    key: str
    undoes: str
    settled_in: str
    returned_in: str = ""
    tail: str = ""

    @property
    def fen(self) -> int:
        """Return the signed amount of an order that stands."""
        return SIGN[self.kind] * self.amount if self.state in STANDING else 0


@dataclass(frozen=True, slots=True)
class ChannelBook:
    """A channel's book: our orders, what those not yet transferred come to, and the sum that the bank itself states."""

    orders: Sequence[Order]
    owed: int
    stated: int


@dataclass(frozen=True, slots=True)
class CashLine:
    """One line of an account: its day in China, its signed amount, and a name that a person finds it by."""

    day: str
    fen: int
    name: str


@dataclass(frozen=True, slots=True)
class AccountBook:
    """An account at a bank with all its lines, and the orders that were asked of the bank."""

    opening: int
    balance: int
    lines: Sequence[CashLine]
    orders: Sequence[Order]


def read_channel(at: ChannelAt) -> ChannelBook:
    """Read a channel's book. What it owes is summed from the orders themselves; raises `Unreadable`."""
    orders = _orders(at.control)
    summary = _get(at.control, "/book/summary")
    try:
        stated = _fen(summary["owed_fen"])
    except (KeyError, TypeError) as error:
        raise Unreadable(f"{at.control}/book/summary: not a summary ({error!r})") from error
    return ChannelBook(orders, owed(orders), stated)


def owed(orders: Sequence[Order]) -> int:
    """Return what is not yet transferred, gross of fees. A pay-in and its void cancel, and are never transferred."""
    return sum(_owed(order) for order in orders if order.kind != VOID)


def _owed(order: Order) -> int:
    if order.state == "RETURNED":
        return order.amount * (bool(order.settled_in) - bool(order.returned_in))
    return order.fen if order.state == "SUCCESS" and not order.settled_in else 0


def standing_debits(orders: Sequence[Order]) -> list[Order]:
    """Return the debits that payers really have: successful, not voided, not wholly refunded."""
    back: dict[str, int] = {}
    for order in orders:
        if order.kind == REFUND and order.state == "SUCCESS":
            back[order.undoes] = back.get(order.undoes, 0) + order.amount
    return [
        order
        for order in orders
        if order.kind in DEBITS and order.state == "SUCCESS" and back.get(order.number, 0) < order.amount
    ]


def read_account(at: AccountAt) -> AccountBook:
    """Read an account of ours and the bank's orders; raises `Unreadable`."""
    book = _get(at.control, "/book", account=at.number)
    orders = _orders(at.control)
    try:
        lines = [_line(row) for row in _list(book["lines"])]
        return AccountBook(_fen(book["opening_fen"]), _fen(book["balance_fen"]), lines, orders)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{at.control}/book: not a book of an account ({error!r})") from error


def _orders(control: str) -> list[Order]:
    rows = _get(control, "/movements")
    try:
        return [_order(row) for row in _list(rows)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{control}/movements: not a book of orders ({error!r})") from error


def _order(row: Any) -> Order:
    order = Order(
        number=row["order_no"],
        kind=row["operation"],
        state=row["state"],
        amount=_fen(row["amount"]),
        key=row["key"] or "",
        undoes=row["original"] or "",
        settled_in=row.get("settled_in") or "",
        returned_in=row.get("return_settled_in") or "",
        tail=_tail(row.get("account") or ""),
    )
    if order.kind not in SIGN or order.state not in STATES:
        raise ValueError(f"operation {order.kind!r}, state {order.state!r}")
    return order


def _tail(account: str) -> str:
    tail = account[-4:]
    return tail if len(tail) == 4 and tail.isascii() and tail.isdigit() else ""


def _line(row: Any) -> CashLine:
    fen = {"C": 1, "D": -1}[row["direction"]] * _fen(row["amount_fen"])
    day = china_day(datetime.fromisoformat(row["at"]))
    return CashLine(day, fen, f"bank line {row.get('sequence') or row['seq']}")


def _list(value: Any) -> list[Any]:
    """Return a list as it is: an empty object would otherwise pass for an empty book."""
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__}, expected a list")
    return value


def _fen(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"an amount that is {type(value).__name__}, expected whole fen")
    return value


def _get(control: str, path: str, **query: str) -> Any:
    url = f"{control}{path}"  # errors name it without the query, which holds an account number
    asked = f"{url}?{urllib.parse.urlencode(query)}" if query else url
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310 - http and https only
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        raise Unreadable(f"{url}: HTTP {error.code}") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{url}: {error}") from None
