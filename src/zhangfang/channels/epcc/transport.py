"""One POST over mutual TLS, and the only question that matters when it fails: can anything have arrived?"""

import ssl
from collections.abc import Mapping

import aiohttp

from zhangfang.channels.port import ChannelError

_PATH = "/preSvr"


class NotConnectedError(ChannelError):
    """No connection came about, or the other side did not prove who it is: nothing of the message was sent."""


class NoAnswerError(ChannelError):
    """Something may have been sent, and no usable answer came back."""


class Transport:
    """Keeps connections to the sites open. Belongs to the event loop that first posts."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Open nothing yet."""
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, site: tuple[str, str], body: bytes, headers: Mapping[str, str], seconds: float, max_bytes: int
    ) -> bytes:
        """Return the body of a 200 from a site (name, address). Never sends twice.

        Raises `NotConnectedError`, `NoAnswerError`.
        """
        server_name, url = site
        # Connecting includes the whole handshake: while it lasts, nothing of ours has left.
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=seconds * 0.6)
        try:
            async with self._open().post(
                url.rstrip("/") + _PATH,
                data=body,
                headers={"Content-Type": "application/xml;charset=utf-8", **headers},
                timeout=timeout,
                ssl=self._context,
                server_hostname=server_name,
                allow_redirects=False,  # a 307 would send the order again
            ) as response:
                if response.status != 200:
                    raise NoAnswerError(f"{server_name} answered HTTP {response.status}")
                return await _read(response, max_bytes)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnectedError(f"no connection to {server_name} ({type(error).__name__})") from None
        except TimeoutError:
            raise NoAnswerError(f"no answer of {server_name} within {seconds} s") from None
        except (aiohttp.ClientError, OSError) as error:
            what = type(error).__name__
            raise NoAnswerError(f"the connection to {server_name} broke before an answer ({what})") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit of connections: waiting for a free one would use up the time for the answer.
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise NoAnswerError(f"the answer has more than {max_bytes} bytes")
    return bytes(body)
