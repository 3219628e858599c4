"""The operator's console as an application of its own, mounted at `/console` by the process that serves the API."""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files

import asyncpg
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.portal import auth
from zhangfang.portal.actions import Actions
from zhangfang.portal.pages import (
    books,
    channels,
    duplicates,
    login,
    merchants,
    outcome,
    payment,
    payments,
    reconciliation,
    search,
    today,
    trial,
)
from zhangfang.portal.visit import (
    UNREADABLE,
    FormInvalid,
    House,
    Missing,
    PortalSettings,
    Visit,
    static_version,
)

log = structlog.get_logger()

Handler = Callable[[Visit], Awaitable[Response]]

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
_COOKIE = "zf_session"
_DOOR = "zf_door"  # stands for a session before there is one, so that the log-in form has a token too


def portal_app(pool: asyncpg.Pool, clock: Clock, settings: PortalSettings, actions: Actions) -> Starlette:
    """Return the console. `pool` is read (and a stop, a session or an act written); `actions` reach other contexts."""
    house = House(pool, clock, settings, actions, static_version())
    app = Starlette(
        routes=[
            Route("/", _inside(today.page)),
            Route("/figures", _inside(today.figures_part)),
            Route("/login", _outside(login.page), methods=["GET"]),
            Route("/login", _outside(login.enter), methods=["POST"]),
            Route("/logout", _inside(login.leave), methods=["POST"]),
            Route("/lang/{lang}", _outside(login.language)),
            Route("/more", _inside(today.more)),
            Route("/payments", _inside(payments.page)),
            Route("/refunds", _inside(payments.page)),
            Route("/payouts", _inside(payments.page)),
            Route("/{section:str}.{kind:str}", _inside(payments.export)),
            Route("/unknown", _inside(payments.unknown)),
            Route("/payments/{id}", _inside(payment.page)),
            Route("/payments/{id}/peek", _inside(payment.peek)),
            Route("/payments/{id}/evidence.json", _inside(payment.evidence)),
            Route("/payments/{id}/query", _inside(payment.query_now), methods=["POST"]),
            Route("/payments/{id}/refund", _inside(payment.refund_page), methods=["GET"]),
            Route("/payments/{id}/refund", _inside(payment.refund), methods=["POST"]),
            Route("/payments/{id}/outcome", _inside(outcome.form), methods=["GET"]),
            Route("/payments/{id}/outcome", _inside(outcome.propose), methods=["POST"]),
            Route("/payments/{id}/outcome/{outcome}/{act}", _inside(outcome.end), methods=["POST"]),
            Route("/trial-balance", _inside(trial.page)),
            Route("/trial-balance/export.xlsx", _inside(trial.as_xlsx)),
            Route("/accounts/{id}", _inside(books.account)),
            Route("/accounts/{id}/export.{kind}", _inside(books.account_export)),
            Route("/vouchers/{id}", _inside(books.voucher)),
            Route("/reconciliation", _inside(reconciliation.newest)),
            Route("/reconciliation/{day}", _inside(reconciliation.page)),
            Route("/breaks", _inside(reconciliation.breaks)),
            Route("/duplicates", _inside(duplicates.page)),
            Route("/duplicates/confirm", _inside(duplicates.form_of_all), methods=["GET"]),
            Route("/duplicates/confirm", _inside(duplicates.decide_all), methods=["POST"]),
            Route("/duplicates/{id}", _inside(duplicates.one)),
            Route("/duplicates/{id}/{act}", _inside(duplicates.form), methods=["GET"]),
            Route("/duplicates/{id}/{act}", _inside(duplicates.decide), methods=["POST"]),
            Route("/channels", _inside(channels.page)),
            Route("/channels/{channel}/{operation}/{act}", _inside(channels.form), methods=["GET"]),
            Route("/channels/{channel}/{operation}/{act}", _inside(channels.switch), methods=["POST"]),
            Route("/merchants", _inside(merchants.page)),
            Route("/merchants/{id}", _inside(merchants.one)),
            Route("/search", _inside(search.page)),
            Mount("/static", StaticFiles(directory=str(files("zhangfang.portal") / "static"))),
            Route("/{rest:path}", _inside(_nowhere), methods=["GET", "POST"]),
        ]
    )
    app.state.house = house
    app.add_middleware(_Headers)
    return app


class _Headers:
    """Adds the content policy to every answer; pages are never kept by a browser or a proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_static = scope["path"].startswith(scope.get("root_path", "") + "/static/")
                kept = "public, max-age=31536000, immutable" if is_static else "no-store"
                extra = _HEADERS | {"cache-control": kept}
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in extra.items()),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _inside(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Let only operators in; all others are sent to the door and come back to where they wanted to go."""

    async def handle(request: Request) -> Response:
        return await _handled(request, handler, door=False)

    return handle


def _outside(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await _handled(request, handler, door=True)

    return handle


async def _handled(request: Request, handler: Handler, *, door: bool) -> Response:
    request.state.request_id = secrets.token_hex(6)
    request.state.csrf = ""
    visit = Visit(request, request.app.state.house, None, "")
    try:
        await _recognise(visit)
        if visit.operator is None and not door:
            return _to_the_door(visit)
        if request.method == "POST":
            await _check_form(visit)
        _check_text(request.url.path, *request.query_params.values())
        response = await handler(visit)
    except Missing:
        response = await visit.page("error.html", 404, what="missing")
    except FormInvalid as error:
        response = visit.draw("error.html", 400, what="form", detail=str(error))
    except UNREADABLE as error:
        log.warning(
            "the database could not be read", request_id=request.state.request_id, error=type(error).__name__
        )
        response = visit.draw("error.html", 503, what="database")
    except ZhangfangError as error:
        response = await visit.page("error.html", 422, what="refused", detail=str(error))
    except Exception:
        log.exception("a page failed", request_id=request.state.request_id, path=request.url.path)
        response = visit.draw("error.html", 500, what="bug")
    if visit.operator is None and door:
        visit.set_cookie(response, _DOOR, auth.sign(await _key(visit), visit.token))
    return response


async def _key(visit: Visit) -> bytes:
    if visit.house.key is None:
        visit.house.key = await auth.console_key(visit.pool)
    return visit.house.key


async def _recognise(visit: Visit) -> None:
    """Find the session behind the cookie; a cookie that we did not sign costs no look into the database."""
    key = await _key(visit)
    token = auth.unsign(key, visit.request.cookies.get(_COOKIE, ""))
    if token is not None:
        visit.operator = await auth.operator_of(visit.pool, token)
    if visit.operator is None:
        token = auth.unsign(key, visit.request.cookies.get(_DOOR, "")) or secrets.token_urlsafe(16)
    visit.token = token or ""
    visit.request.state.csrf = auth.form_token(key, visit.token)


async def _check_form(visit: Visit) -> None:
    """Take a form only if one of our own pages made it for this session."""
    form = await visit.form()
    if not hmac.compare_digest(form.pop("csrf", "").encode(), visit.request.state.csrf.encode()):
        raise FormInvalid("the form was not made for this session, or is too old; open the page again")
    _check_text(*form.values())
    visit.request.state.form = form


def _check_text(*texts: str) -> None:
    """Refuse the one character that no text of the database can hold."""
    if any("\0" in text for text in texts):
        raise FormInvalid("the address or the form holds a character of code 0")


def _to_the_door(visit: Visit) -> Response:
    if visit.request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": visit.href("/login")})
    path = visit.request.url.path.removeprefix(visit.base)
    wanted = path + (f"?{visit.request.url.query}" if visit.request.url.query else "")
    back = wanted if visit.request.method == "GET" and path != "/" else None
    return RedirectResponse(visit.href("/login", next=back), status_code=303)


async def _nowhere(visit: Visit) -> Response:
    raise Missing(visit.request.url.path)
