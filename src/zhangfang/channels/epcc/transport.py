"""One POST over mutual TLS to a site."""

import ssl
from collections.abc import Mapping

from zhangfang.channels.transport import Https, NoAnswerError, NotConnectedError, Peer

__all__ = ["NoAnswerError", "NotConnectedError", "Transport"]

_PATH = "/preSvr"


class Transport(Https):
    """Messages to the sites."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Open nothing yet."""
        super().__init__()
        self._context = context

    async def post(
        self, site: tuple[str, str], body: bytes, headers: Mapping[str, str], seconds: float, max_bytes: int
    ) -> bytes:
        """Return the body of a 200 from a site (name, address). Raises `NotConnectedError`, `NoAnswerError`."""
        name, url = site
        told = {"Content-Type": "application/xml;charset=utf-8", **headers}
        peer = Peer(name, self._context)
        return (await self.exchange(url.rstrip("/") + _PATH, body, told, seconds, max_bytes, peer)).body
