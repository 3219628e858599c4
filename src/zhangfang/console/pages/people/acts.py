"""Who did this? The record of acts, by person, kind and date, page by page."""

from datetime import datetime, time, timedelta

from starlette.responses import Response

from zhangfang.approvals import Wanted, length, operators, trail
from zhangfang.console.typed import day_or_none
from zhangfang.console.visit import Visit
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.text.parameters import whole
from zhangfang.web.tables import TERMS

PARAMETERS = ("person", "act", "from", "to", "before")
_ROWS = 50


async def page(visit: Visit) -> Response:
    """List the newest acts that the filter leaves, and lead to the earlier ones."""
    given = {name: visit.query.get(name, "").strip()[:40] for name in PARAMETERS}
    rows = await trail(visit.pool, _wanted(given), _ROWS + 1)
    more = rows[_ROWS - 1].seq if len(rows) > _ROWS else None
    return await visit.page(
        "acts.html",
        here="acts",
        rows=rows[:_ROWS],
        given={name: value for name, value in given.items() if name != "before"},
        more=more,
        length=await length(visit.pool),
        people=[one.name for one in await operators(visit.pool)],
        kinds=sorted(TERMS["act"], key=lambda word: visit.words.of(TERMS["act"][word])),
    )


def _wanted(given: dict[str, str]) -> Wanted:
    """Return what the address asks for; days are China's. Raises `InvalidInput`."""
    since, until = (_start(name, given[name]) for name in ("from", "to"))
    before = whole("before", given["before"], 1, 2**60) if given["before"] else None
    return Wanted(given["person"], given["act"], since, until and until + timedelta(days=1), before)


def _start(field: str, text: str) -> datetime | None:
    day = day_or_none(field, text)
    return datetime.combine(day, time(), CHINA) if day else None
