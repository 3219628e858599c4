"""One box for any number."""

from starlette.responses import RedirectResponse, Response

from zhangfang.console.reading.search import Hit, search
from zhangfang.console.visit import Visit
from zhangfang.web.words import N_

FIELD_NAMES = {  # in the order in which an empty answer names them; a break is found by its key, but not named
    "id": N_("our id"),
    "order_no": N_("merchant's order number"),
    "idempotency_key": N_("idempotency key"),
    "channel_order_no": N_("channel order number"),
    "channel_ref": N_("channel's own number"),
    "bank_number": N_("bank's reference, request or statement number"),
    "voucher": N_("voucher"),
    "merchant": N_("merchant's id, code or name"),
    "key": N_("break"),
}


async def page(visit: Visit) -> Response:
    """Go straight to the single hit; else list the hits, or say where nothing was found."""
    text = visit.query.get("q", "").strip()
    hits = await search(visit.pool, text)
    if len(hits) == 1:
        return RedirectResponse(href(visit, hits[0]), status_code=303)
    rows = [(hit, href(visit, hit)) for hit in hits]
    return await visit.page("search.html", here="", text=text, rows=rows, names=FIELD_NAMES)


def href(visit: Visit, hit: Hit) -> str:
    """Return the page of a hit."""
    if hit.what == "merchant":
        return visit.href(f"/merchants/{hit.key}")
    if hit.what == "voucher" and hit.intent is None:
        return visit.href(f"/vouchers/{hit.key}")
    if hit.intent is not None:
        return visit.href(f"/payments/{hit.intent.hex}")
    return visit.href(f"/reconciliation/{hit.day}")
