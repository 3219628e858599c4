"""HTTP with a channel. The errors tell what matters after a failure: may the channel have received the request or not?"""

import ssl
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from zhangfang.channels.port import ChannelError

MAX_ANSWER_BYTES = 64 * 1024
_CONNECTING = 0.6  # part of the time for an answer; connecting includes the whole TLS handshake


class NotConnectedError(ChannelError):
    """No connection was made, or the other side did not prove who it is: nothing was sent."""


class NoAnswerError(ChannelError):
    """Something may have been sent, and no usable answer came back."""


class Received(NamedTuple):
    """The answer to a request: its headers, and its body as the bytes that were signed."""

    headers: Mapping[str, str]
    body: bytes


class Peer(NamedTuple):
    """The expected server of a mutual TLS connection: the name in its certificate, and the context that checks it."""

    name: str
    context: ssl.SSLContext


class Https:
    """The connections to a channel. They belong to the event loop that first asks."""

    def __init__(self, *, reuse: bool = True) -> None:
        """Open nothing yet. Without `reuse` each request has a new connection, which cannot die as we write to it."""
        self._reuse = reuse
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        max_bytes: int,
        peer: Peer | None = None,
        *,
        any_status: bool = False,
    ) -> Received:
        """POST, and return the answer with status 200, or with any. Never sends twice.

        Raises `NotConnectedError`, `NoAnswerError`.
        """
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=seconds * _CONNECTING if peer else None)
        name, context = peer or ("the channel", True)
        try:
            async with self._open().post(
                url,
                data=body,
                headers=headers,
                timeout=timeout,
                ssl=context,
                server_hostname=name if peer else None,
                allow_redirects=False,  # a 307 would send the order again
            ) as response:
                if response.status != 200 and not any_status:
                    raise NoAnswerError(f"{name} answered HTTP {response.status}")
                return Received(response.headers, await _read(response, max_bytes))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnectedError(f"no connection to {name} ({type(error).__name__})") from None
        except TimeoutError:
            raise NoAnswerError(f"no answer of {name} within {seconds} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = type(error).__name__
            raise NoAnswerError(f"the connection to {name} broke before an answer ({what})") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit of connections: waiting for a free one would use up the time for the answer.
            connector = aiohttp.TCPConnector(limit=0, force_close=not self._reuse)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


class Transport(Https):
    """JSON with a channel."""

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Received:
        """Return the answer with status 200. Raises `NotConnectedError`, `NoAnswerError`."""
        told = {"Content-Type": "application/json;charset=UTF-8", **headers}
        return await self.exchange(url, body, told, timeout_seconds, max_bytes)


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise NoAnswerError(f"the answer has more than {max_bytes} bytes")
    return bytes(body)
