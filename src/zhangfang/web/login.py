"""Log-in, log-out, language, and the static files: what every site has."""

from datetime import timedelta
from importlib.resources import files
from typing import Any

import asyncpg
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from zhangfang.approvals import known, record
from zhangfang.kernel.clock import Clock
from zhangfang.web import auth
from zhangfang.web.door import SESSION, Door
from zhangfang.web.throttle import Caller
from zhangfang.web.visit import Missing, Site, Visit
from zhangfang.web.words import LANGUAGES

_YEAR = 365 * 24 * 3600
DEVICE = "zf_device"  # the cookie of a browser in which an operator has signed in before


def routes(door: Door[Any]) -> list[BaseRoute]:
    """Return the routes of the log-in and of the static files, which a browser may keep for a year."""
    static = GZipMiddleware(StaticFiles(directory=str(files(__package__) / "static")))
    return [
        Route("/login", door.outside(page, "next"), methods=["GET"]),
        Route("/login", door.outside(enter), methods=["POST"]),
        Route("/logout", door.inside(leave), methods=["POST"]),
        Route("/lang/{lang}", door.outside(language, "next")),
        Mount("/static", static),
    ]


async def page(visit: Visit[Site]) -> Response:
    """Draw the log-in; an operator who has a session goes on to the first page."""
    if visit.operator is not None:
        return visit.go("/")
    return visit.draw("login.html", refused=None, name="", next=visit.query.get("next", ""))


async def enter(visit: Visit[Site]) -> Response:
    """Open a session, or refuse; a wrong name and a wrong password get the same answer."""
    form = visit.request.state.form
    name = form.get("name", "")
    device = auth.known_device(visit.site.key, name, visit.request.cookies.get(DEVICE, ""))
    caller = Caller(visit.site.origin.source(visit.request), device)
    result = await sign_in(visit.pool, visit.site.clock, name, form.get("password", ""), "console", caller)
    if isinstance(result, auth.Refused):
        status = 429 if result.locked_until else 401
        return visit.draw("login.html", status, refused=result, name=name[:64], next=form.get("next", ""))
    response = visit.go(_own_path(form.get("next", "")))
    visit.operator = name
    key = visit.site.key
    visit.set_cookie(response, SESSION, auth.sign(key, result), int(auth.SESSION_LIFE.total_seconds()))
    if not device:
        life = int(auth.DEVICE_LIFE.total_seconds())
        visit.set_cookie(response, DEVICE, auth.device_cookie(key, name), life)
    return response


async def sign_in(
    pool: asyncpg.Pool,
    clock: Clock,
    name: str,
    password: str,
    where: str,
    caller: Caller,
    life: timedelta = auth.SESSION_LIFE,
) -> str | auth.Refused:
    """Open a session, by the console or the command line (`where`), and record it, or that it was refused."""
    who = await known(pool, name)
    result = await auth.log_in(pool, name, password, caller, life)
    act = "sign in refused" if isinstance(result, auth.Refused) else "sign in"
    await record(pool, clock, who, act, where)
    return result


async def leave(visit: Visit[Site]) -> Response:
    """End the session."""
    await auth.log_out(visit.pool, visit.token)
    response = visit.go("/login")
    response.delete_cookie(SESSION, path=visit.base or "/")
    return response


async def language(visit: Visit[Site]) -> Response:
    """Keep the chosen language for a year and return to where the visitor was."""
    lang = visit.request.path_params["lang"]
    if lang not in LANGUAGES:
        raise Missing(lang)
    response = RedirectResponse(visit.base + _own_path(visit.query.get("next", "")), status_code=303)
    visit.set_cookie(response, "zf_lang", lang, _YEAR)
    return response


def _own_path(wanted: str) -> str:
    """Return the path if it is one of this site, else `/`: a link to the log-in must not lead to another site."""
    own = (
        wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    )
    return wanted if own else "/"
