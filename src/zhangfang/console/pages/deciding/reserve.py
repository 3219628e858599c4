"""Is the customers' money there? The bank's balance beside what customers own, for a business date."""

from datetime import timedelta

from starlette.responses import Response

from zhangfang import adjustments
from zhangfang.adjustments import reserve as parts
from zhangfang.console.visit import Visit, day_of
from zhangfang.kernel.calendar import settlement_day
from zhangfang.web.words import N_

SIDES = (
    (N_("What is there, and what comes"), ((N_("At the bank"), parts.CASH), (N_("On its way to the bank"), parts.COMING),
        (N_("Owed by own funds"), parts.DUE))),
    (N_("Whose it is"), ((N_("Customers' claims"), parts.CLAIMS), (N_("On its way to customers"), parts.GOING),
        (N_("Our own money"), parts.OWN))),
)  # fmt: skip


async def page(visit: Visit) -> Response:
    """Draw the reserve of a business date: each figure opens its accounts of that date."""
    asked = visit.query.get("date", "")
    day = day_of(asked) if asked else settlement_day(visit.now)
    return await visit.page(
        "reserve.html",
        here="reserve",
        r=await adjustments.reserve_of(visit.pool, day),
        sides=SIDES,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < settlement_day(visit.now) else None,
        top_ups=await adjustments.entries(visit.pool, kind="top_up"),
    )
