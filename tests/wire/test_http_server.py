"""The server's bounds, by callers that keep to none: huge, slow, silent, too many. Each test asserts on outcomes alone."""

import asyncio
import contextlib
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from zhangfang.assembly.server import Bounds, guest, hall, wiring

BOUNDS = Bounds(connections=24, per_address=12, requests=6)
GET = b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n"
SOON = 0.3  # seconds, instead of the ten or thirty of the real server


class Site:
    """A server in a thread: what it answers, and how often each address was begun."""

    def __init__(self) -> None:
        """Answer three addresses: at once, after `go`, and without an end."""
        self.begun: list[str] = []
        self.bodies: list[int] = []
        self.go = asyncio.Event()
        self.opened = contextlib.ExitStack()  # the callers' sockets
        routes = [
            Route("/quick", self.quick, methods=["GET", "POST"]),
            Route("/health", self.quick),
            Route("/early", self.early, methods=["POST"]),
            Route("/slow", self.slow),
            Route("/long", self.long),
        ]
        self.config = uvicorn.Config(
            Starlette(routes=routes), loop="none", timeout_graceful_shutdown=1, **wiring(BOUNDS)
        )
        self.server = uvicorn.Server(self.config)
        self.port = 0
        self.loop: asyncio.AbstractEventLoop

    async def quick(self, http: Request) -> Response:
        """Answer with the body's length."""
        self.begun.append(http.url.path)
        body = await http.body()
        self.bodies.append(len(body))
        return PlainTextResponse(str(len(body)))

    async def early(self, http: Request) -> Response:
        """Answer without reading the body."""
        self.begun.append(http.url.path)
        return PlainTextResponse("no", 413)

    async def slow(self, http: Request) -> Response:
        """Answer when the test says so."""
        self.begun.append(http.url.path)
        await self.go.wait()
        return PlainTextResponse("done")

    async def long(self, http: Request) -> Response:
        """Answer without an end."""
        self.begun.append(http.url.path)

        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield bytes(65536)
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    def run(self, listening: socket.socket) -> None:
        """Serve until told to stop."""

        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            await self.server.serve([listening])

        uvloop.run(main())

    @property
    def hall(self) -> hall.Hall:
        """Return the server's book of connections."""
        held: hall.Hall = self.config.http.args[0]  # type: ignore[union-attr]
        return held


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the server lose its patience soon."""
    for name in ("IDLE_SECONDS", "HEAD_SECONDS", "BODY_SECONDS", "READ_SECONDS", "AWAY_SECONDS"):
        monkeypatch.setattr(guest, name, SOON)
    monkeypatch.setattr(hall, "LOOK_SECONDS", SOON / 3)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(hall, "ALL_KEPT", 600_000)
    made = Site()
    listening = socket.create_server(("127.0.0.1", 0))
    made.port = listening.getsockname()[1]
    thread = threading.Thread(target=made.run, args=(listening,))
    thread.start()
    while not made.server.started:
        assert thread.is_alive()
        thread.join(0.01)
    with made.opened:
        yield made
    made.server.should_exit = True
    thread.join()
    assert not made.hall.here
    assert not made.hall.by_address
    assert (made.hall.kept, made.hall.waiting, made.hall.refused) == (0, {}, {})


def call(site: Site, *pieces: bytes, host: str = "127.0.0.1") -> socket.socket:
    """Connect from an address of loopback, send, and return the socket."""
    opened = site.opened.enter_context(socket.create_connection(("127.0.0.1", site.port), 20, (host, 0)))
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            opened.sendall(piece)
    return opened


def said(opened: socket.socket) -> bytes:
    """Return all that comes until the server closes."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := opened.recv(1 << 20):
            found += data
    opened.close()
    return found


def status(opened: socket.socket) -> int:
    """Return the status of the first answer, 0 if the connection is closed without one."""
    with contextlib.suppress(ConnectionError):
        first = opened.recv(65536)
        assert first[:9] in (b"HTTP/1.1 ", b"")
        return int(first[9:12] or 0)
    return 0


def until(site: Site, path: str, count: int) -> None:
    """Wait until as many requests have begun."""
    while site.begun.count(path) < count:
        threading.Event().wait(0.01)


def head(size: int) -> bytes:
    return b"GET /quick HTTP/1.1\r\nHost: x\r\nX: " + b"a" * size + b"\r\n\r\n"


def test_a_head_of_the_usual_size_is_answered_and_a_huge_one_is_refused_before_it_is_all_there(
    site: Site,
) -> None:
    assert status(call(site, head(10_000))) == 200
    assert status(call(site, head(40_000))) in (431, 0)
    endless = call(site, b"GET /quick HTTP/1.1\r\nX: ")
    with pytest.raises(ConnectionError):
        endless.sendall(b"a" * 50 * 2**20)
    assert status(call(site, b"GET /" + b"a" * 20_000, b"b" * 20_000)) in (431, 0)
    assert site.begun == ["/quick"]


def test_a_head_that_comes_in_many_pieces_and_many_heads_on_one_connection_are_read(site: Site) -> None:
    opened = call(site)
    for byte in GET[:-1]:
        opened.sendall(bytes([byte]))
    opened.sendall(GET[-1:])
    assert status(opened) == 200
    for _ in range(5):
        opened.sendall(head(10_000))
        assert status(opened) == 200
    opened.sendall(GET * 4)
    answers = b""
    while answers.count(b"200 OK") < 4:
        answers += opened.recv(65536)


@pytest.mark.usefixtures("hasty")
def test_a_half_request_never_begins_and_is_told_so(site: Site) -> None:
    halves = {
        b"GET /quick HT": 408,
        b"": 0,  # who said nothing is told nothing
        b"\r\n\r\n\r\n": 0,
        b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc": 408,
        b"POST /quick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n": 408,
    }
    assert [status(one) for one in [call(site, half) for half in halves]] == list(halves.values())
    assert site.begun == []


@pytest.mark.usefixtures("hasty")
def test_a_caller_that_drips_is_no_better_off(site: Site) -> None:
    for start, drop in ((b"GET /quick HTTP/1.1\r\nX:", b"a"), (b"", b"\r\n"), (_post(10_000), b"a")):
        opened = call(site, start)
        with contextlib.suppress(ConnectionError):
            while True:
                opened.sendall(drop)
                opened.settimeout(0.02)
                with contextlib.suppress(TimeoutError):
                    if (data := opened.recv(100)) is not None:
                        assert data[9:12] in (b"408", b""), data
                        break
    assert site.begun == []


def _post(length: int) -> bytes:
    return b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length


def test_bodies_of_every_size_arrive_whole(site: Site) -> None:
    sizes = (0, 1, 65_536, 65_537, guest.KEPT, guest.KEPT + 1, 3_000_000)
    for size in sizes:
        assert status(call(site, _post(size), bytes(size))) == 200
    expecting = call(
        site, b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert status(expecting) == 100
    expecting.sendall(b"abc")
    assert status(expecting) == 200
    assert site.bodies == [*sizes, 3]


def test_a_long_body_may_be_refused_before_it_comes_and_is_not_read_for_ever_after(site: Site) -> None:
    opened = call(site, _post(300_000_000).replace(b"quick", b"early"))
    assert status(opened) == 413
    with pytest.raises(ConnectionError):
        opened.sendall(bytes(60 * 2**20))
    a_little = call(site, _post(300_000).replace(b"quick", b"early"), bytes(300_000))
    assert status(a_little) == 413
    a_little.sendall(GET)
    assert status(a_little) == 200


def test_requests_beyond_the_bound_are_answered_503_with_a_time_and_health_is_answered(site: Site) -> None:
    slow = [call(site, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(BOUNDS.requests)]
    until(site, "/slow", BOUNDS.requests)
    above = said(call(site, GET))
    assert above.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1\r\n" in above
    assert b'"code":"busy"' in above
    assert status(call(site, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")) == 200
    site.loop.call_soon_threadsafe(site.go.set)
    assert [status(one) for one in slow] == [200] * BOUNDS.requests
    assert status(call(site, GET)) == 200
    assert site.begun.count("/quick") == 1


def test_an_address_that_asks_too_often_is_told_when_to_come_again_and_another_is_answered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hall, "LOOPBACK", ("127.0.0.1",))
    monkeypatch.setattr(hall, "LOOK_SECONDS", 60)
    site.hall.bounds = Bounds(connections=24, per_address=12, requests=6, asks=2)
    counted = site.hall.may_ask
    monkeypatch.setattr(site.hall, "may_ask", lambda address, _: counted(address, 0.0))  # its clock stands
    assert [status(call(site, GET, host="127.0.0.2")) for _ in range(4)] == [200] * 4
    refused = said(call(site, GET, host="127.0.0.2"))
    assert refused.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 1\r\n" in refused.lower()
    assert [status(call(site, GET, host=host)) for host in ("127.0.0.3", "127.0.0.1")] == [200, 200]


def test_an_address_may_ask_again_as_time_passes_and_never_more_than_twice_a_seconds_share() -> None:
    book = hall.Hall(Bounds(asks=10))
    assert [book.may_ask("192.0.2.1", 5.0) for _ in range(21)] == [True] * 20 + [False]
    assert [book.may_ask("192.0.2.1", 5.25) for _ in range(3)] == [True, True, False]
    assert [book.may_ask("192.0.2.1", 900.0) for _ in range(21)] == [True] * 20 + [False]
    assert all(book.may_ask("127.0.0.1", 5.0) for _ in range(100))


def test_half_requests_hold_no_place_of_whole_ones(site: Site) -> None:
    halves = [call(site, _post(10)) for _ in range(BOUNDS.requests + 2)]
    assert status(call(site, GET)) == 200
    for half in halves:
        half.close()


def test_connections_of_one_address_beyond_its_share_are_refused_and_another_address_is_not(
    site: Site,
) -> None:
    silent = [call(site) for _ in range(BOUNDS.per_address)]
    assert status(call(site, GET)) == 503
    assert status(call(site, GET, host="127.0.0.2")) == 200
    for one in silent:
        one.close()


def test_where_all_places_are_taken_the_oldest_silent_caller_makes_room(site: Site) -> None:
    silent = [call(site, host=f"127.0.0.{2 + n // 10}") for n in range(60)]
    assert status(call(site, GET)) == 200
    assert len(site.hall.here) <= BOUNDS.connections + 1
    assert status(silent[0]) == 0
    for one in silent:
        one.close()


def test_a_body_behind_another_request_is_kept_and_arrives(site: Site) -> None:
    opened = call(site, GET + _post(9) + b"abc")
    until(site, "/quick", 1)
    opened.sendall(b"defghi" + GET)
    answers = b""
    while answers.count(b"200 OK") < 3:
        answers += opened.recv(65536)
    assert site.bodies == [0, 9, 0]


def test_kept_bodies_are_bounded_together_and_the_largest_goes(site: Site) -> None:
    small = call(site, _post(10), b"abc")
    large = [call(site, _post(200_000), bytes(190_000)) for _ in range(4)]
    answered, _, _ = select.select(large, [], [])
    assert status(answered[0]) == 503
    assert site.hall.kept <= 600_000
    small.sendall(b"defghij")
    assert status(small) == 200


@pytest.mark.usefixtures("hasty")
def test_a_connection_without_a_request_is_closed_and_one_in_use_is_not(site: Site) -> None:
    opened = call(site)
    for _ in range(8):
        opened.sendall(GET)
        assert status(opened) == 200
        threading.Event().wait(SOON / 6)
    assert opened.recv(1) == b"", "nothing is said to whoever is idle"


@pytest.mark.usefixtures("hasty")
def test_a_caller_that_does_not_read_its_answer_is_parted_from(site: Site) -> None:
    opened = call(site, b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    until(site, "/long", 1)
    while site.hall.here:
        threading.Event().wait(0.02)
    opened.close()


def test_a_pipeline_without_end_is_refused(site: Site) -> None:
    opened = call(site, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    assert said(opened) == b"" or site.begun.count("/slow") <= 1


@pytest.mark.parametrize(
    "bytes_", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_http_is_told_so(site: Site, bytes_: bytes) -> None:
    answer = said(call(site, bytes_))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"malformed_request" in answer
