"""What one person may do with a break: take it, hand it over, say something, attach a file, ask the channel once more."""

from starlette.responses import Response

from zhangfang import reconciliation as work
from zhangfang.approvals import recorded
from zhangfang.console.pages.breaks.listing import break_id, find, one
from zhangfang.console.visit import Visit, uuid_of
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.web.visit import Missing


async def act(visit: Visit) -> Response:
    """Do what the form's button says, and return to the break."""
    id_, name = break_id(visit), visit.request.path_params["act"]
    if name not in _ACTS:
        raise Missing("act")
    try:
        await _ACTS[name](visit)
    except ZhangfangError as error:
        return await one(visit, 422, str(error))
    return visit.go(f"/breaks/{id_}")


async def _take(visit: Visit) -> None:
    await work.take(visit.pool, visit.site.clock, break_id(visit), visit.person)


async def _hand(visit: Visit) -> None:
    to = visit.request.state.form.get("person", "")
    await work.hand(visit.pool, visit.site.clock, break_id(visit), to, visit.person)


async def _comment(visit: Visit) -> None:
    text = visit.request.state.form.get("text", "")
    await work.comment(visit.pool, visit.site.clock, break_id(visit), text, visit.person)


async def _attach(visit: Visit) -> None:
    if "file" not in visit.files:
        raise InvalidInput("file", "nothing", f"a file of at most {work.SIZE_MAX} bytes")
    name, data = visit.files["file"]
    await work.attach(visit.pool, visit.site.clock, break_id(visit), name, data, visit.person)


async def _ask(visit: Visit) -> None:
    found = await find(visit, break_id(visit))
    if found.intent is None:
        raise InvalidInput("break", "one without a payment of ours", "one that has a payment")
    async with recorded(visit.pool, visit.site.clock, visit.person, "query", str(found.id)):
        await visit.site.actions.query_now(found.intent)


_ACTS = {"take": _take, "hand": _hand, "comment": _comment, "attach": _attach, "ask": _ask}


async def paper(visit: Visit) -> Response:
    """Give out a file of a break, as a download only: no browser shows it under our name."""
    found = await work.paper(visit.pool, break_id(visit), uuid_of(visit, "paper"))
    if found is None:
        raise Missing("paper")
    suffix = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt"}
    name = f"{visit.request.path_params['paper']}{suffix.get(found['media'], '.zip')}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(found["bytes"], media_type="application/octet-stream", headers=headers)
