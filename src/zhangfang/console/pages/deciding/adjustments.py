"""May I sign this? Adjustments: what I made, what is for me to check, and what was decided."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from zhangfang import adjustments, approvals
from zhangfang.adjustments import ALLOWED, Adjustment, Case
from zhangfang.approvals import logins_of
from zhangfang.console.pages.proposals import shown
from zhangfang.console.typed import fen_of
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.ledger import TEMPLATES
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

FIELDS = {  # what a person names: its label, and an example
    "debit": (N_("Debit account"), "2322/mer_…"),
    "credit": (N_("Credit account"), "2361/platform"),
    "merchant": (N_("Merchant"), "mer_…"),
    "channel": (N_("Channel"), "unionpay"),
}
STATES = {
    "waits": (N_("Waits for a second person"), "wait"),
    "asked": (N_("Approved, not in the books yet"), "move"),
    "posted": (N_("In the books"), "done"),
    "refused": (N_("The ledger refused it"), "fail"),
    "withdrawn": (N_("Withdrawn"), "wait"),
    "reversed": (N_("Reversed"), "after"),
}
GIVEN = ("template", "amount", "refers", *FIELDS)  # what an address may fill in, such as a break's own page
UPLOAD = 6 * 1024 * 1024  # bytes of a form with a file


def state_of(case: Case) -> str:
    """Return how far an adjustment has come, as a key of `STATES`."""
    if case.undone is not None and case.undone.posted:
        return "reversed"
    if case.proposal.decision != "approve":
        return "withdrawn" if case.proposal.decision else "waits"
    if case.made is None or case.made.ended_at is None:
        return "asked"
    return "posted" if case.made.posted else "refused"


async def page(visit: Visit) -> Response:
    """List what I made, what is for me to check, and what was decided."""
    mine = await logins_of(visit.pool, visit.person.id)
    waiting, made, over = _sorted(await adjustments.listed(visit.pool), mine)
    return await visit.page(
        "adjustments.html",
        here="adjustments",
        lists=((N_("For me to check"), waiting), (N_("Made by me"), made), (N_("Decided"), over)),
        state_of=state_of,
        of=STATES,
        templates=TEMPLATES,
        waiting_n=len(waiting),
        total=sum(case.said.amount for case in waiting),
    )


def _sorted(cases: Sequence[Case], mine: frozenset[str]) -> tuple[list[Case], list[Case], list[Case]]:
    """Return those that wait for this person, those that this person made and that wait, and the others."""
    waits = [case for case in cases if case.proposal.decision is None]
    made = [case for case in waits if case.proposal.proposed_by in mine]
    check = [case for case in waits if case.proposal.proposed_by not in mine]
    return check, made, [case for case in cases if case.proposal.decision is not None]


async def one(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw an adjustment: its voucher, the reason and the files, who made and who decided it, and what may be done."""
    case = await _case(visit)
    back = [each for each in await adjustments.listed(visit.pool, every=False) if each.said.refers == case.id]
    return await visit.page(
        "adjustment.html",
        status,
        here="adjustments",
        case=case,
        p=shown(case.proposal),
        state=state_of(case),
        of=STATES,
        files=await adjustments.names(visit.pool, case.said.files),
        mine=await logins_of(visit.pool, visit.person.id),
        waiting_back=back[0] if back else None,
        what=TEMPLATES[case.said.template][0],
        error=error,
    )


async def form(visit: Visit) -> Response:
    """Ask which voucher, then for what it needs."""
    template = visit.query.get("template", "")
    if template and template not in ALLOWED:
        raise InvalidInput("template", "another word", ", ".join(ALLOWED))
    return await _form(visit, template, {})


async def preview(visit: Visit) -> Response:
    """Show the voucher that would be booked, and ask once more; keep the file that came with the form."""
    sent = dict(visit.request.state.form)
    try:
        for name, content in visit.files.values():
            sent["file"] = await adjustments.keep(visit.pool, visit.site.clock, name, content, visit.person)
        said = await adjustments.prepared(visit.pool, _said(sent))
    except ZhangfangError as error:
        return await _form(visit, sent.get("template", ""), sent, 422, str(error))
    limit = await approvals.limit_of(visit.pool, adjustments.ADJUSTMENT, visit.person, "propose")
    return await visit.page(
        "adjustment_preview.html",
        here="adjustments",
        said=said,
        sent=sent,
        limit=limit,
        what=TEMPLATES[said.template][0],
        files=await adjustments.names(visit.pool, said.files),
    )


async def propose(visit: Visit) -> Response:
    """Propose what the preview showed."""
    sent = dict(visit.request.state.form)
    try:
        id_ = await adjustments.propose(visit.pool, visit.site.clock, _said(sent), visit.person)
    except ZhangfangError as error:
        return await _form(visit, sent.get("template", ""), sent, 422, str(error))
    return visit.go(f"/adjustments/{prefixed(adjustments.PREFIX, id_)}")


async def approve(visit: Visit) -> Response:
    """Approve what the page showed: the form holds its hash."""
    case, seen = await _case(visit), visit.request.state.form.get("seen", "")
    try:
        await visit.site.actions.approve(case.proposal.id, seen, visit.person)
    except ZhangfangError as error:
        return await one(visit, 409, str(error))
    return visit.go(f"/adjustments/{case.id}")


async def withdraw(visit: Visit) -> Response:
    """Withdraw an adjustment that nobody has approved."""
    case = await _case(visit)
    try:
        await approvals.withdraw(visit.pool, visit.site.clock, case.proposal.id, visit.person)
    except ZhangfangError as error:
        return await one(visit, 409, str(error))
    return visit.go(f"/adjustments/{case.id}")


async def reverse(visit: Visit) -> Response:
    """Propose to undo an adjustment."""
    case = await _case(visit)
    reason = visit.request.state.form.get("reason", "")
    try:
        await adjustments.propose_reversal(
            visit.pool, visit.site.clock, case.proposal.id, reason, visit.person
        )
    except ZhangfangError as error:
        return await one(visit, 422, str(error))
    return visit.go(f"/adjustments/{case.id}")


async def evidence(visit: Visit) -> Response:
    """Give a file of evidence, to be kept and not to be shown by the browser."""
    found = await adjustments.file(visit.pool, visit.request.path_params["digest"])
    if found is None:
        raise Missing("file")
    name = found.name.encode("ascii", "replace").decode().replace('"', "_")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(found.content, media_type="application/octet-stream", headers=headers)


async def _form(
    visit: Visit, template: str, sent: Mapping[str, str], status: int = 200, error: str = ""
) -> Response:
    typed = (
        dict.fromkeys(("amount", "code", "reason", "refers", "file", *FIELDS), "")
        | dict(visit.query)
        | dict(sent)
    )
    return await visit.page(
        "adjustment_form.html",
        status,
        here="adjustments",
        templates={name: TEMPLATES[name][0] for name in ALLOWED},
        allowed=ALLOWED.get(template),
        what=TEMPLATES[template][0] if template in ALLOWED else None,
        fields=FIELDS,
        typed=typed,
        error=error,
    )


def _said(sent: Mapping[str, str]) -> Adjustment:
    allowed = ALLOWED.get(sent.get("template", ""))
    if allowed is None:
        raise InvalidInput("template", "another word", ", ".join(ALLOWED))
    words: dict[str, Any] = {name: sent.get(name, "") for name in ("code", "reason", "refers")}
    subjects = {name: sent.get(name, "").strip() for name in allowed.whose}
    fen = fen_of(sent.get("amount", ""))
    files = tuple(filter(None, [sent.get("file", "")]))
    return Adjustment(allowed.template, fen, subjects, files=files, **words)


async def _case(visit: Visit) -> Case:
    try:
        return await adjustments.get(visit.pool, parse(adjustments.PREFIX, visit.request.path_params["id"]))
    except (InvalidInput, adjustments.NoAdjustment):
        raise Missing("adjustment") from None
