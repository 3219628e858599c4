"""The book of an acquiring bank: every order it took, in memory for speed and in SQLite for good."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from zhangfang_sandbox.acquirer.order_table import OrderBook, OrderTable
from zhangfang_sandbox.common.store import Store

Operation = Literal["purchase", "collection", "refund", "void"]
State = Literal["PENDING", "SUCCESS", "FAILED", "VOIDED"]
DEBITS = ("purchase", "collection")


@dataclass(slots=True)
class Order:
    """One order. Amounts are fen; moments are epoch seconds of the bank's clock; `account` is masked.

    `order_no` is the merchant's number as on the wire, `ref` the bank's own, `key` what the merchant wants repeated in
    answers, `original` the order_no of a refund's or void's original, `details` the dialect's own JSON.
    `state` is the book's truth; `reason` says why it FAILED. `told` is a reason that merchants are given although the
    book says otherwise (the fault contradict). `waits` says that it waits for its payer, until `closes_at`. `outcome`
    is how a pending order will end: "SUCCESS" or a reason. `refunded` is what refunds and a void have taken or
    reserved. The next `hidden` queries will not find the order. `notify_due` is when the next notification leaves.
    """

    seq: int
    mer_id: str
    order_no: str
    operation: Operation
    amount: int
    key: str
    ref: str
    at: float
    notify_url: str = ""
    account: str = ""
    original: str = ""
    details: str = "{}"
    state: State = "PENDING"
    reason: str = ""
    told: str = ""
    waits: int = 0
    closes_at: float = 0.0
    outcome: str = ""
    ended_at: float = 0.0
    settle_date: str = ""
    fee: int = 0
    refunded: int = 0
    hidden: int = 0
    notify_due: float | None = None
    notify_sends: int = 0

    @property
    def fault_key(self) -> str:
        """The order's key in the plan of faults: the merchant's key, or the order number if the wire carries no key."""
        return self.key or self.order_no

    @property
    def phase(self) -> str:
        """The state that merchants are told: WAITING (for the payer), PROCESSING, SUCCESS, FAILED or VOIDED."""
        if self.told:
            return "FAILED"
        if self.state != "PENDING":
            return self.state
        return "WAITING" if self.waits else "PROCESSING"


ORDERS = OrderTable(Order)

# `listing` is what the close of days stores about an order: the file and the transfer that contain it; for a planted
# error the excess in fen, and the file and the transfer that correct it. `due` is the first file that may list it.
SCHEMA = f"""
{ORDERS.schema}
CREATE INDEX IF NOT EXISTS orders_by_day ON orders(mer_id, settle_date);
CREATE TABLE IF NOT EXISTS listing(seq INTEGER PRIMARY KEY, mer_id TEXT, due TEXT, listed_in TEXT, settled_in TEXT,
    excess INTEGER NOT NULL DEFAULT 0, corrected_in TEXT, correction_settled_in TEXT);
CREATE INDEX IF NOT EXISTS listing_by_day ON listing(mer_id, listed_in);
CREATE TABLE IF NOT EXISTS merchants(mer_id TEXT PRIMARY KEY, name TEXT, details TEXT);
CREATE TABLE IF NOT EXISTS accounts(mer_id TEXT PRIMARY KEY, url TEXT, account TEXT);
CREATE TABLE IF NOT EXISTS days(mer_id TEXT, settle_date TEXT, net_fen INTEGER, content BLOB, transferred INTEGER,
    PRIMARY KEY(mer_id, settle_date));
"""


class Book(OrderBook[Order]):
    """Finds orders by their numbers. A number on the wire belongs to one order for ever, among all merchants."""

    def __init__(self, store: Store, own_no: Callable[[str], str]) -> None:
        """`own_no` turns a number on the wire into the merchant's own."""
        self._own_no = own_no
        self._by_own: dict[str, Order] = {}
        self._by_number: dict[str, Order] = {}
        self._by_ref: dict[str, Order] = {}
        super().__init__(store, ORDERS)

    def by_number(self, order_no: str) -> Order | None:
        """The order with this number on the wire."""
        return self._by_number.get(order_no)

    def by_own_number(self, order_no: str) -> Order | None:
        """The order with this number of the merchant's own."""
        return self._by_own.get(order_no)

    def by_ref(self, ref: str) -> Order | None:
        """The order with the bank's own number."""
        return self._by_ref.get(ref)

    def _index(self, order: Order) -> None:
        self._by_number[order.order_no] = order
        self._by_own[self._own_no(order.order_no)] = order
        self._by_ref[order.ref] = order
