"""Whose money is frozen, for whom, and until when? One person freezes; two give it back."""

from collections.abc import Mapping

from starlette.responses import Response

from zhangfang import adjustments
from zhangfang.adjustments import KINDS, Freeze
from zhangfang.approvals import proposals
from zhangfang.console.pages.proposals import shown
from zhangfang.console.reading.books import merchant_names
from zhangfang.console.typed import day_or_none, fen_of, id_of
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.web.visit import Missing

GIVEN = ("merchant", "amount", "reference")


async def page(visit: Visit) -> Response:
    """List the freezes that stand, with what each holds and waits for; with `all`, those that are over too."""
    every = visit.query.get("all") is not None
    rows = await adjustments.freezes(visit.pool, every=every)
    return await visit.page(
        "freezes.html",
        here="freezes",
        rows=rows,
        every=every,
        names=await merchant_names(visit.pool, {row.merchant for row in rows}),
        held=sum(row.held for row in rows),
        wanted=sum(row.wanted for row in rows),
    )


async def one(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw a freeze: what it took and gave back, whose order it is, and the thaw that waits."""
    found = await _freeze(visit)
    waiting = await proposals(visit.pool, kind=adjustments.THAW, target=found.shown_id)
    return await visit.page(
        "freeze.html",
        status,
        here="freezes",
        f=found,
        vouchers=await adjustments.vouchers(visit.pool, found.id),
        names=await merchant_names(visit.pool, {found.merchant}),
        proposed=shown(waiting[0]) if waiting else None,
        error=error,
    )


async def form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask whose money, how much, and for which order or case; once more if it was refused."""
    sent: Mapping[str, str] = visit.request.state.form if visit.request.method == "POST" else {}
    typed = dict.fromkeys(("merchant", "kind", "reference", "amount", "reason", "expires_on"), "")
    return await visit.page(
        "freeze_form.html",
        status,
        here="freezes",
        kinds=KINDS,
        typed=typed | dict(visit.query) | dict(sent),
        error=error,
    )


async def freeze(visit: Visit) -> Response:
    """Freeze what is there at once; the rest stands."""
    sent = visit.request.state.form
    try:
        made = await visit.site.actions.freeze(
            sent.get("merchant", "").strip(),
            kind=sent.get("kind", ""),
            reference=sent.get("reference", ""),
            amount=fen_of(sent.get("amount", "")),
            reason=sent.get("reason", ""),
            expires_on=day_or_none("expires_on", sent.get("expires_on", "")),
            by=visit.person,
        )
    except ZhangfangError as error:
        return await form(visit, 422, str(error))
    return visit.go(f"/freezes/{made.shown_id}")


async def thaw(visit: Visit) -> Response:
    """Propose to give up part of it, or all."""
    found, sent = await _freeze(visit), visit.request.state.form
    try:
        fen = fen_of(sent["amount"]) if sent.get("amount", "").strip() else None
        reason = sent.get("reason", "")
        await adjustments.propose_thaw(visit.pool, visit.site.clock, found.id, fen, reason, visit.person)
    except ZhangfangError as error:
        return await one(visit, 422, str(error))
    return visit.go(f"/freezes/{found.shown_id}")


async def _freeze(visit: Visit) -> Freeze:
    id_ = id_of(visit, adjustments.FREEZE, "freeze")
    try:
        return await adjustments.freeze_of(visit.pool, id_)
    except adjustments.NoFreeze:
        raise Missing("freeze") from None
