"""Refuses a body that is too large: before reading it if its length is declared, else as soon as it is too long."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhangfang.api.problems import problem
from zhangfang.batches import MOST_BYTES

MAX_BYTES = 256 * 1024  # far above any request of this API and any notification
FILES = {"/v1/batches": MOST_BYTES}  # calls that take a file read it as it arrives, and count it


class Limit:
    """Answers 413 to a body above `MAX_BYTES`, whether its length was declared or not."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a counting `receive`."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        most = FILES.get(scope["path"], MAX_BYTES)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > most:
            await _refuse(scope, receive, send, most)
            return
        # The server itself refuses a body that is longer than declared.
        if declared != b"0" or scope["path"] in FILES:
            await self.app(scope, receive, send)
            return
        held: list[Message] = []
        size = 0
        more = True
        while more:
            message = await receive()
            held.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > most:
                await _refuse(scope, receive, send, most)
                return
        held.reverse()

        async def replay() -> Message:
            return held.pop() if held else await receive()

        await self.app(scope, replay, send)


async def _refuse(scope: Scope, receive: Receive, send: Send, most: int) -> None:
    detail = f"body: more than {most} bytes; allowed: at most {most}"
    await problem(413, "body_too_large", detail)(scope, receive, send)
