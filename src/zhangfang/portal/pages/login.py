"""Is this the right house? Log-in, log-out, language."""

from starlette.responses import RedirectResponse, Response

from zhangfang.portal import auth
from zhangfang.portal.visit import Missing, Visit
from zhangfang.portal.words import LANGUAGES

_YEAR = 365 * 24 * 3600


async def page(visit: Visit) -> Response:
    """Show the door; who is inside already goes on."""
    if visit.operator is not None:
        return visit.go("/")
    return visit.draw("login.html", refused=None, name="", next=visit.query.get("next", ""))


async def enter(visit: Visit) -> Response:
    """Let an operator in, or say one and the same thing of a wrong name and a wrong password."""
    form = visit.request.state.form
    name = form.get("name", "")
    result = await auth.log_in(visit.pool, name, form.get("password", ""))
    if isinstance(result, auth.Refused):
        status = 429 if result.locked_until else 401
        return visit.draw("login.html", status, refused=result, name=name[:64], next=form.get("next", ""))
    response = visit.go(_own_path(form.get("next", "")))
    visit.operator = name
    key = visit.house.key or await auth.console_key(visit.pool)
    visit.set_cookie(response, "zf_session", auth.sign(key, result), int(auth.SESSION_LIFE.total_seconds()))
    return response


async def leave(visit: Visit) -> Response:
    """End the session."""
    await auth.log_out(visit.pool, visit.token)
    response = visit.go("/login")
    response.delete_cookie("zf_session", path=visit.base or "/")
    return response


async def language(visit: Visit) -> Response:
    """Keep the chosen language for a year and return to where the visitor was."""
    lang = visit.request.path_params["lang"]
    if lang not in LANGUAGES:
        raise Missing(lang)
    response = RedirectResponse(visit.base + _own_path(visit.query.get("next", "")), status_code=303)
    visit.set_cookie(response, "zf_lang", lang, _YEAR)
    return response


def _own_path(wanted: str) -> str:
    """Return a path of ours: nobody may be sent to another house by a link to our door."""
    own = (
        wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    )
    return wanted if own else "/"
