"""Do we and the channel agree?"""

from datetime import date, timedelta

from starlette.responses import Response

from zhangfang.console import sentences
from zhangfang.console.reading import reconciliation
from zhangfang.console.visit import Visit
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

CLASSES = {
    "missing_here": N_("We lack it"),
    "missing_there": N_("They lack it"),
    "amount_differs": N_("Amount differs"),
    "duplicate": N_("Duplicate"),
    "fee_differs": N_("Fee differs"),
    "unknown_receipt": N_("Receipt of unknown origin"),
    "unknown_debit": N_("Debit of unknown origin"),
    "contradiction": N_("Evidence against a final state"),
}


async def newest(visit: Visit) -> Response:
    """Go to the newest day of which anything has arrived."""
    day = await reconciliation.newest_day(visit.pool) or visit.today
    return visit.go(f"/reconciliation/{day}")


async def page(visit: Visit) -> Response:
    """Draw a day: files and statements beside our books, then each break with both values."""
    try:
        day = date.fromisoformat(visit.request.path_params["day"])
        before, after = day - timedelta(days=1), day + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Missing("day") from None
    files = await reconciliation.files(visit.pool, day, visit.site.with_file)
    statements = await reconciliation.statements(visit.pool, day)
    breaks = await reconciliation.breaks(visit.pool, day)
    return await visit.page(
        "reconciliation.html",
        here="reconciliation",
        asked_day=day,
        before=before,
        after=after,
        say=sentences.reconciliation(visit.words, files, statements, breaks),
        files=files,
        statements=statements,
        breaks=breaks,
        classes=CLASSES,
        open_breaks={
            f.channel: sum(1 for b in breaks if b.channel == f.channel and not b.cleared_at) for f in files
        },
    )


async def breaks(visit: Visit) -> Response:
    """List all breaks, open ones first."""
    only_open = visit.query.get("all") is None
    rows = await reconciliation.breaks(visit.pool, only_open=only_open)
    say = sentences.breaks(visit.words, rows)
    return await visit.page(
        "breaks.html", here="breaks", rows=rows, say=say, classes=CLASSES, only_open=only_open
    )
