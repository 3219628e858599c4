"""The bank's own book: every order it took, in memory for speed and in SQLite for good."""

from dataclasses import dataclass
from typing import Literal

from zhangfang_sandbox.acquirer.order_table import OrderBook, OrderTable
from zhangfang_sandbox.common.store import Store

State = Literal["PENDING", "SUCCESS", "FAILED", "VOIDED", "RETURNED"]


@dataclass(slots=True)
class Order:
    """One transaction. Amounts are fen; `acc_no` is masked; `settle_date` is ISO and empty until it succeeded.

    `key` is the merchant's reqReserved. `refunded` is what refunds and a void have taken or reserved. `final_code` is
    the respCode with which a pending order will end; `token` names a cashier page, `closes_at` (epoch seconds)
    ends it. `notify_due` (epoch seconds of the bank's clock) is when the next notification leaves, None when none
    does; `notify_sends` have left. The next `hidden` queries will not find the order. `told` is the respCode given to
    merchants if it differs from the book's: a contradiction, or the return of a payout. `return_due` (epoch
    seconds, 0 for never) is when a payout comes back, `returned_on` the settlement date it did. `batch` is the batchNo.
    """

    seq: int
    mer_id: str
    order_id: str
    txn_time: str
    txn_type: str
    txn_sub_type: str
    biz_type: str
    access_type: str
    encoding: str
    sign_method: str
    amount: int
    key: str
    acc_no: str
    query_id: str
    trace_no: str
    trace_time: str
    back_url: str
    front_url: str = ""
    orig_qry_id: str = ""
    state: State = "PENDING"
    resp_code: str = ""
    final_code: str = ""
    settle_date: str = ""
    fee: int = 0
    refunded: int = 0
    token: str = ""
    closes_at: float = 0.0
    hidden: int = 0
    notify_due: float | None = None
    notify_sends: int = 0
    acc_type: str = "01"
    bill_no: str = ""
    instalments: int = 0
    surcharge: int = 0
    told: str = ""
    return_due: float = 0.0
    returned_on: str = ""
    batch: str = ""

    @property
    def fault_key(self) -> str:
        """The order's key in the plan of faults."""
        return self.key

    @property
    def notify_url(self) -> str:
        """Where its notifications go."""
        return self.back_url

    @property
    def code(self) -> str:
        """The respCode that merchants are given."""
        return self.told or self.resp_code


ORDERS = OrderTable(Order)

# `listing` is what the close of days stores about an order: the file and the transfer that contain it; for a planted
# error the excess in fen, and the file and the transfer that correct it; for a payout that came back, those of its
# return. An empty `listed_in` is a row that is missing for some days.
SCHEMA = f"""
{ORDERS.schema}
CREATE INDEX IF NOT EXISTS orders_by_day ON orders(mer_id, settle_date);
CREATE TABLE IF NOT EXISTS listing(seq INTEGER PRIMARY KEY, mer_id TEXT, listed_in TEXT, settled_in TEXT,
    excess INTEGER NOT NULL DEFAULT 0, corrected_in TEXT, correction_settled_in TEXT,
    return_listed_in TEXT, return_settled_in TEXT);
CREATE INDEX IF NOT EXISTS listing_by_day ON listing(mer_id, listed_in);
CREATE TABLE IF NOT EXISTS merchants(mer_id TEXT PRIMARY KEY, name TEXT, secure_key TEXT);
CREATE TABLE IF NOT EXISTS certificates(mer_id TEXT, cert_id TEXT, pem TEXT, PRIMARY KEY(mer_id, cert_id));
CREATE TABLE IF NOT EXISTS accounts(mer_id TEXT PRIMARY KEY, url TEXT, account TEXT);
CREATE TABLE IF NOT EXISTS days(mer_id TEXT, settle_date TEXT, pay_in_count INTEGER, pay_in_fen INTEGER,
    refund_count INTEGER, refund_fen INTEGER, payout_count INTEGER, payout_fen INTEGER,
    returned_fen INTEGER, fee_fen INTEGER, adjust_fen INTEGER, net_fen INTEGER,
    content TEXT, transferred INTEGER, PRIMARY KEY(mer_id, settle_date));
"""


def query_id(txn_time: str, seq: int) -> str:
    """The bank's own number of an order: 21 digits."""
    return f"{txn_time}{seq % 10_000_000:07d}"


def trace_no(seq: int) -> str:
    """The trace number of an order: 6 digits."""
    return f"{seq % 1_000_000:06d}"


class Book(OrderBook[Order]):
    """Finds orders by their numbers."""

    def __init__(self, store: Store) -> None:
        self._by_number: dict[tuple[str, str, str], Order] = {}
        self._by_query_id: dict[str, Order] = {}
        self._by_token: dict[str, Order] = {}
        super().__init__(store, ORDERS)

    def add_new(self, order: Order) -> None:
        """Take in a new order that did not come by the wire, and give it the bank's numbers."""
        order.seq = self.next_seq()
        order.query_id, order.trace_no = query_id(order.txn_time, order.seq), trace_no(order.seq)
        self.add(order)

    def same_day(self, mer_id: str, order_id: str, txn_time: str) -> Order | None:
        """The order that holds this number on this trade date: there can be only one."""
        return self._by_number.get((mer_id, order_id, txn_time[:8]))

    def by_number(self, mer_id: str, order_id: str, txn_time: str) -> Order | None:
        """The order with exactly this key."""
        order = self.same_day(mer_id, order_id, txn_time)
        return order if order is not None and order.txn_time == txn_time else None

    def by_query_id(self, mer_id: str, query_id: str) -> Order | None:
        """The merchant's order with the bank's own number."""
        order = self._by_query_id.get(query_id)
        return order if order is not None and order.mer_id == mer_id else None

    def by_token(self, token: str) -> Order | None:
        """The order of a cashier page."""
        return self._by_token.get(token)

    def by_own_number(self, order_id: str) -> Order | None:
        """The newest order with this number, of any merchant and day."""
        found = (order for (_, number, _), order in reversed(self._by_number.items()) if number == order_id)
        return next(found, None)

    def _index(self, order: Order) -> None:
        self._by_number[order.mer_id, order.order_id, order.txn_time[:8]] = order
        self._by_query_id[order.query_id] = order
        if order.token:
            self._by_token[order.token] = order
