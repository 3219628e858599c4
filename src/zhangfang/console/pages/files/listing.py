"""Which files were brought, and how do I bring one? Files, statements and maps with their states, and the three forms."""

from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from starlette.responses import Response

from zhangfang import bills
from zhangfang.bills import Said
from zhangfang.console.reading import drafts
from zhangfang.console.reading import files as reading
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.money import yuan_to_fen


async def page(visit: Visit, status: int = 200, error: str = "", done: str = "") -> Response:
    """List files, statements and maps."""
    maps = await bills.map_versions(visit.pool)
    return await visit.page(
        "files.html",
        status,
        here="files",
        error=error,
        done=done,
        files=await reading.files(visit.pool),
        statements=await reading.statements(visit.pool),
        drafts=await drafts.listed(visit.pool, visit.person),
        accounts=await reading.accounts(visit.pool),
        maps=maps,
        live={
            kind: [one.map.name for one in maps if one.state == "live" and one.map.kind == kind]
            for kind in _KINDS
        },
        with_file=visit.site.with_file,
    )


_KINDS = ("file", "statement")


async def look(visit: Visit) -> Response:
    """Keep a file for a while, and go on to the page that makes a map of it."""
    try:
        name, data = _file(visit)
        made = visit.site.uploads.keep(name, data, visit.person.id, visit.now)
    except ZhangfangError as error:
        return await page(visit, 422, str(error))
    kind, draft = (visit.request.state.form.get(name, "") for name in ("kind", "draft"))
    return visit.go(f"/files/new/{made.id}?{urlencode({'kind': kind} | ({'draft': draft} if draft else {}))}")


async def take(visit: Visit) -> Response:
    """Take a channel's file by a live map."""
    form = visit.request.state.form
    try:
        name, data = _file(visit)
        args = (
            form.get("channel", ""),
            day_of_text(form.get("date", "")),
            form.get("map", ""),
            said_of(form),
            visit.person,
        )
        done = await visit.site.actions.bring_file(name, data, *args)
    except ZhangfangError as error:
        return await page(visit, 422, str(error))
    return await page(visit, done=f"{name}: {done}")


async def statement(visit: Visit) -> Response:
    """Take a bank's statement."""
    form = visit.request.state.form
    try:
        name, data = _file(visit)
        args = form.get("account", ""), form.get("format", ""), visit.person
        done = await visit.site.actions.bring_statements(name, data, *args)
    except ZhangfangError as error:
        return await page(visit, 422, str(error))
    return await page(visit, done=f"{name}: {done}")


def _file(visit: Visit) -> tuple[str, bytes]:
    if "file" not in visit.files:
        raise InvalidInput("file", "nothing", "a file")
    name, data = visit.files["file"]
    return name[:200], data


def day_of_text(text: str) -> date:
    """Return the date that a form holds. Raises `InvalidInput`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("date", f"{len(text)} characters", "YYYY-MM-DD") from None


def said_of(form: Mapping[str, str]) -> Said | None:
    """Return the totals that a person typed; None if they typed none. Raises `InvalidInput`."""
    count, sum_ = form.get("count", "").strip(), form.get("sum", "").strip()
    if bool(count) != bool(sum_):
        raise InvalidInput("count and sum", "one of them", "both or neither")
    if not count:
        return None
    if not count.isdecimal() or len(count) > 9:
        raise InvalidInput("count", f"{len(count)} characters", "a number of rows")
    return Said(int(count), yuan_to_fen(sum_, "sum"))
