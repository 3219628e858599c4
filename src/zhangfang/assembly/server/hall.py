"""All connections of the server: how many there may be, and who makes room for whom."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

LOOK_SECONDS = 1.0
LOOPBACK = ("127.", "::1")  # who is on this machine, a proxy among them, may ask as often as it likes
ALL_KEPT = 32 * 1024 * 1024  # bytes of all bodies that are kept until they are whole


class Caller(Protocol):
    """What the hall knows of a connection; `kept` counts the bytes of a body whose request has not begun."""

    loop: asyncio.AbstractEventLoop
    address: str
    kept: int

    def look(self, now: float) -> None:
        """Close if the caller is late."""
        ...

    def leave(self) -> None:
        """Close without a word."""
        ...

    def crowded_out(self) -> None:
        """Answer 503 and close."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be, how many of them from one address, and how many requests at once.

    `asks` is how many requests an address may begin in a second; twice as many if it was silent before.
    """

    connections: int = 2048
    per_address: int = 512
    requests: int = 256
    asks: int = 500


class Hall:
    """All connections of a server. Those that wait for their caller make room for new ones, the oldest first."""

    def __init__(self, bounds: Bounds) -> None:
        """Be empty."""
        self.bounds = bounds
        self.here: dict[Caller, None] = {}
        self.waiting: dict[Caller, None] = {}  # for a whole request, longest first
        self.refused: dict[Caller, None] = {}  # of these, the ones above their address's share
        self.by_address: Counter[str] = Counter()
        self.asked: dict[str, tuple[float, float]] = {}  # how many an address may still ask, and since when
        self.kept = 0  # bytes of bodies
        self.looking = False

    def enter(self, caller: Caller) -> bool:
        """Take a connection in; False if its address has too many."""
        if len(self.here) >= self.bounds.connections and self.waiting:
            next(iter(self.refused or self.waiting)).leave()
        self.here[caller] = self.waiting[caller] = None
        self.by_address[caller.address] += 1
        welcome = self.by_address[caller.address] <= self.bounds.per_address
        if not welcome:
            self.refused[caller] = None
        if not self.looking:
            self.looking = True
            caller.loop.call_later(LOOK_SECONDS, self.look, caller.loop)
        return welcome

    def may_ask(self, address: str, now: float) -> bool:
        """Count a request of an address; False if it has asked too often, which is not counted."""
        if address.startswith(LOOPBACK):
            return True
        left, since = self.asked.get(address, (2.0 * self.bounds.asks, now))
        left = min(2.0 * self.bounds.asks, left + (now - since) * self.bounds.asks)
        if left < 1:
            return False
        self.asked[address] = left - 1, now
        return True

    def keep(self, caller: Caller, size: int) -> None:
        """Note how many bytes of a body are kept. Where all are too many, the caller with most of them goes."""
        self.kept += size - caller.kept
        caller.kept = size
        if self.kept > ALL_KEPT:
            max(self.waiting, key=lambda one: one.kept).crowded_out()

    def begin(self, caller: Caller) -> None:
        """Note that the caller waits for us now, or is on its way out."""
        self.keep(caller, 0)
        self.waiting.pop(caller, None)
        self.refused.pop(caller, None)

    def part(self, caller: Caller) -> None:
        """Forget a connection that has ended."""
        self.begin(caller)
        del self.here[caller]
        self.by_address[caller.address] -= 1
        if not self.by_address[caller.address]:
            del self.by_address[caller.address]

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Part from every caller that is too late; look again in a second while anybody is here."""
        now = loop.time()
        for caller in list(self.here):
            caller.look(now)
        self.asked = {
            address: one for address, one in self.asked.items() if now - one[1] < 2
        }  # it has all again
        self.looking = bool(self.here)
        if self.looking:
            loop.call_later(LOOK_SECONDS, self.look, loop)
