"""What has a deadline, and how did it end? Chargebacks, courts, taxes, interest, complaints, invoices: one page and form."""

from collections.abc import Mapping

from starlette.responses import Response

from zhangfang import adjustments
from zhangfang.adjustments import REGISTER, REGISTERED, Entry, Written
from zhangfang.approvals import proposals
from zhangfang.console.pages.proposals import shown
from zhangfang.console.reading.books import merchant_names
from zhangfang.console.typed import day_or_none, fen_of, id_of
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

FIELDS = {
    "payment": (N_("Payment"), "pay_…"),
    "merchant": (N_("Merchant"), "mer_…"),
    "amount": (N_("Amount (CNY)"), "120.00"),
    "due_on": (N_("Due on"), ""),
}
UPLOAD = 6 * 1024 * 1024  # bytes of a form with a file


async def page(visit: Visit) -> Response:
    """List the open entries, those that are due first; with `all`, the closed ones; with `kind`, those of one kind."""
    every, kind = visit.query.get("all") is not None, visit.query.get("kind", "")
    if kind and kind not in REGISTERED:
        raise InvalidInput("kind", "another word", ", ".join(REGISTERED))
    rows = await adjustments.entries(visit.pool, every=every, kind=kind or None)
    return await visit.page(
        "register.html",
        here="register",
        rows=rows,
        every=every,
        kind=kind,
        kinds=REGISTERED,
        waiting_n=len(await proposals(visit.pool, kind=REGISTER)),
        names=await merchant_names(visit.pool, {row.merchant for row in rows if row.merchant}),
        alarms=sum(row.alarms(visit.today) for row in rows),
    )


async def one(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw an entry: its facts and files, and the end that waits or can be proposed."""
    entry = await _entry(visit)
    waiting = await proposals(visit.pool, kind=REGISTER, target=entry.shown_id)
    moves = REGISTERED[entry.kind].moves_on
    return await visit.page(
        "register_entry.html",
        status,
        here="register",
        e=entry,
        kind=REGISTERED[entry.kind],
        files=await adjustments.names(visit.pool, entry.files),
        names=await merchant_names(visit.pool, {entry.merchant} if entry.merchant else set()),
        payment=prefixed("pay", entry.payment) if entry.payment else "",
        moves=await adjustments.preview_of(visit.pool, entry, moves) if moves else (),
        proposed=shown(waiting[0]) if waiting else None,
        vouchers=await adjustments.vouchers(visit.pool, entry.id),
        error=error,
    )


async def form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask for what an entry of the kind needs; once more if it was refused."""
    sent: Mapping[str, str] = visit.request.state.form if visit.request.method == "POST" else {}
    kind = sent.get("kind", "") or visit.query.get("kind", "")
    typed = dict.fromkeys(("reference", "note", *FIELDS), "")
    return await visit.page(
        "register_form.html",
        status,
        here="register",
        kinds=REGISTERED,
        kind=REGISTERED.get(kind),
        fields=FIELDS,
        typed=typed | dict(visit.query) | dict(sent),
        error=error,
    )


async def propose(visit: Visit) -> Response:
    """Propose a new entry, with its file if there is one."""
    sent = visit.request.state.form
    try:
        said = Written(
            sent.get("kind", ""),
            sent.get("reference", ""),
            sent.get("merchant", "").strip(),
            sent.get("payment", "").strip(),
            fen_of(sent["amount"]) if sent.get("amount", "").strip() else None,
            day_or_none("due_on", sent.get("due_on", "")),
            sent.get("note", ""),
            await _kept(visit),
        )
        id_ = await adjustments.propose_entry(visit.pool, visit.site.clock, said, visit.person)
    except ZhangfangError as error:
        return await form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed('prp', id_)}")


async def close(visit: Visit) -> Response:
    """Propose how an entry ended."""
    entry, sent = await _entry(visit), visit.request.state.form
    try:
        outcome, note = sent.get("outcome", ""), sent.get("note", "")
        files = await _kept(visit)
        await adjustments.propose_outcome(
            visit.pool, visit.site.clock, entry.id, outcome, note, visit.person, files
        )
    except ZhangfangError as error:
        return await one(visit, 422, str(error))
    return visit.go(f"/register/{entry.shown_id}")


async def _kept(visit: Visit) -> tuple[str, ...]:
    """Keep the files that came with the form, and return their digests."""
    found = [
        await adjustments.keep(visit.pool, visit.site.clock, name, content, visit.person)
        for name, content in visit.files.values()
    ]
    return tuple(found)


async def _entry(visit: Visit) -> Entry:
    id_ = id_of(visit, adjustments.ENTRY, "entry")
    try:
        return await adjustments.entry_of(visit.pool, id_)
    except adjustments.NoEntry:
        raise Missing("entry") from None
