"""One POST of a form to the gateway."""

from collections.abc import Mapping

from zhangfang.channels.encoded import form_body
from zhangfang.channels.transport import Https, NoAnswerError, NotConnectedError

__all__ = ["NoAnswerError", "NotConnectedError", "Transport"]

_HEADERS = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}


class Transport(Https):
    """Forms to the gateway."""

    async def post(
        self, url: str, fields: Mapping[str, str], timeout_seconds: float, max_bytes: int
    ) -> bytes:
        """Return the body of a 200. Raises `NotConnectedError`, `NoAnswerError`."""
        return (await self.exchange(url, form_body(fields), _HEADERS, timeout_seconds, max_bytes)).body
