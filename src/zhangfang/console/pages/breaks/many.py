"""One cure for all breaks of a list: how many, what they come to, which cannot have it; and what became of each."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from zhangfang import approvals
from zhangfang import reconciliation as work
from zhangfang.approvals import PREFIX
from zhangfang.console.pages.breaks import listing
from zhangfang.console.reading import breaks
from zhangfang.console.visit import Visit, uuid_of
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import NEEDS, Bulk, Fit, in_bulk
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

PARAMETERS = (*listing.PARAMETERS, "cure")
_MOST, _SHOWN = 10_000, 20


async def form(visit: Visit) -> Response:
    """Show how many breaks of the list a cure is for, and what they come to."""
    ids = await _listed(visit)
    cures = await _cures(visit, ids)
    cure = visit.query.get("cure") or (cures[0] if cures else "")
    return await _page(visit, ids, cures, cure)


async def send(visit: Visit) -> Response:
    """Propose what the page showed: if there are more or fewer breaks now, it has to be looked at again."""
    sent = visit.request.state.form
    cure, proof, journal = sent.get("cure", ""), sent.get("proof", "").strip(), Journal(visit.pool)
    ids = await _listed(visit)
    cures = await _cures(visit, ids)
    try:
        fit = await work.fitting(visit.pool, journal, ids, cure, proof)
        if sent.get("seen") != _seen(fit):
            changed = visit.words(N_("There are more or fewer now: look again."))
            return await _page(visit, ids, cures, cure, str(changed), proof)
        wanted = [row["id"] for row in fit.rows]
        made = await work.propose_many(
            visit.pool, visit.site.clock, journal, wanted, cure, visit.person, proof
        )
    except ZhangfangError as error:
        return await _page(visit, ids, cures, cure, str(error), proof)
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")


async def results(visit: Visit) -> Response:
    """List the breaks of a bulk cure, and what became of each."""
    id_ = uuid_of(visit)
    try:
        found = await approvals.get(visit.pool, id_)
    except approvals.NoProposal:
        raise Missing("proposal") from None
    if found.kind != work.BULK:
        raise Missing("proposal")
    said = found.holds(Bulk)
    return await visit.page(
        "break_results.html",
        here="breaks",
        said=said,
        found=found,
        items=[(UUID(item), seen) for item, seen in said.items],
        results=await work.results(visit.pool, id_),
    )


async def _listed(visit: Visit) -> list[UUID]:
    return await breaks.ids(visit.pool, listing.wanted(visit), visit.now, _MOST)


async def _cures(visit: Visit, ids: Sequence[UUID]) -> list[str]:
    """Return the cures that many can have, of those that any break of the list can have."""
    found = await breaks.kinds(visit.pool, ids)
    return list(dict.fromkeys(cure for row in found for cure in work.cures(row) if in_bulk(cure)))


def _seen(fit: Fit) -> str:
    return f"{len(fit.rows)}/{fit.fen}"


async def _page(
    visit: Visit, ids: Sequence[UUID], cures: Sequence[str], cure: str, error: str = "", proof: str = ""
) -> Response:
    fit: Any = Fit((), ())
    if cure in cures:
        fit = await work.fitting(visit.pool, Journal(visit.pool), ids, cure, proof or N_("said below"))
    return await visit.page(
        "break_many.html",
        422 if error else 200,
        here="breaks",
        cures=cures,
        cure=cure,
        fit=fit,
        seen=_seen(fit),
        listed=len(ids),
        shown=[(row, why) for row, why in fit.others if cure in work.cures(row)][:_SHOWN],
        needs_proof="proof" in NEEDS.get(cure, ()),
        proof=proof,
        error=error,
        query=listing.wanted(visit).query(),
    )
