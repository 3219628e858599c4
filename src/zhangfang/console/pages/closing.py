"""What stands between us and the close of a month? And what was certified of a day?"""

from datetime import date, timedelta

from starlette.responses import Response

from zhangfang.approvals import logins_of, proposals
from zhangfang.closing import certificate as certified
from zhangfang.closing import checklist, period, roll
from zhangfang.console import sentences
from zhangfang.console.pages.proposals import shown
from zhangfang.console.visit import Visit, day_of
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.web.visit import Missing

_EXCEPT = "except_"  # begins the name of the field that leaves a soft item open


async def newest(visit: Visit) -> Response:
    """Go to the month that is to be closed next: the one after the last closed date, or that of yesterday."""
    standing = await roll.standing(visit.pool, visit.now)
    day = (
        standing.closed_through + timedelta(days=1)
        if standing.closed_through
        else visit.today - timedelta(days=1)
    )
    return visit.go(f"/closing/{day:%Y-%m}")


async def page(
    visit: Visit, status: int = 200, error: str = "", typed: dict[str, str] | None = None
) -> Response:
    """Draw a month's checklist, what may be done about it, and every past close and re-opening."""
    month, (first, last) = visit.request.path_params["month"], _month(visit)
    found = await checklist.check(visit.pool, last, visit.now)
    standing = await roll.standing(visit.pool, visit.now)
    closed = standing.closed_through is not None and last <= standing.closed_through
    missing = checklist.in_the_way(found)
    return await visit.page(
        "closing.html",
        status,
        here="closing",
        month=month,
        before=f"{first - timedelta(days=1):%Y-%m}",
        after=f"{last + timedelta(days=1):%Y-%m}",
        say=sentences.closing(visit.words, month, len(missing), len(found), closed=closed),
        closed=closed,
        found=found,
        soft=[one for one in missing if not one.item.hard],
        hard=[one for one in missing if one.item.hard],
        proposed_now=[
            shown(one)
            for kind in (period.CLOSE, period.REOPEN)
            for one in await proposals(visit.pool, kind=kind)
        ],
        mine=await logins_of(visit.pool, visit.person.id),
        requests=await period.requests(visit.pool),
        standing=standing,
        error=error,
        typed=typed or {},
        excepting=_EXCEPT,
        stays=first - timedelta(days=1),
    )


async def close(visit: Visit) -> Response:
    """Propose to close the month; the form names the items that are left open."""
    typed, (_, last) = visit.request.state.form, _month(visit)
    left_out = tuple(name.removeprefix(_EXCEPT) for name in typed if name.startswith(_EXCEPT))
    reason = typed.get("reason", "")
    try:
        await period.propose_closing(visit.pool, visit.site.clock, last, visit.person, left_out, reason)
    except ZhangfangError as error:
        return await page(visit, 422, str(error), typed)
    return visit.go(f"/closing/{visit.request.path_params['month']}")


async def reopen(visit: Visit) -> Response:
    """Propose to open the month again, and every month after it."""
    typed, (first, _) = visit.request.state.form, _month(visit)
    stays = first - timedelta(days=1)
    reason = typed.get("reason", "")
    try:
        await period.propose_reopening(visit.pool, visit.site.clock, stays, reason, visit.person)
    except ZhangfangError as error:
        return await page(visit, 422, str(error), typed)
    return visit.go(f"/closing/{visit.request.path_params['month']}")


async def certificate(visit: Visit) -> Response:
    """Draw the newest certificate of a channel and a day, or an older version; it is made to be printed."""
    day = day_of(visit.request.path_params["day"])
    several = await certified.versions(visit.pool, visit.request.path_params["channel"], day)
    version = visit.query.get("version", "")
    chosen = [one for one in several if not version or str(one.content.version) == version]
    if not chosen:
        raise Missing("certificate")
    return await visit.page(
        "certificate.html", here="reconciliation", asked_day=day, one=chosen[0], several=several
    )


def _month(visit: Visit) -> tuple[date, date]:
    """Return the first and last date of the address's month, which has to have one before it, or raise `Missing`."""
    try:
        return checklist.month_of(visit.request.path_params["month"])
    except InvalidInput:
        raise Missing("month") from None
