"""Who looked at evidence, and who took a file out: recorded before the page is made, an export's end after it."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from zhangfang.approvals import record, recorded
from zhangfang.console.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]
_MOST = 200  # characters of an address


def viewed(handler: Handler) -> Handler:
    """Return a page that records who opens it."""

    async def view(visit: Visit) -> Response:
        await record(visit.pool, visit.site.clock, visit.person, "view", _address(visit))
        return await handler(visit)

    return view


def exported(handler: Handler) -> Handler:
    """Return a file that records who takes it, and how that ended."""

    async def export(visit: Visit) -> Response:
        async with recorded(visit.pool, visit.site.clock, visit.person, "export", _address(visit)):
            return await handler(visit)

    return export


def _address(visit: Visit) -> str:
    query = visit.request.url.query
    return (visit.request.url.path.removeprefix(visit.base) + (f"?{query}" if query else ""))[:_MOST]
