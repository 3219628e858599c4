"""What every request to a site passes: the session, the check of forms, the headers of answers, the pages of errors."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhangfang.approvals import NoRight, check_listed, demand, having, rights_of
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.text.parameters import only
from zhangfang.web import auth
from zhangfang.web.visit import UNREADABLE, FormInvalid, Missing, Site, Visit

log = structlog.get_logger()

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Tabler draws its arrows as data: images
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
SESSION = "zf_session"
_DOOR = "zf_door"  # the cookie of a visitor without a session: the log-in form needs a token too


class Headers:
    """Adds the content policy to every answer. Browsers and proxies may keep static files, but no page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Read before the call: routing changes the root path of this very scope.
        is_static = scope["path"].startswith(scope.get("root_path", "") + "/static/")
        kept = "public, max-age=31536000, immutable" if is_static else "no-store"
        extra = [(k.encode(), v.encode()) for k, v in (_HEADERS | {"cache-control": kept}).items()]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self._app(scope, receive, send_with_headers)


V = TypeVar("V", bound=Visit[Any])


def check_routes(routes: Sequence[BaseRoute]) -> None:
    """Raise `NotListed` for a page that no line of the table of rights names: a site that has one does not start."""
    pages = [one for one in routes if isinstance(one, Route)]
    check_listed("page", (f"{how} {one.path}" for one in pages for how in (one.methods or set()) - {"HEAD"}))


Handler = Callable[[V], Awaitable[Response]]


class Door(Generic[V]):
    """Makes a visit of each request and checks its session."""

    def __init__(self, site: Site, visit: Callable[[Request, Any, str | None, str], V]) -> None:
        """Keep the site; `visit` makes the visit of a request."""
        self.site, self._visit = site, visit

    def inside(
        self, handler: Handler[V], *query: str, upload: int = 0
    ) -> Callable[[Request], Awaitable[Response]]:
        """Answer only with a session; without one the log-in comes first and then leads to the page that was asked for.

        `query` names the parameters that the address may have; any other is refused. `upload` is how many bytes a form
        with files may have, where the page takes any.
        """
        return partial(self._handled, handler=_asking(handler, query), outside=False, upload=upload)

    def outside(self, handler: Handler[V], *query: str) -> Callable[[Request], Awaitable[Response]]:
        """Answer with or without a session."""
        return partial(self._handled, handler=_asking(handler, query), outside=True)

    async def _handled(
        self, request: Request, *, handler: Handler[V], outside: bool, upload: int = 0
    ) -> Response:
        request.state.request_id, request.state.upload = secrets.token_hex(6), upload
        request.state.csrf = ""
        visit = self._visit(request, self.site, None, "")
        response = await self._answer(visit, handler, outside=outside)
        if visit.operator is None and outside:
            visit.set_cookie(response, _DOOR, auth.sign(visit.site.key, visit.token))
        return response

    async def _answer(self, visit: V, handler: Handler[V], *, outside: bool) -> Response:
        request = visit.request
        try:
            await _recognise(visit)
            return await (_checked if outside else _entered)(visit, handler)
        except Missing:
            return await visit.page("error.html", 404, what="missing")
        except FormInvalid as error:
            return visit.draw("error.html", 400, what="form", detail=str(error))
        except UNREADABLE as error:
            kind = type(error).__name__
            log.warning("the database could not be read", request_id=request.state.request_id, error=kind)
            return visit.draw("error.html", 503, what="database")
        except ZhangfangError as error:
            return await visit.page("error.html", 422, what="refused", detail=str(error))
        except Exception:
            log.exception("a page failed", request_id=request.state.request_id, path=request.url.path)
            return visit.draw("error.html", 500, what="bug")


def page_of(request: Request) -> str:
    """Return how the table of rights names what was asked for: the route's method and path."""
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} {request.scope['route'].path}"


def _asking(handler: Handler[V], names: Sequence[str]) -> Handler[V]:
    """Return the handler behind a check of the address's parameters."""

    async def checked(visit: V) -> Response:
        only(visit.request.query_params.multi_items(), names)
        return await handler(visit)

    return checked


async def _recognise(visit: Visit[Site]) -> None:
    """Find the session behind the cookie; a cookie with a wrong signature is refused without asking the database."""
    key = visit.site.key
    token = auth.unsign(key, visit.request.cookies.get(SESSION, ""))
    if token is not None:
        visit.operator = await auth.operator_of(visit.pool, token)
    if visit.operator is not None:
        visit.rights = await rights_of(visit.pool, visit.operator)
    if visit.operator is None:
        token = auth.unsign(key, visit.request.cookies.get(_DOOR, "")) or secrets.token_urlsafe(16)
    visit.token = token or ""
    visit.request.state.csrf = auth.form_token(key, visit.token)


async def _entered(visit: V, handler: Handler[V]) -> Response:
    """Answer with a session, and with the right that the table names for the page."""
    if visit.operator is None:
        return _to_the_door(visit)
    try:
        what = page_of(visit.request)
        await demand(visit.pool, visit.site.clock, visit.person, "page", what, visit.rights)
    except NoRight as error:
        return await visit.page("error.html", 403, what="right", right=error.right, roles=having(error.right))
    return await _checked(visit, handler)


async def _checked(visit: V, handler: Handler[V]) -> Response:
    if visit.request.method == "POST":
        await _check_form(visit)
    _check_text(visit.request.url.path, *visit.request.query_params.values())
    return await handler(visit)


async def _check_form(visit: Visit[Site]) -> None:
    """Take a form only if one of our own pages made it for this session."""
    form = await visit.form(visit.request.state.upload)
    if not hmac.compare_digest(form.pop("csrf", "").encode(), visit.request.state.csrf.encode()):
        raise FormInvalid("the form was not made for this session, or is too old; open the page again")
    _check_text(*form.values())
    visit.request.state.form = form


def _check_text(*texts: str) -> None:
    """Refuse the character of code 0, which no text of PostgreSQL can hold."""
    if any("\0" in text for text in texts):
        raise FormInvalid("the address or the form holds a character of code 0")


def _to_the_door(visit: Visit[Site]) -> Response:
    if visit.request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": visit.href("/login")})
    path = visit.request.url.path.removeprefix(visit.base)
    wanted = path + (f"?{visit.request.url.query}" if visit.request.url.query else "")
    back = wanted if visit.request.method == "GET" and path != "/" else None
    return RedirectResponse(visit.href("/login", next=back), status_code=303)
