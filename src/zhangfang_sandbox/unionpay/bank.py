"""The business of the bank: orders are made and end."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zhangfang_sandbox.acquirer.acquiring import HIDDEN_QUERIES
from zhangfang_sandbox.acquirer.closing import settle_date
from zhangfang_sandbox.acquirer.couriers import Notifier
from zhangfang_sandbox.common.clock import CHINA, BankClock
from zhangfang_sandbox.common.faults import Faults, chance
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay.book import Book, Order, query_id, trace_no
from zhangfang_sandbox.unionpay.rules import back_at, judge_return, succeed
from zhangfang_sandbox.unionpay.wire.codes import (
    ACCOUNT_TYPE,
    BALANCE,
    CAME_BACK,
    DUPLICATE,
    ISSUER,
    SUCCESS,
    UNKNOWN,
    WRONG_STATE,
    Refusal,
)
from zhangfang_sandbox.unionpay.wire.fields import PAYOUT, RETURNS, VOID, check_current, china_time
from zhangfang_sandbox.unionpay.wire.forms import Fields
from zhangfang_sandbox.unionpay.wire.keys import Identity
from zhangfang_sandbox.unionpay.wire.seal import Merchant, Seal

# The respCode of a query about a pending order: "taken, ask later".
OPEN = "05"
# Unverified: how long a cashier page is valid if the merchant gives no payTimeout.
PAGE_LIFE = timedelta(days=1)
# Faults that make an order fail at once, and the respCode it fails with.
_DECLINES = {"decline": BALANCE, "account_type": ACCOUNT_TYPE}


class Bank:
    """Merchants, orders, and the rules that change them. Await `store.committed()` before answering about a change."""

    def __init__(
        self,
        store: Store,
        clock: BankClock,
        faults: Faults,
        book: Book,
        keys: Mapping[str, Identity],
        seal: Seal,
        notifier: Notifier[Order],
        merchants: dict[str, Merchant],
    ) -> None:
        self.store, self.clock, self.faults, self.book, self.keys = store, clock, faults, book, keys
        self.seal, self.notifier, self.merchants = seal, notifier, merchants
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._coming_back = [order for order in book.all() if order.return_due]

    def resume(self) -> None:
        """Go on after a start: pending orders still end, and notifications that were due still leave."""
        for order in self.book.all():
            if order.final_code:
                self._wait(order, silent=bool(order.batch))
            elif order.notify_due is not None:
                self.notifier.wait(order)

    def close(self) -> None:
        """Stop all timers of pending orders; `resume` starts them again."""
        for timer in self._timers.values():
            timer.cancel()

    def open(self, fields: Fields, acc_no: str = "") -> Order:
        """A new order from a well-formed request, not yet in the book. Refuses a number that is taken."""
        if self.book.same_day(fields["merId"], fields["orderId"], fields["txnTime"]) is not None:
            raise Refusal(DUPLICATE)
        now = self.clock.now()
        check_current(fields, now)
        seq = self.book.next_seq()
        return Order(
            seq=seq,
            mer_id=fields["merId"],
            order_id=fields["orderId"],
            txn_time=fields["txnTime"],
            txn_type=fields["txnType"],
            txn_sub_type=fields["txnSubType"],
            biz_type=fields["bizType"],
            access_type=fields["accessType"],
            encoding=fields["encoding"],
            sign_method=fields["signMethod"],
            amount=int(fields["txnAmt"]),
            key=fields.get("reqReserved", ""),
            acc_no=acc_no,
            query_id=query_id(fields["txnTime"], seq),
            trace_no=trace_no(seq),
            trace_time=f"{now.astimezone(CHINA):%m%d%H%M%S}",
            back_url=fields["backUrl"],
            front_url=fields.get("frontUrl", ""),
            acc_type=fields.get("accType", "01"),
            bill_no=fields.get("billNo", ""),
            instalments=int(fields.get("instalTransInfo", "")[-3:-1] or 0),
        )

    def take(self, order: Order, original: Order | None = None, silent: bool = False) -> str:
        """Book an order of a merchant's server; returns the respCode of the synchronous answer."""
        code = SUCCESS
        if order.txn_type in RETURNS:
            order.orig_qry_id = original.query_id if original else ""
            code = judge_return(order, original, settle_date(self.clock.now()))
        self._add(order)
        return self._proceed(order, original, code, silent)

    def present(self, order: Order, pay_timeout: str) -> None:
        """Book a purchase that waits at the cashier."""
        closes = china_time(pay_timeout, "payTimeout") if pay_timeout else self.clock.now() + PAGE_LIFE
        order.token, order.closes_at, order.resp_code = secrets.token_urlsafe(16), closes.timestamp(), OPEN
        self._add(order)

    def pay(self, order: Order, silent: bool = False, late: bool = False) -> None:
        """The payer pays an order that waits at the cashier."""
        self._proceed(order, None, SUCCESS, silent, late)

    def refuse(self, order: Order) -> None:
        """The payer refuses, or the page's time is over: the order fails. Failures are never notified.

        Unverified: the code. The tables have none for either; 60 is a definite failure of a purchase.
        """
        self._end(order, ISSUER)

    def waiting(self, order: Order) -> bool:
        """Whether an order waits for its payer. If its time is over, it fails here."""
        if not order.token or order.state != "PENDING" or order.final_code:
            return False
        if self.clock.now().timestamp() > order.closes_at:
            self.refuse(order)
            return False
        return True

    def find(self, fields: Fields, prefix: str = "") -> Order | None:
        """The order that a request names by the bank's number or its own; with `orig`, the original of a refund or
        void."""
        names = ("origQryId", "origOrderId", "origTxnTime") if prefix else ("queryId", "orderId", "txnTime")
        query_id, order_id, txn_time = (fields.get(name, "") for name in names)
        if query_id:
            return self.book.by_query_id(fields["merId"], query_id)
        return self.book.by_number(fields["merId"], order_id, txn_time)

    def dark(self, order: Order) -> bool:
        """Whether a successful order stays invisible: no answer, no notification, "busy" for a query.

        The merchant learns of it only from the day's file. A void has no line there, so it is never dark.
        """
        done = order.state == "SUCCESS" and order.txn_type != VOID
        return done and self.faults.lasts("dark", order.key)

    def register(self, mer_id: str, name: str, pem: str, secure_key: str) -> None:
        """Register a merchant and a certificate it may sign with. Earlier certificates stay valid."""
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise TypeError("not an RSA certificate")
        serial = str(certificate.serial_number)
        merchant = self.merchants.setdefault(mer_id, Merchant(mer_id, name))
        merchant.name, merchant.secure_key = name, secure_key
        merchant.keys[serial] = key
        self.store.write("INSERT OR REPLACE INTO merchants VALUES(?,?,?)", (mer_id, name, secure_key))
        self.store.write("INSERT OR REPLACE INTO certificates VALUES(?,?,?)", (mer_id, serial, pem))

    def plant_extra(self, order: Order, at: datetime) -> None:
        """A debit that no merchant asked for, settled with the day of `at`."""
        succeed(order, at)
        self.book.add_new(order)

    def bring_back(self) -> None:
        """Return the payouts whose time has come: their money is the merchant's again on that settlement day."""
        now = self.clock.now().timestamp()
        for order in [order for order in self._coming_back if order.return_due <= now]:
            self._coming_back.remove(order)
            due = datetime.fromtimestamp(order.return_due, UTC)
            order.return_due, order.returned_on = 0.0, settle_date(due).isoformat()
            order.state, order.told = "RETURNED", CAME_BACK
            self.book.save(order)

    def _add(self, order: Order) -> None:
        if self.faults.meets("not_found_first", order.key):
            order.hidden = HIDDEN_QUERIES
        self.book.add(order)

    def _proceed(
        self, order: Order, original: Order | None, code: str, silent: bool = False, late: bool = False
    ) -> str:
        """Process an order; return the respCode of the synchronous answer."""
        meets, key = self.faults.meets, order.key
        if code == SUCCESS:
            code = next((code for fault, code in _DECLINES.items() if meets(fault, key)), SUCCESS)
        if code == SUCCESS and meets("contradict", key):
            order.told, silent = BALANCE, True  # the book has the money, but answers say that it failed
        fails_later = code == SUCCESS and not order.told and meets("decline_later", key)
        if code == SUCCESS and not fails_later and original is not None:
            original.refunded += order.amount
            self.book.save(original)
        if fails_later:
            return self._end_later(order, BALANCE, OPEN, SUCCESS, silent, late)
        if not order.told and meets("pending_first", key):
            pending = UNKNOWN[int(chance(0, "code", key) * len(UNKNOWN))]
            return self._end_later(order, code, pending, pending, silent, late)
        self._end(order, code, silent, late)
        return order.code

    def _end_later(
        self, order: Order, code: str, meanwhile: str, answer: str, silent: bool, late: bool
    ) -> str:
        """Let an order end with `code` later; until then a query is answered `meanwhile`. Returns `answer`."""
        order.final_code, order.resp_code = code, meanwhile
        self.book.save(order)
        self._wait(order, silent, late)
        return answer

    def _wait(self, order: Order, silent: bool = False, late: bool = False) -> None:
        seconds, loop = self.faults.plan.late_seconds, asyncio.get_running_loop()
        self._timers[order.seq] = loop.call_later(seconds, self._end, order, order.final_code, silent, late)

    def _end(self, order: Order, code: str, silent: bool = False, late: bool = False) -> None:
        """End the order. This happens once."""
        self._timers.pop(order.seq, None)
        now = self.clock.now()
        original = self.book.by_query_id(order.mer_id, order.orig_qry_id)
        if code == SUCCESS and original is not None and order.txn_type == VOID:
            if original.settle_date == settle_date(now).isoformat():
                original.state = "VOIDED"
            else:  # the day closed while it was pending
                code = WRONG_STATE
                original.refunded -= order.amount
            self.book.save(original)
        order.final_code, order.resp_code, order.state = "", code, "FAILED"
        if code == SUCCESS:
            self._succeed(order, now)
            if not silent and not self.dark(order):
                self.notifier.plan(order, late)
        self.book.save(order)

    def _succeed(self, order: Order, at: datetime) -> None:
        succeed(order, at)
        if order.txn_type == PAYOUT and self.faults.meets("returned", order.key):
            order.return_due = back_at(settle_date(at)).timestamp()
            self._coming_back.append(order)
