"""The HTTP application: the API's calls and their document, channels' notifications, front returns, and the console."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from zhangfang.api import batches, duplicates, mandates, merchants, payments, statements, webhooks
from zhangfang.api.calls import Direct, Office, route
from zhangfang.api.document import document, page
from zhangfang.api.health import Health
from zhangfang.api.limit import Limit
from zhangfang.api.problems import ApiError, answer, handle, problem
from zhangfang.api.returns import Returns
from zhangfang.approvals import check_listed
from zhangfang.channels.port import NotifyingChannel
from zhangfang.kernel.calendar import china_day, unannounced
from zhangfang.kernel.database import AWAY
from zhangfang.kernel.settings import NotSetUp, Settings
from zhangfang.merchants import ApiKeys
from zhangfang.payments import Desk, notified
from zhangfang.reconciliation import aging
from zhangfang.web.methods import allow
from zhangfang.webhooks import networks
from zhangfang.weekly import Requests, keep

HOLIDAYS = Gauge(
    "zhangfang_holidays_unknown_year",
    "This year, or from 1 November on the next, if its holidays are not known; 0: they are",
)

SUSPENSE = Gauge(
    "zhangfang_suspense_fen",
    "What lies in suspense, by account and by the age in days from which it is counted",
    ["account", "days"],
)

PARTS = (payments, webhooks, merchants, mandates, batches, statements, duplicates)
CALLS = tuple(spec for part in PARTS for spec in part.CALLS)
OpenDesk = Callable[[], AbstractAsyncContextManager[Desk]]
Beside = Callable[[Desk], Sequence[BaseRoute]]


def build_app(settings: Settings, open_desk: OpenDesk, beside: Beside) -> Starlette:
    """Return the application; the desk is opened when it starts and closed when it stops.

    `beside` returns the other routes of this process (the operators' console), once the desk is open.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_desk() as desk:
            allowed = networks(settings.webhook_allow, "ZHANGFANG_WEBHOOK_ALLOW")
            app.state.office = Office(
                desk, ApiKeys(desk.pool), admin_key(settings), settings.base_url, allowed
            )
            app.state.desk = desk
            counting = asyncio.create_task(
                keep(lambda: app.state.requests.store(desk.pool, desk.clock.now()))
            )
            app.state.notifying = {
                name: one for name, one in desk.channels.items() if isinstance(one, NotifyingChannel)
            }
            app.router.routes += [
                Route("/return/{id}", Returns(desk).page, methods=["GET", "POST"]),
                Route("/health", Health(desk).page),
                *beside(desk),
            ]
            yield
            counting.cancel()

    check_listed("call", (spec.name for spec in CALLS))
    described, drawn = msgspec.json.encode(document(CALLS)), page(CALLS)
    routes = [
        # first, because routes are tried in order, and each payment has a notification
        Route("/notify/{channel}", Direct(take_notification), methods=["POST"]),
        *(route(spec) for spec in CALLS),
        Route("/metrics", metrics),
        Route("/openapi.json", lambda _: Response(described, media_type="application/json")),
        Route("/docs", lambda _: HTMLResponse(drawn)),
        Route("/", lambda _: RedirectResponse("/console/")),
        Route("/console", lambda _: RedirectResponse("/console/")),
    ]
    handlers = {Exception: handle, 404: _not_found, 405: _not_allowed}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False  # it would redirect to whatever scheme and host the request names
    app.add_middleware(Limit)
    app.add_middleware(Requests, state=app.state)
    return app


def admin_key(settings: Settings) -> str:
    """Return the administrator's key from the home folder."""
    path = settings.home / "admin-key"
    try:
        return path.read_text().strip()
    except OSError as error:
        raise NotSetUp(f"{path}: {error.strerror}; 'zhangfang up' makes it") from None


async def take_notification(http: Request) -> Response:
    """Take a channel's notification. It is answered "ok" only after its evidence is stored."""
    try:
        channel: NotifyingChannel | None = http.app.state.notifying.get(http.path_params["channel"])
        if channel is None:
            raise ApiError(404, "not_found", "there is no such channel")
        await notified(http.app.state.desk, channel, http.headers, await http.body())
        reply = channel.reply(taken=True)
        return Response(reply.body, media_type=reply.media)
    except Exception as error:
        return answer(error)


async def metrics(http: Request) -> Response:
    """Show counters for Prometheus."""
    desk: Desk = http.app.state.desk
    now = desk.clock.now()
    HOLIDAYS.set(unannounced(china_day(now)) or 0)
    try:
        for one in await aging(desk.pool, now):
            SUSPENSE.labels(one.code, one.days).set(one.fen)
    except AWAY:  # the process's own figures are shown all the same
        SUSPENSE.clear()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return problem(404, "not_found", "there is no such address; the calls are listed at /docs")


async def _not_allowed(request: Request, _error: Exception) -> Response:
    made = problem(405, "method_not_allowed", "this address does not take that method; see /docs")
    made.headers.update(allow(request))
    return made
