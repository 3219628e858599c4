"""Which statements are released, and what does each say? Every line leads to its payment and its voucher."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date, timedelta
from itertools import groupby

from starlette.responses import Response, StreamingResponse

from zhangfang import statements
from zhangfang.closing import certified
from zhangfang.console import sentences
from zhangfang.console.visit import Visit, day_of
from zhangfang.kernel.text.parameters import whole
from zhangfang.statements import FORMS, KINDS, NoStatement, Version, compared, media
from zhangfang.web.tables import MOVEMENTS
from zhangfang.web.visit import Missing

MOST = 200  # merchants on a page
LINES = 1000  # of a statement on its page


async def page(visit: Visit) -> Response:
    """List the merchants' statements of a business date, the newest version of each."""
    newest = await statements.newest_day(visit.pool)
    day = (
        day_of(visit.query["date"]) if visit.query.get("date") else newest or visit.today - timedelta(days=1)
    )
    found = await statements.of_day(visit.pool, day, 4 * MOST, visit.query.get("after", "")[:40])
    rows = [next(several) for _, several in groupby(found, key=lambda one: one.merchant)]
    shown = rows[:MOST]
    waits = "" if rows else (await certified(visit.pool, day)).missing
    return await visit.page(
        "statements.html",
        here="statements",
        asked_day=day,
        rows=shown,
        kinds=KINDS,
        next_after=shown[-1].merchant if len(rows) > MOST else "",
        say=sentences.statements(visit.words, day, len(shown), waits),
        certificates=shown[0].certificates if shown else "",
    )


async def one(visit: Visit) -> Response:
    """Draw one statement: payments, movements with the balance after each, what a version has changed, files."""
    version, before = await _asked(visit)
    said = version.said
    others = await statements.of_day(visit.pool, version.business_date, 100, merchant=version.merchant)
    return await visit.page(
        "statement.html",
        here="statements",
        v=version,
        said=said,
        payments=said.payments[:LINES],
        entries=list(_with_balance(said))[:LINES],
        more=max(len(said.payments), len(said.entries)) > LINES,
        movements=MOVEMENTS,
        kinds=KINDS,
        forms=FORMS,
        changes=compared(before.said, said) if before else None,
        others=others,
    )


def _with_balance(said: statements.Statement) -> list[tuple[statements.Entry, int]]:
    balance, made = said.opening, []
    for entry in said.entries:
        balance += entry.credit - entry.debit
        made.append((entry, balance))
    return made


async def file(visit: Visit) -> Response:
    """Give a statement as a file that is made while it is sent."""
    kind, form = visit.request.path_params["kind"], visit.request.path_params["form"]
    if kind not in KINDS or form not in FORMS:
        raise Missing("file")
    making = visit.site.making
    if making.locked():
        busy = await visit.page("error.html", 503, what="busy")
        busy.headers["retry-after"] = "5"
        return busy
    version, before = await _asked(visit)

    async def made() -> AsyncIterator[bytes]:
        async with making, aclosing(statements.made(version, kind, form, before)) as chunks:
            async for chunk in chunks:
                yield chunk

    name = f"{version.merchant}-{version.business_date}-{kind}-v{version.version}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(made(), media_type=media(form), headers=headers)


async def _asked(visit: Visit) -> tuple[Version, Version | None]:
    text = visit.query.get("version", "")
    number = whole("version", text, 1, 9999) if text else None
    day: date = day_of(visit.request.path_params["day"])
    try:
        version = await statements.get(visit.pool, visit.request.path_params["merchant"], day, number)
    except NoStatement:
        raise Missing("statement") from None
    return version, await statements.previous(visit.pool, version)
