"""HTTPS with a channel that speaks JSON. What counts is what is known when it fails: can anything have arrived?"""

from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from zhangfang.channels.port import ChannelError

MAX_ANSWER_BYTES = 64 * 1024


class NotConnectedError(ChannelError):
    """No connection came about, so nothing was sent."""


class NoAnswerError(ChannelError):
    """Something may have been sent, and no usable answer came back."""


class Received(NamedTuple):
    """The answer to a request: its headers, and its body as the bytes that were signed."""

    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Keeps connections to a channel open. Belongs to the event loop that first posts."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_seconds: float,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Received:
        """Return the answer with status 200, or raise `NotConnectedError` or `NoAnswerError`. Never sends twice."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        try:
            async with self._open().post(
                url,
                data=body,
                headers={"Content-Type": "application/json;charset=UTF-8", **headers},
                timeout=timeout,
                allow_redirects=False,  # a 307 would send the order again
            ) as response:
                if response.status != 200:
                    raise NoAnswerError(f"the channel answered HTTP {response.status}")
                return Received(response.headers, await _read(response, max_bytes))
        except aiohttp.ClientConnectorError as error:
            raise NotConnectedError(f"no connection to the channel ({type(error).__name__})") from None
        except TimeoutError:
            raise NoAnswerError(f"no answer within {timeout_seconds} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswerError(f"the connection broke before an answer ({type(error).__name__})") from None

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
