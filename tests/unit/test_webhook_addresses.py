"""A webhook reaches the public internet and what a setting allows, by whatever name or form the address comes."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from zhangfang.kernel.errors import InvalidInput
from zhangfang.webhooks import networks, open_session, outside
from zhangfang.webhooks.addresses import may_reach
from zhangfang.webhooks.rules import check_url

LOOPBACK = networks("127.0.0.0/8, ::1/128", "allowed")
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",  # between a carrier and its customers
    "100.100.100.200",  # Alibaba Cloud's metadata
    "127.0.0.1",
    "127.8.9.1",
    "168.63.129.16",  # Azure's
    "169.254.169.254",  # of most clouds
    "172.16.0.1",
    "192.0.0.192",  # Oracle's
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",  # an IPv4 address behind NAT64
    "64:ff9b:1::1",
    "2001::1",  # Teredo
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4
    "fc00::1",
    "fd00:ec2::254",  # Amazon's
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
NO_ADDRESS = ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "1.2.3.4 "]


@pytest.mark.parametrize("address", PRIVATE + NO_ADDRESS)
def test_what_is_not_public_may_not_be_reached(address: str) -> None:
    assert not may_reach(address, ())


@pytest.mark.parametrize("address", ["8.8.8.8", "223.5.5.5", "2400:3200::1", "2606:4700:4700::1111"])
def test_what_is_public_may_be_reached(address: str) -> None:
    assert may_reach(address, ())


def test_a_setting_allows_its_networks_and_no_other() -> None:
    assert may_reach("127.0.0.1", LOOPBACK)
    assert may_reach("::1", LOOPBACK)
    assert not may_reach("::ffff:127.0.0.1", LOOPBACK)
    assert not may_reach("10.0.0.1", LOOPBACK)
    for text in ("127.0.0.1/8", "all", "127.0.0.0/8;"):
        with pytest.raises(InvalidInput, match=r"^SETTING: got"):
            networks(text, "SETTING")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/hook", "https://example.com", "https://[::1]:8443/a?b=c%20d"]
)
def test_http_urls_are_allowed(url: str) -> None:
    check_url(url, LOOPBACK)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://example.com:port/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://[::1/",
        "https://name:password@example.com/",
        "https://name@example.com/",
        "https://example.com/#part",
        "https://example.com/#",
        "https://example.com/ space",
        "https://example.com/\n",
        "https://例子.com/",
        "https://example.com/" + "x" * 2000,
        "http://10.0.0.1/",
        "http://[fe80::1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
    ],
)
def test_any_other_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"^url: got"):
        check_url(url, LOOPBACK)


@pytest.fixture
async def inside() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A service of our own on loopback, which no webhook may ask; give its port and what it was sent first."""
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield str(server.sockets[0].getsockname()[1]), seen


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, list[str]]]:
    """Names and their addresses, instead of a name server; nothing connects."""
    known: dict[str, list[str]] = {}
    connected: list[object] = []

    def look_up(host: str, *_: object) -> list[tuple[int, str]]:
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in known[host]]

    async def connect(_: socket.socket, address: object) -> None:
        connected.append(address)
        raise OSError("the test allows no connection")

    monkeypatch.setattr(outside, "look_up", look_up)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    yield known
    assert not connected


@pytest.mark.parametrize("address", [address for address in PRIVATE if "%" not in address])
async def test_a_name_that_means_an_address_of_ours_is_not_connected_to(
    names: dict[str, list[str]], address: str
) -> None:
    names["shop.example"] = [address]
    async with open_session(()) as session:
        answer = await outside.post(session, "https://shop.example:8200/", {}, b"{}")
    assert answer == (None, "the address may not be reached")


async def test_one_bad_address_of_a_name_refuses_all(names: dict[str, list[str]]) -> None:
    for addresses in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]):
        names["shop.example"] = addresses
        async with open_session(LOOPBACK) as session:
            answer = await outside.post(session, "https://shop.example:8200/", {}, b"{}")
        assert answer == (None, "the address may not be reached")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
async def test_an_address_that_stands_in_the_url_is_not_connected_to(
    inside: tuple[str, list[bytes]], host: str
) -> None:
    port, seen = inside
    async with open_session(()) as session:
        status, _ = await outside.post(session, f"https://{host}:{port}/", {}, b"{}")
    assert status is None
    assert seen == []


async def test_a_name_that_changes_after_it_was_checked_is_reached_where_it_was_checked(
    inside: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, seen = inside
    asked: list[str] = []

    def rebinding(host: str, *_: object) -> list[tuple[int, str]]:
        asked.append(host)
        return [(socket.AF_INET, "127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    monkeypatch.setattr(outside, "look_up", rebinding)
    async with open_session(LOOPBACK) as session:
        await outside.post(session, f"https://shop.example:{port}/", {}, b"{}")
    assert asked == ["shop.example"], "it is looked up once, and that is connected to"
    assert [b"shop.example" in hello for hello in seen] == [True], "and the name is what TLS asks for"


@pytest.mark.parametrize("url", ["http://shop.example/", "http://8.8.8.8/", "http://localhost/"])
async def test_plain_http_goes_to_an_allowed_address_and_nowhere_else(
    names: dict[str, list[str]], url: str
) -> None:
    names |= {"shop.example": ["127.0.0.1"], "localhost": ["127.0.0.1"]}
    with pytest.raises(InvalidInput, match=r"^url: got http://; allowed: https://$"):
        check_url(url, LOOPBACK)
    async with open_session(LOOPBACK) as session:  # one that was stored before the rule
        answer = await outside.post(session, url, {}, b"{}")
    assert answer == (None, "plain HTTP may not be sent there")
