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
# What an order adds to what the channel owes us, by txnType (ACP 5.1.0: 01 purchase, 11 collection, 04 refund, 31 void).
SIGN = {"01": 1, "11": 1, "04": -1, "31": -1}
DEBITS = frozenset({"01", "11"})
REFUND, VOID = "04", "31"
STANDING = frozenset({"SUCCESS", "VOIDED"})  # a voided pay-in stands beside the void that cancels it
# Statuses (reqSts, rtnFlg) of a CMB payment whose money has left the account and not come back.
PAID = frozenset({("BNK", ""), ("WRF", ""), ("FIN", "S"), ("FIN", "U")})


@dataclass(frozen=True, slots=True)
class Order:
    """One transaction in a channel's book. `fen` is what it adds to what the channel owes us, 0 if it did not happen."""

    number: str
    kind: str
    state: str
    amount: int
    key: str
    query_id: str
    undoes: str
    settled_in: str

    @property
    def fen(self) -> int:
        """Return the signed amount of an order that stands."""
        return SIGN[self.kind] * self.amount if self.state in STANDING else 0


@dataclass(frozen=True, slots=True)
class ChannelBook:
    """A channel's book: our orders, what those not yet transferred come to, and the sum that the bank itself states."""

    orders: Sequence[Order]
    owed: int
    owed_by_all: int
    stated: int


@dataclass(frozen=True, slots=True)
class CashLine:
    """One line of an account: its day in China, its signed amount, and a name that a person finds it by."""

    day: str
    fen: int
    name: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of the bank: its reference is the platform's order number in base 36, where it is one."""

    number: str
    key: str
    paid: bool


@dataclass(frozen=True, slots=True)
class AccountBook:
    """An account at a bank with all its lines, and the payments that were asked of it."""

    opening: int
    balance: int
    lines: Sequence[CashLine]
    payments: Sequence[Payment]


def read_channel(at: ChannelAt) -> ChannelBook:
    """Read a channel's book. What it owes is summed from the orders themselves; raises `Unreadable`."""
    rows = _get(at.control, "/book")
    summary = _get(at.control, "/book/summary")
    try:
        mine = [_order(row) for row in _list(rows) if row["merId"] == at.mer_id]
        all_of_them = [_order(row) for row in rows]
        stated = _fen(summary["owed_fen"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{at.control}/book: not a book of orders ({error!r})") from error
    return ChannelBook(mine, owed(mine), owed(all_of_them), stated)


def owed(orders: Sequence[Order]) -> int:
    """Return what is not yet transferred, gross of fees. A pay-in and its void cancel, and are never transferred."""
    return sum(
        order.fen
        for order in orders
        if order.state == "SUCCESS" and order.kind != VOID and not order.settled_in
    )


def standing_debits(orders: Sequence[Order]) -> list[Order]:
    """Return the debits that payers really have: successful, not voided, not wholly refunded."""
    back: dict[str, int] = {}
    for order in orders:
        if order.kind == REFUND and order.state == "SUCCESS":
            back[order.undoes] = back.get(order.undoes, 0) + order.amount
    return [
        order
        for order in orders
        if order.kind in DEBITS and order.state == "SUCCESS" and back.get(order.query_id, 0) < order.amount
    ]


def read_account(at: AccountAt) -> AccountBook:
    """Read an account of ours and its payments; raises `Unreadable`."""
    book = _get(at.control, "/book", account=at.number)
    payments = _get(at.control, "/payments")
    try:
        lines = [_line(row) for row in _list(book["lines"])]
        paid = [_payment(row) for row in _list(payments) if str(row["account"]) == at.number]
        return AccountBook(_fen(book["opening_fen"]), _fen(book["balance_fen"]), lines, paid)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{at.control}/book: not a book of an account ({error!r})") from error


def order_no(reference: str) -> str:
    """Return the 32 hex characters behind a reference of 25 base-36 digits; any other reference as it stands."""
    try:
        number = int(reference, 36) if len(reference) == 25 else -1
    except ValueError:
        number = -1
    return f"{number:032x}" if 0 <= number < 1 << 128 else reference


def _order(row: Any) -> Order:
    order = Order(
        number=row["orderId"],
        kind=row["txnType"],
        state=row["state"],
        amount=_fen(row["amount"]),
        key=row["key"] or "",
        query_id=row["queryId"] or "",
        undoes=row["origQryId"] or "",
        settled_in=row["settled_in"] or "",
    )
    if order.kind not in SIGN:
        raise ValueError(f"txnType {order.kind!r}")
    return order


def _line(row: Any) -> CashLine:
    fen = {"C": 1, "D": -1}[row["direction"]] * _fen(row["amount_fen"])
    day = china_day(datetime.fromisoformat(row["at"]))
    return CashLine(day, fen, f"bank line {row.get('sequence') or row['seq']}")


def _payment(row: Any) -> Payment:
    paid = (row["reqSts"], row["rtnFlg"] or "") in PAID
    return Payment(order_no(row["yurRef"]), row["key"] or "", paid)


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
