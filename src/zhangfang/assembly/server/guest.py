"""One connection of the server, with what its caller may send, hold and wait for.

uvicorn bounds neither the size of a head nor the time that it takes, and begins a request before its body is there. Here
a request begins when it has arrived whole (a long body when its first part has), so a slow caller holds a connection and
a bounded number of bytes, and nothing else.
"""

import math
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from zhangfang.assembly.server.hall import Hall
from zhangfang.assembly.server.refusals import FULL, OFTEN, refusal

HEAD = (
    16 * 1024
)  # bytes that are parsed at once while a head is read: a head is refused after two of them at the latest
KEPT = 256 * 1024  # bytes of a body that are kept until it is whole; a longer one is read as it arrives
UNREAD = 1024 * 1024  # bytes of bodies that may come after their answer, on a connection
PIPELINED = 8  # requests that may wait behind one on their connection
IDLE_SECONDS = 5.0  # from an answer to the next request's first byte
HEAD_SECONDS = 10.0  # from the connection, or the first byte, to the end of the head
BODY_SECONDS = 10.0  # that a body may be behind BODY_RATE
BODY_RATE = 4 * 1024  # bytes a second
READ_SECONDS = 30.0  # that a caller may take no byte of its answer
AWAY_SECONDS = 2.0  # for the head of a connection that will be refused


class Guest(HttpToolsProtocol):
    """One connection. `due` is when the next thing that it waits for has to be there, on the loop's clock."""

    def __init__(self, hall: Hall, **wiring: Any) -> None:
        """Take the server's hall, and what uvicorn gives every protocol."""
        super().__init__(**wiring)
        self.hall = hall
        self.address = ""
        self.due = self.read_due = math.inf
        self.kept = self.unread = 0
        self.head = 0  # bytes of a head that is not complete
        self.in_head = self.welcome = False
        self.unbegun: ASGIApp | None = None  # what takes the request once it is whole

    def connection_made(self, transport: Any) -> None:
        """Be counted."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.welcome = self.hall.enter(self)
        self.due = self.loop.time() + (HEAD_SECONDS if self.welcome else AWAY_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be forgotten."""
        super().connection_lost(exc)
        self.unbegun = None
        self.hall.part(self)

    def data_received(self, data: bytes) -> None:
        """Parse, a slice at a time, so that a long head is seen before it is all read."""
        if not self.welcome:
            self.crowded_out()
        while data and not self.transport.is_closing():
            part, data = data[:HEAD], data[HEAD:]
            self.head += len(part)
            super().data_received(part)
            if not self.in_head:
                self.head = 0
            elif self.head >= HEAD:
                self.refuse(
                    431, "head_too_large", f"the head: more than {HEAD} bytes; allowed: at most {HEAD}"
                )

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self.in_head, self.head = True, 0
        if self.cycle is None or self.cycle.response_complete:
            self.due = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        """Note that the body comes next."""
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests wait on this connection")
        self.in_head = False
        self.due = self.loop.time() + BODY_SECONDS
        super().on_headers_complete()
        declared = next((value for name, value in self.headers if name == b"content-length"), b"0")
        if self.unbegun and int(declared) > KEPT:
            self.begin(self.cycle, self.unbegun)  # it may be refused before any of it is read
        elif self.unbegun and self.expect_100_continue:
            self.cycle.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Keep the body, or hand it on if the request has begun."""
        if (
            self.cycle.response_complete
        ):  # nobody reads it; a caller that sends a little more still gets its answer
            self.unread += len(body)
            if self.unread > UNREAD:
                self.leave()
            return
        self.due = min(self.due + len(body) / BODY_RATE, self.loop.time() + BODY_SECONDS)
        if self.unbegun is None:
            super().on_body(body)
            return
        self.cycle.body += body
        self.hall.keep(self, len(self.cycle.body))
        if self.kept > KEPT:
            self.begin(self.cycle, self.unbegun)

    def on_message_complete(self) -> None:
        """Begin the request that was kept."""
        super().on_message_complete()
        self.due = self.loop.time() + IDLE_SECONDS if self.cycle.response_complete else math.inf
        if self.unbegun:
            self.begin(self.cycle, self.unbegun)

    def on_response_complete(self) -> None:
        """Begin the request behind this one, or wait for the next. uvicorn's own sets a timer each time; `due` is none."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self.hall.waiting[self] = None
        if not self.cycle.more_body:
            self.due = self.loop.time() + IDLE_SECONDS

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin a request that is whole; keep another until it is."""
        if cycle.more_body:
            self.unbegun = app
            self.hall.waiting[self] = None
        else:
            self.begin(cycle, app)

    def begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered; by 503 if too many are at work. Whether the platform is well is always answered.

        By 429 if its address has asked too often.
        """
        if not self.hall.may_ask(self.address, self.loop.time()):
            self.unbegun = app
            self.refuse(429, "too_often", OFTEN)
            return
        if len(self.tasks) >= self.hall.bounds.requests and cycle.scope["path"] != "/health":
            self.unbegun = app
            self.crowded_out()
            return
        self.unbegun = None
        self.hall.begin(self)
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Give the caller some time to read its answer."""
        super().pause_writing()
        self.read_due = self.loop.time() + READ_SECONDS

    def resume_writing(self) -> None:
        """See that the caller reads."""
        super().resume_writing()
        self.read_due = math.inf

    def look(self, now: float) -> None:
        """Part from the caller if it is late."""
        if self.transport.is_closing():
            self.read_due = min(self.read_due, now + READ_SECONDS)  # for what has been written
        elif self.flow.read_paused:
            self.due = max(self.due, now + BODY_SECONDS)  # we are the ones who do not read
        elif now > self.due:
            self.refuse(408, "too_slow", "the request did not arrive in time")
        if now > self.read_due:
            self.leave()

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Answer what is not a whole request, unless it is nothing or an answer is on its way, and close."""
        answering = self.cycle and not self.cycle.response_complete and not self.unbegun
        if answering or not (self.in_head or self.unbegun):
            self.leave()
            return
        self.transport.write(refusal(status, code, detail))
        self.shut(self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Say that this is not HTTP."""
        self.in_head = True
        self.refuse(400, "malformed_request", "the request is not HTTP/1.1 as RFC 9112 has it")

    def crowded_out(self) -> None:
        """Answer 503: there is no room for this caller."""
        self.in_head = True  # it is told so whatever it has sent
        self.refuse(503, "busy", FULL)

    def leave(self) -> None:
        """Close without a word."""
        self.shut(self.transport.abort)

    def shut(self, close: Callable[[], None]) -> None:
        """Close, and make no more room."""
        self.unbegun = None
        self.hall.begin(self)
        close()

    def shutdown(self) -> None:
        """Stop in good order: what has not begun does not begin any more."""
        if self.unbegun:
            self.leave()
        else:
            super().shutdown()
