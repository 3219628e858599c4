"""Which one are they asking about? Lists of payments, refunds and payouts, and the list of what is unknown."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from zhangfang.console import sentences
from zhangfang.console.reading import payments
from zhangfang.console.reading.model import Counts, Payment
from zhangfang.console.reading.payments import FACTS, Filter
from zhangfang.console.view import PAY_BACK, PAY_IN, facts_of
from zhangfang.console.visit import Visit
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.web.export import LIMIT, Fen, export
from zhangfang.web.tables import STATES
from zhangfang.web.visit import Missing, gather
from zhangfang.web.words import N_

T = TypeVar("T")
ROWS = 50
FILTER = ("state", "fact", "kind", "merchant", "channel", "from", "to", "q")  # parameters of the address
PAGED = (*FILTER, "before")
SECTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "payments": (PAY_IN, N_("Payments")),
    "refunds": (PAY_BACK, N_("Refunds")),
    "payouts": (("payout",), N_("Payouts")),
}
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_COLUMNS: tuple[tuple[str, Callable[[Visit, Payment], Any]], ...] = (
    (N_("Time"), lambda v, p: p.created_at),
    (N_("Id"), lambda v, p: v.id_of(p)),
    (N_("Kind"), lambda v, p: p.kind),
    (N_("Merchant"), lambda v, p: p.merchant),
    (N_("Merchant's name"), lambda v, p: p.merchant_name),
    (N_("Merchant's order number"), lambda v, p: p.order_no),
    (N_("Amount (CNY)"), lambda v, p: Fen(p.amount)),
    (N_("Fee (CNY)"), lambda v, p: Fen(p.fee)),
    (N_("State"), lambda v, p: p.state),
    (N_("Later facts"), lambda v, p: " ".join(facts_of(p))),
    (N_("Refunded (CNY)"), lambda v, p: Fen(p.refunded)),
    (N_("Channel"), lambda v, p: p.channel),
    (N_("Channel order number"), lambda v, p: p.channel_order_no),
    (N_("Channel's own number"), lambda v, p: p.channel_ref),
    (N_("Settlement date"), lambda v, p: p.settle_date),
    (N_("Bank line"), lambda v, p: p.arrived_seq),
    (N_("Code"), lambda v, p: p.code),
    (N_("Message"), lambda v, p: p.message),
)


@dataclass(frozen=True, slots=True)
class Chip:
    """A state (or later fact) to filter by: how many rows it has, and the address that chooses or drops it."""

    state: str
    count: int
    chosen: bool
    href: str


async def page(visit: Visit) -> Response:
    """Draw a list with its chips, its sum and its next page."""
    section = visit.request.url.path.removeprefix(visit.base).strip("/")
    kinds, title = SECTIONS[section]
    wanted = filter_of(visit, kinds)
    before = _cursor(visit)
    rows, total, counts = await gather(
        visit,
        payments.page(visit.pool, wanted, before, ROWS + 1),
        payments.total(visit.pool, wanted),
        payments.counts(visit.pool, wanted),
    )
    query = dict(visit.query)
    query.pop("before", None)
    filtered = any(query.get(name) for name in FILTER if name != "kind")
    unknown = counts.states.get("UNKNOWN", 0) if counts else 0
    unknown_href = visit.href(f"/{section}", **query | {"state": "UNKNOWN"})
    next_ = query | {"before": rows[ROWS - 1].id.hex} if rows and len(rows) > ROWS else None
    return await visit.page(
        "payments.html",
        here=section,
        section=section,
        title=title,
        say=sentences.listing(visit.words, total, filtered, unknown, unknown_href) if total else None,
        rows=rows[:ROWS] if rows is not None else None,
        total=total,
        chips=chips(visit, section, counts, query) if counts else (),
        query=query,
        filtered=filtered,
        first=before is None,
        next_href=visit.href(f"/{section}", **next_) if next_ else None,
        channels=list(visit.site.channels),
        limit=LIMIT,
    )


async def unknown(visit: Visit) -> Response:
    """Draw everything without an outcome, oldest first: its age, and what happens next."""
    rows = await payments.doubtful(visit.pool)
    say = sentences.doubtful(visit.words, rows, visit.now)
    return await visit.page(
        "unknown.html", here="unknown", rows=rows, say=say, total=sum(row.amount for row in rows)
    )


async def take_away(visit: Visit) -> Response:
    """Give the rows of a filter, all pages; more rows than the limit are refused."""
    section, kind = visit.request.path_params["section"], visit.request.path_params["kind"]
    if section not in SECTIONS or kind not in _MEDIA:
        raise Missing(section)
    wanted = filter_of(visit, SECTIONS[section][0])
    if (await payments.total(visit.pool, wanted, LIMIT)).more:
        return await visit.page("error.html", 413, what="too_many", limit=LIMIT)

    def cells(row: Payment) -> list[Any]:
        return [cell(visit, row) for _, cell in _COLUMNS]

    pages = payments.every(visit.pool, wanted)
    return await download(visit, section, kind, [name for name, _ in _COLUMNS], pages, cells)


async def download(
    visit: Visit,
    name: str,
    kind: str,
    head: Sequence[str],
    pages: AsyncIterator[Sequence[T]],
    cells: Callable[[T], Sequence[Any]],
) -> Response:
    """Return a table as a file that is made while it is sent, its headings in the visitor's language."""
    making = visit.site.making
    if making.locked():
        busy = await visit.page("error.html", 503, what="busy")
        busy.headers["retry-after"] = "5"
        return busy
    heads = [str(visit.words(text)) for text in head]

    async def made() -> AsyncIterator[bytes]:
        async with making, aclosing(export(kind, name, heads, _each(pages, cells))) as chunks:
            async for chunk in chunks:
                yield chunk

    file = f"{name}-{visit.now.astimezone(CHINA):%Y%m%d-%H%M%S}.{kind}"
    headers = {"content-disposition": f'attachment; filename="{file}"'}
    return StreamingResponse(made(), media_type=_MEDIA[kind], headers=headers)


async def _each(
    pages: AsyncIterator[Sequence[T]], cells: Callable[[T], Sequence[Any]]
) -> AsyncIterator[list[Sequence[Any]]]:
    async for page in pages:
        yield [cells(row) for row in page]


def filter_of(visit: Visit, kinds: tuple[str, ...]) -> Filter:
    """Return the filter that the address asks for; a word it does not know is `InvalidInput` naming the field."""
    query = visit.query
    states = tuple(word for word in query.get("state", "").split(",") if word)
    if unknown_words := [word for word in states if word not in STATES or STATES[word].final == "later"]:
        raise InvalidInput("state", f"{len(unknown_words)} unknown words", ", ".join(STATES))
    fact = query.get("fact") or None
    if fact is not None and fact not in FACTS:
        raise InvalidInput("fact", "another word", ", ".join(FACTS))
    kind = query.get("kind") or None
    if kind is not None and kind not in kinds:
        raise InvalidInput("kind", "another word", ", ".join(kinds))
    return Filter(
        kinds=(kind,) if kind else kinds,
        states=states or None,
        merchant=query.get("merchant") or None,
        channel=query.get("channel") or None,
        since=_minute(query.get("from", ""), "from"),
        until=_minute(query.get("to", ""), "to"),
        fact=fact,
        number=query.get("q", "").strip() or None,
    )


def chips(visit: Visit, section: str, counts: Counts, query: dict[str, str]) -> list[Chip]:
    """Return a chip for each word that has rows or is chosen, unknown first; words that read alike are one chip."""
    grouped: dict[str, list[str]] = {}
    for state, word in STATES.items():
        grouped.setdefault(word.en, []).append(state)
    found = []
    for several in grouped.values():
        name = "fact" if several[0] in FACTS else "state"
        table = counts.facts if name == "fact" else counts.states
        value, count = ",".join(several), sum(table.get(state, 0) for state in several)
        chosen = query.get(name) == value
        if count or chosen:
            href = visit.href(f"/{section}", **query | {name: None if chosen else value})
            found.append(Chip(several[0], count, chosen, href))
    return found


def _minute(text: str, field: str) -> datetime | None:
    """Return the moment of a `datetime-local` field, which is Beijing time."""
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(field, f"{len(text)} characters", "YYYY-MM-DDThh:mm, Beijing time") from None


def _cursor(visit: Visit) -> UUID | None:
    text = visit.query.get("before", "")
    try:
        return UUID(hex=text) if text else None
    except ValueError:
        raise InvalidInput("before", f"{len(text)} characters", "32 characters of hex") from None
