"""The HTTP session that webhooks are sent with: it connects only to addresses that may be reached.

All addresses of a name are checked, and the connection is made to those that were checked: a name that means another
address a moment later changes nothing. The socket's own address is checked once more, since an address that is written
in the URL is not resolved. TLS certificates are verified against the name, and plain HTTP goes to allowed addresses only.
Cookies are not kept, and nothing is unpacked.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from zhangfang.webhooks.addresses import Networks, may_reach, unsealed_may_go

TIMEOUT = aiohttp.ClientTimeout(total=5)
LOOK_UPS = 64  # a slow name server keeps a thread for longer than a request may take


class AddressRefused(OSError):
    """A webhook may not be sent to this address."""


class PlainRefused(aiohttp.ClientError):
    """A webhook may not be sent there without TLS."""


class Resolver(AbstractResolver):
    """Finds the addresses of a name and refuses all of them if one may not be reached."""

    def __init__(self, allowed: Networks) -> None:
        """Keep what is allowed beside public addresses."""
        self._allowed = allowed
        self._threads = ThreadPoolExecutor(LOOK_UPS, "webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, or raise `AddressRefused` or another `OSError`."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, look_up, host, port, family)
        if not all(may_reach(address, self._allowed) for _, address in found):
            raise AddressRefused("an address of the name may not be reached")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
            for family, address in found
        ]

    async def close(self) -> None:
        """Wait for no look-up that is still under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def look_up(host: str, port: int, family: int) -> list[tuple[int, str]]:
    """Ask the system for the addresses of a name: family and address. Raises `OSError` or `UnicodeError`."""
    found = socket.getaddrinfo(host, port, socket.AddressFamily(family), socket.SOCK_STREAM)
    return [(int(one[0]), str(one[4][0])) for one in found]


def open_session(allowed: Networks) -> aiohttp.ClientSession:
    """Return a session for webhooks; `allowed` are networks that may be reached beside public addresses."""

    def made_for(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, target = address
        if not may_reach(str(target[0]), allowed):
            raise AddressRefused("the address may not be reached")
        return socket.socket(family, kind, protocol)

    async def sealed(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.scheme != "https" and not unsealed_may_go(request.url.host or "", allowed):
            raise PlainRefused("plain HTTP may not be sent there")
        return await send(request)

    return aiohttp.ClientSession(
        middlewares=(sealed,),
        connector=aiohttp.TCPConnector(
            limit=0, resolver=Resolver(allowed), socket_factory=made_for, ttl_dns_cache=10
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=TIMEOUT,
    )


async def post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes
) -> tuple[int | None, str]:
    """Return the HTTP status, or None and why no answer came. The body of the answer is not read."""
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, ""
    except TimeoutError:
        return None, "no answer in time"
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, AddressRefused)
        return None, "the address may not be reached" if refused else "could not connect"
    except PlainRefused as error:
        return None, str(error)
    except (OSError, ValueError, aiohttp.ClientError):  # ValueError: a host name that cannot be encoded
        return None, "could not connect"
