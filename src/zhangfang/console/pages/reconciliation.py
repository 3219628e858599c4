"""Do we and the channel agree?"""

from starlette.responses import Response

from zhangfang.closing.certificate import certificates
from zhangfang.console import sentences
from zhangfang.console.reading import reconciliation
from zhangfang.console.visit import Visit, day_of
from zhangfang.kernel.text.parameters import whole
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

ROWS, MOST = 500, 10**9 - 1  # lines on a page; lines before it
TITLES = {  # what a figure is made of; the keys are those of `reconciliation.SIDES`
    "lines": N_("Lines of the file"),
    "matched": N_("Lines of the file that agree"),
    "ours": N_("Our payments of the day"),
    "not-due": N_("Our payments that are not yet due"),
    "bank": N_("Lines of the bank statement"),
    "posted": N_("Lines of the bank statement that are booked"),
}


async def newest(visit: Visit) -> Response:
    """Go to the newest day of which anything has arrived."""
    day = await reconciliation.newest_day(visit.pool) or visit.today
    return visit.go(f"/reconciliation/{day}")


async def page(visit: Visit) -> Response:
    """Draw a day: files and statements beside our books, then each break with both values."""
    day = day_of(visit.request.path_params["day"])
    files = await reconciliation.files(visit.pool, day, visit.site.with_file)
    statements = await reconciliation.statements(visit.pool, day)
    breaks = await reconciliation.breaks(visit.pool, day)
    return await visit.page(
        "reconciliation.html",
        here="reconciliation",
        asked_day=day,
        say=sentences.reconciliation(visit.words, files, statements, breaks),
        files=files,
        statements=statements,
        breaks=breaks,
        certificates=await certificates(visit.pool, day, [f.channel for f in files]),
        open_breaks={
            f.channel: sum(1 for b in breaks if b.channel == f.channel and not b.cleared_at) for f in files
        },
    )


async def side(visit: Visit) -> Response:
    """Draw the lines that one figure of a day is made of."""
    asked = visit.request.path_params
    day, which = day_of(asked["day"]), asked["which"]
    if which not in TITLES:
        raise Missing("lines")
    skip = whole("skip", visit.query.get("skip", "0"), 0, MOST)
    lines = await reconciliation.side(visit.pool, asked["source"], day, which, ROWS, skip)
    return await visit.page(
        "lines.html",
        here="reconciliation",
        asked_day=day,
        source=asked["source"],
        which=which,
        title=TITLES[which],
        lines=lines,
        count=lines[0].all_count if lines else 0,
        total=lines[0].all_fen if lines else 0,
        next_skip=skip + ROWS if lines and skip + ROWS < lines[0].all_count else None,
    )
