"""How was our week? The department's figures with what each is of, and the incidents."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

from starlette.responses import Response, StreamingResponse

from zhangfang import papers, weekly
from zhangfang.console import sentences
from zhangfang.console.visit import Visit
from zhangfang.kernel.calendar import china_day


async def page(visit: Visit) -> Response:
    """Draw a week, this one if none is named."""
    week = visit.query.get("week") or weekly.week_of(china_day(visit.now))
    made = await weekly.report(visit.pool, visit.site.clock, week)
    first = made.figures.first
    return await visit.page(
        "weekly.html",
        here="weekly",
        r=made,
        f=made.figures,
        success=weekly.success,
        available=weekly.available,
        by_volume=weekly.by_volume,
        core=weekly.core,
        versions=await weekly.reports(visit.pool, week),
        before=weekly.week_of(first - timedelta(days=7)),
        after=weekly.week_of(first + timedelta(days=7)),
        say=sentences.weekly(visit.words, made),
    )


async def as_pdf(visit: Visit) -> Response:
    """Give a week as a PDF."""
    making = visit.site.making
    if making.locked():
        busy = await visit.page("error.html", 503, what="busy")
        busy.headers["retry-after"] = "5"
        return busy
    made = await weekly.report(visit.pool, visit.site.clock, visit.request.path_params["week"])

    async def chunks() -> AsyncIterator[bytes]:
        async with making, aclosing(papers.made("pdf", weekly.paper(made))) as several:
            async for chunk in several:
                yield chunk

    headers = {"content-disposition": f'attachment; filename="weekly-{made.figures.week}.pdf"'}
    return StreamingResponse(chunks(), media_type=papers.MEDIA["pdf"], headers=headers)
