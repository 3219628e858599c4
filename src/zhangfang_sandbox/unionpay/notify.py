"""Notifications: a form posted to the merchant's backUrl, again and again until it is answered.

Facts of ACP 5.1.0: an answer of HTTP 200 or 302 within 10 s ends it; up to 5 sends with gaps of 1, 2, 4 and 5
minutes (by the bank's clock). A failed transaction is never notified.
"""

import asyncio
import heapq

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay.book import Book, Order
from zhangfang_sandbox.unionpay.wire import forms as wire
from zhangfang_sandbox.unionpay.wire import messages
from zhangfang_sandbox.unionpay.wire.seal import Merchant, Seal

GAP_MINUTES = (1, 2, 4, 5)
# Real seconds between an order's success and its notification, so that the answer usually arrives first.
SOON = 0.05
COPIES = 3


class Notifier:
    """Sends what is due. The order's row stores what is still to be sent."""

    def __init__(
        self,
        store: Store,
        clock: BankClock,
        faults: Faults,
        book: Book,
        seal: Seal,
        merchants: dict[str, Merchant],
    ) -> None:
        self._store, self._clock, self._faults, self._book = store, clock, faults, book
        self._seal, self._merchants = seal, merchants
        self._waiting: list[tuple[float, int, Order]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # The merchant has the whole 10 s to answer, so no time may be lost waiting for a free connection.
        self._http = ClientSession(
            connector=TCPConnector(limit=64), timeout=ClientTimeout(total=None, sock_connect=10, sock_read=10)
        )

    def plan(self, order: Order, late: bool) -> None:
        """Plan the notification of an order that has just succeeded, as its faults say."""
        if self._faults.meets("notify_lost", order.key):
            return
        late = self._faults.meets("notify_late", order.key) or late
        order.notify_due = self._clock.now().timestamp()
        disordered = self._faults.meets("notify_disordered", order.key)
        copies = COPIES if self._faults.meets("notify_repeated", order.key) else 1
        self._start(order, self._faults.plan.late_seconds if late else SOON, copies, disordered)

    def wait(self, order: Order) -> None:
        """Send when the bank's clock reaches `notify_due`."""
        if order.notify_due is not None:
            heapq.heappush(self._waiting, (order.notify_due, order.seq, order))

    def release(self) -> None:
        """Send what has become due."""
        now = self._clock.now().timestamp()
        while self._waiting and self._waiting[0][0] <= now:
            self._start(heapq.heappop(self._waiting)[2], 0, 1)

    async def close(self) -> None:
        """Stop sending; the store keeps what was not sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    def _start(self, order: Order, delay: float, copies: int, disordered: bool = False) -> None:
        task = asyncio.create_task(self._send(order, delay, copies, disordered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, order: Order, delay: float, copies: int, disordered: bool) -> None:
        await asyncio.sleep(delay)
        await self._store.committed()  # never send what a crash could still undo
        bodies = [self._body(order, messages.outcome(order))] * copies
        if disordered:
            bodies.append(self._body(order, messages.older(order)))
        taken = [await self._post(order, body) for body in bodies]
        order.notify_sends += 1
        order.notify_due = None
        if not any(taken) and order.notify_sends <= len(GAP_MINUTES):
            gap = GAP_MINUTES[order.notify_sends - 1] * 60
            order.notify_due = self._clock.now().timestamp() + gap
            self.wait(order)
        self._book.save(order)

    def _body(self, order: Order, fields: wire.Fields) -> bytes:
        return wire.form(self._seal.sign(fields, self._merchants[order.mer_id]))

    async def _post(self, order: Order, body: bytes) -> bool:
        kind = {"Content-Type": f"application/x-www-form-urlencoded;charset={order.encoding}"}
        try:
            async with self._http.post(
                order.back_url, data=body, headers=kind, allow_redirects=False
            ) as response:
                await response.read()
                return response.status in {200, 302}
        except (ClientError, TimeoutError, ValueError):
            return False  # the receiver is down or unknown: the next try may reach it
