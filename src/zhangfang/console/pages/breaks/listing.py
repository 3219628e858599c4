"""What shall I do with this one? The list on the left, the chosen break on the right; two pages on a phone."""

from typing import Any
from uuid import UUID

from starlette.responses import Response

from zhangfang import reconciliation as work
from zhangfang.approvals import acts_on, get, operators
from zhangfang.console import sentences
from zhangfang.console.reading import breaks, reconciliation
from zhangfang.console.reading.breaks import Filter
from zhangfang.console.reading.model import Break
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.parameters import whole
from zhangfang.reconciliation import BreakClass
from zhangfang.web.visit import Missing

PARAMETERS = ("class", "channel", "owner", "older", "younger", "code", "all")
AGES = (1, 2, 8, 31)  # days, from which the list can begin


def wanted(visit: Visit) -> Filter:
    """Return what the address asks for. Raises `InvalidInput`."""
    asked = visit.query
    cls, owner = asked.get("class") or None, asked.get("owner") or None
    if cls not in (None, *BreakClass):
        raise InvalidInput("class", "another word", ", ".join(BreakClass))
    older, younger = (whole(name, asked.get(name) or "0", 0, 3650) for name in ("older", "younger"))
    code = whole("code", asked.get("code") or "0", 0, 9999) or None
    if code not in (None, *work.CODES.values()):
        raise InvalidInput("code", f"{code}", ", ".join(map(str, sorted(set(work.CODES.values())))))
    name = "" if owner == "-" else owner
    return Filter(cls, asked.get("channel") or None, name, older, younger, code, bool(asked.get("all")))


async def page(visit: Visit, chosen: UUID | None = None, status: int = 200, error: str = "") -> Response:
    """Draw the list, and the chosen break: the first of the list if none is named."""
    filter_ = wanted(visit)
    rows = await breaks.listed(visit.pool, filter_, visit.now)
    id_ = chosen or (rows[0].id if rows else None)
    channels, owners = await breaks.choices(visit.pool)
    return await visit.page(
        "breaks.html",
        status,
        here="breaks",
        rows=rows,
        say=sentences.breaks(visit.words, rows, filter_),
        filter=filter_,
        query=filter_.query(),
        classes=list(BreakClass),
        ages=AGES,
        channels=channels,
        owners=owners,
        named=chosen is not None,
        error=error,
        **await _chosen(visit, id_),
    )


async def one(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw a break beside the list; with `error`, also why something was not done."""
    return await page(visit, break_id(visit), status, error)


async def _chosen(visit: Visit, id_: UUID | None) -> dict[str, Any]:
    if id_ is None:
        return {"b": None}
    found = await find(visit, id_)
    return {
        "b": found,
        "waits": await _waits(visit, found),
        "cures": cures_of(found),
        "automatic": _automatic(found),
        "history": await acts_on(visit.pool, str(id_)),
        "papers": await work.papers(visit.pool, id_),
        "people": [person.name for person in await operators(visit.pool) if person.disabled_at is None],
    }


async def _waits(visit: Visit, found: Break) -> bool:
    """Whether a cure waits for a second person, or to be carried on: one that was withdrawn does not."""
    if found.proposal is None or found.cleared_at is not None:
        return False
    proposal = await get(visit.pool, found.proposal)
    return proposal.decision is None or (proposal.decision == "approve" and proposal.result is None)


def _automatic(found: Break) -> tuple[str, ...]:
    """Return what may end a break without a person. A payer's money goes back by itself where the order was closed."""
    could_be = {at: cures for at, cures in work.AUTOMATIC.items() if at == (found.cls, found.template)}
    return tuple(
        cure for cures in could_be.values() for cure in cures if cure != "R4" or found.our_state == "CLOSED"
    )


def cures_of(found: Break) -> tuple[str, ...]:
    """Return the cures that a break can have."""
    row = {"class": found.cls, "template": found.template, "intent": found.intent, "kind": found.kind}
    return work.cures(row) if found.cleared_at is None and found.cure is None else ()


async def find(visit: Visit, id_: UUID) -> Break:
    """Return a break, or raise `Missing`."""
    found = await reconciliation.one_break(visit.pool, id_)
    if found is None:
        raise Missing("break")
    return found


def break_id(visit: Visit) -> UUID:
    """Return the break that the address names, or raise `Missing`."""
    try:
        return UUID(visit.request.path_params["id"])
    except ValueError:
        raise Missing("break") from None
