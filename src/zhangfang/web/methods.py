"""Which methods an address takes: every answer of 405 names all of them."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route


def allow(request: Request) -> dict[str, str]:
    """Return the `Allow` header: the methods of all routes of the application that fit the address (RFC 9110, 15.5.6)."""
    fitting = (
        route.methods or ()
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    )
    return {"Allow": ", ".join(sorted({method for several in fitting for method in several}))}


async def not_allowed(request: Request, _error: Exception) -> Response:
    """Answer 405 to a browser."""
    return PlainTextResponse("This address does not take that method.\n", 405, allow(request))
