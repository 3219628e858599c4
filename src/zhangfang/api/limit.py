"""A body that is too large is refused before it is read, or as soon as it is."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhangfang.api.problems import problem

MAX_BYTES = 256 * 1024  # far above any request of this API and any notification


class Limit:
    """Answers 413 to a body above `MAX_BYTES`, whether its length was declared or not."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a counting `receive`."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 18 or int(declared) > MAX_BYTES:
            await _refuse(scope, receive, send)
            return
        if declared != b"0":  # the server itself holds a body to its declared length
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
            if size > MAX_BYTES:
                await _refuse(scope, receive, send)
                return
        held.reverse()

        async def replay() -> Message:
            return held.pop() if held else await receive()

        await self.app(scope, replay, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"body: more than {MAX_BYTES} bytes; allowed: at most that"
    await problem(413, "body_too_large", detail)(scope, receive, send)
