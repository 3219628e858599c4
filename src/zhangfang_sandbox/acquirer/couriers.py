"""Notifications: posted to the merchant repeatedly until they are answered as the channel wants.

The bank says which orders are notified, and how. No bank notifies of a failed order [G].
"""

import asyncio
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from zhangfang_sandbox.acquirer.order_table import Kind, OrderBook
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import Faults
from zhangfang_sandbox.common.store import Store

# Real seconds between an order's success and its notification, so that the answer usually arrives first.
SOON = 0.05
COPIES = 3


@dataclass(frozen=True, slots=True)
class Notice(Generic[Kind]):
    """How a bank notifies. `gaps` are seconds of the bank's clock between sends, `accepted` reads the answer.

    `compose` returns headers and body; with its second argument they have an older state of the order: still being
    paid. Each fault of `spoils` acts once on an order's notifications: `spoiled` gives the body that is sent instead.
    """

    gaps: Sequence[float]
    compose: Callable[[Kind, bool], tuple[Mapping[str, str], bytes]]
    accepted: Callable[[int, bytes], bool]
    spoils: Sequence[str] = ()
    spoiled: Callable[[str, Kind, bytes], bytes] = lambda _, _order, body: body


class Notifier(Generic[Kind]):
    """Sends what is due. The order's row stores what is still to be sent."""

    def __init__(
        self, store: Store, clock: BankClock, faults: Faults, book: OrderBook[Kind], notice: Notice[Kind]
    ) -> None:
        self._store, self._clock, self._faults, self._book = store, clock, faults, book
        self._notice = notice
        self._waiting: list[tuple[float, int, Kind]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # The merchant has the whole 10 s to answer, so no time may be lost waiting for a free connection.
        self._http = ClientSession(
            connector=TCPConnector(limit=64), timeout=ClientTimeout(total=None, sock_connect=10, sock_read=10)
        )

    def plan(self, order: Kind, late: bool = False) -> None:
        """Plan the notification of an order that has just succeeded, as its faults say. `late` makes it late anyway."""
        if self._faults.meets("notify_lost", order.fault_key):
            return
        late = self._faults.meets("notify_late", order.fault_key) or late
        order.notify_due = self._clock.now().timestamp()
        kinds = [False] * (COPIES if self._faults.meets("notify_repeated", order.fault_key) else 1)
        if self._faults.meets("notify_disordered", order.fault_key):
            kinds.append(True)
        self._start(order, self._faults.plan.late_seconds if late else SOON, kinds)

    def wait(self, order: Kind) -> None:
        """Send when the bank's clock reaches `notify_due`."""
        if order.notify_due is not None:
            heapq.heappush(self._waiting, (order.notify_due, order.seq, order))

    def release(self) -> None:
        """Send what has become due."""
        now = self._clock.now().timestamp()
        while self._waiting and self._waiting[0][0] <= now:
            self._start(heapq.heappop(self._waiting)[2], 0, [False])

    async def close(self) -> None:
        """Stop sending; the store keeps what was not sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    def _start(self, order: Kind, delay: float, kinds: Sequence[bool]) -> None:
        task = asyncio.create_task(self._send(order, delay, kinds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, order: Kind, delay: float, kinds: Sequence[bool]) -> None:
        await asyncio.sleep(delay)
        await self._store.committed()  # never send what a crash could still undo
        taken = [await self._post(order, older) for older in kinds]
        order.notify_sends += 1
        order.notify_due = None
        if not any(taken) and order.notify_sends <= len(self._notice.gaps):
            gap = self._notice.gaps[order.notify_sends - 1]
            order.notify_due = self._clock.now().timestamp() + gap
            self.wait(order)
        self._book.save(order)

    async def _post(self, order: Kind, older: bool) -> bool:
        headers, body = self._notice.compose(order, older)
        if fault := self._faults.first_met(self._notice.spoils, order.fault_key):
            body = self._notice.spoiled(fault, order, body)
        try:
            async with self._http.post(
                order.notify_url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return self._notice.accepted(response.status, await response.content.read(4096))
        except (ClientError, TimeoutError, ValueError):
            return False  # the receiver is down or unknown: the next try may reach it
