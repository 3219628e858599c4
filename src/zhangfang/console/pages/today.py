"""Is anything wrong, and does the day add up?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from zhangfang.console import sentences
from zhangfang.console.reading import books, channels, payments, today
from zhangfang.console.reading.model import Errand, Figures, Hour, Seal, Waiting
from zhangfang.console.view import PAY_IN
from zhangfang.console.visit import Visit, day_of
from zhangfang.kernel.calendar import UNIONPAY_CUTOFF, settlement_day, unannounced
from zhangfang.kernel.clock import CHINA
from zhangfang.reconciliation import aging, too_much
from zhangfang.web.tables import SUBJECTS
from zhangfang.web.visit import gather, read
from zhangfang.web.words import N_, Words

_PLACES = {
    "payment": "/payments",
    "break": "/reconciliation",
    "duplicate": "/duplicates",
    "freeze": "/freezes",
    "register": "/register",
}
_STACK = 150  # height of the two stacks, in units of their drawing
_GAP = 2


@dataclass(frozen=True, slots=True)
class Layer:
    """One account code of the balance: its colour, and where its block stands in the stack."""

    code: int
    fen: int
    look: str
    y: float
    height: float


async def page(visit: Visit) -> Response:
    """Draw a day: the one asked for, else today, else the last one that has orders. What could not be read is a dash."""
    now, pool, day = visit.now, visit.pool, await _day(visit)
    start, end = today.day_bounds(day)
    figures, hours, errands, standing, health, latest = await gather(
        visit,
        today.figures(pool, day),
        today.hours(pool, day),
        today.errands(pool, visit.today),
        books.standing(pool),
        channels.health(pool, now, visit.site.channels),
        payments.page(pool, payments.Filter(PAY_IN, since=start, until=end), None, 8),
    )
    gap = difference(standing)
    waiting, seal, aged = await gather(
        visit, today.waiting(pool, visit.today), today.seal(pool, now), aging(pool, now)
    )
    return visit.draw(
        "today.html",
        here="today",
        waiting=waiting,
        seal=seal,
        say=_sentence(visit, day, figures, seal, waiting),
        shown_day=day,
        figures=figures,
        difference=gap,
        unannounced=unannounced(visit.today),
        too_old=too_much(aged or ()),
        first_unequal=await read(visit, books.first_unequal(pool)) if gap else None,
        hours=hours,
        chart=chart(hours, now if day == visit.today else None, visit.words) if hours else None,
        errands=errands,
        errand_links=[errand_href(visit, one) for one in errands or ()],
        held=layers(standing, "held"),
        owed=layers(standing, "owed"),
        stack=_STACK,
        health=health,
        latest=latest,
        to_cutoff=datetime.combine(settlement_day(now), UNIONPAY_CUTOFF, CHINA) - now,
        demo_command=visit.site.demo_command,
    )


async def figures_part(visit: Visit) -> Response:
    """Draw the five figures alone: what the page asks for again every ten seconds."""
    day = await _day(visit)
    figures, standing, seal, waiting = await gather(
        visit,
        today.figures(visit.pool, day),
        books.standing(visit.pool),
        today.seal(visit.pool, visit.now),
        today.waiting(visit.pool, visit.today),
    )
    if figures is None:
        return Response(status_code=503)  # the page keeps its old figures, greyed
    return visit.draw(
        "figures.html",
        figures=figures,
        shown_day=day,
        difference=difference(standing),
        seal=seal,
        say=_sentence(visit, day, figures, seal, waiting),
        part=True,
    )


async def _day(visit: Visit) -> date:
    """Return the day that the address asks for, else today, or the last day with orders if today has none."""
    if text := visit.query.get("day", ""):
        return day_of(text)
    return await read(visit, today.last_day(visit.pool, visit.today)) or visit.today


def _sentence(
    visit: Visit, day: date, figures: Figures | None, seal: Seal | None, waiting: Waiting | None
) -> Markup:
    empty = N_("No order yet today.") if day == visit.today else N_("No order on that day.")
    return sentences.today(visit.words, visit.base, figures, seal, waiting, empty)


async def more(visit: Visit) -> Response:
    """List every page, for a phone's last tab."""
    return await visit.page("more.html", here="more")


def difference(standing: dict[tuple[int, int], int] | None) -> int | None:
    """Return the largest difference between debits and credits of any book, or None if it could not be read."""
    if standing is None:
        return None
    sums: dict[int, int] = {}
    for (book, _code), balance in standing.items():
        sums[book] = sums.get(book, 0) + balance
    return max(sums.values(), key=abs, default=0)


def layers(standing: dict[tuple[int, int], int] | None, side: str) -> list[Layer] | None:
    """Return one side of the customers' book, largest code order kept; blocks of both sides share one scale."""
    if standing is None:
        return None
    balances = {code: balance for (book, code), balance in standing.items() if book == 1 and balance}
    sign = {"held": 1, "owed": -1}
    sums = [sum(sign[s] * b for c, b in balances.items() if _side(c) == s and sign[s] * b > 0) for s in sign]
    rows = [(code, sign[side] * balance) for code, balance in sorted(balances.items()) if _side(code) == side]
    scale = (_STACK - _GAP * max(len(rows) - 1, 0)) / max(*sums, 1)
    placed, y = [], 0.0
    for n, (code, fen) in enumerate(rows):
        height = max(fen, 0) * scale
        placed.append(Layer(code, fen, f"{side[0]}{n % 6 + 1}", round(y, 2), round(height, 2)))
        y += height + _GAP
    return placed


def _side(code: int) -> str:
    return "owed" if SUBJECTS[code].normal == "Cr" else "held"


def chart(hours: Sequence[Hour], now: datetime | None, _: Words) -> dict[str, Any]:
    """Return what the chart draws: fen by hour. Its running hour is that of `now`, if the day is not over."""
    return {
        "today": [hour.today_fen for hour in hours],
        "before": [hour.before_fen for hour in hours],
        "unknown": [hour.unknown for hour in hours],
        "running": now.astimezone(CHINA).hour if now else None,
        "cutoff": UNIONPAY_CUTOFF.hour,
        "words": {"cutoff": str(_("cut-off 23:00")), "lang": _.lang},
    }


def errand_href(visit: Visit, errand: Errand) -> str:
    """Return where an errand is done."""
    what, _, key = errand.link.partition(":")
    return visit.href(f"{_PLACES[what]}/{key}")
