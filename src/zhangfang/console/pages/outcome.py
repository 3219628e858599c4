"""Two people end an UNKNOWN: how did it end, and where is the proof?"""

from collections.abc import Mapping
from datetime import date

from starlette.responses import Response

from zhangfang.console import view
from zhangfang.console.pages.payment import find
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import parse
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen
from zhangfang.payments import Outcome, State, outcomes, propose_outcome
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

ENDS = {"SUCCESS": N_("It was done"), "FAILED": N_("It was not done, and never will be")}


async def propose(visit: Visit) -> Response:
    """Keep what one person says; another has to approve it."""
    sent = visit.request.state.form
    dossier = await find(visit)
    try:
        outcome, operator = _said(sent), str(visit.operator)
        await propose_outcome(visit.pool, visit.site.clock, dossier.payment.id, outcome, operator)
    except ZhangfangError as error:
        return await form(visit, 422, str(error), sent)
    return visit.go(f"/payments/{visit.id_of(dossier.payment)}")


async def end(visit: Visit) -> Response:
    """Approve what another person says, or withdraw it."""
    dossier = await find(visit)
    act = str(visit.request.path_params["act"])
    try:
        proposed = parse("out", visit.request.path_params["outcome"])
    except InvalidInput:
        raise Missing("outcome") from None
    if act not in ("approve", "withdraw"):
        raise Missing("act")
    await visit.site.actions.end_outcome(act, proposed, str(visit.operator))
    return visit.go(f"/payments/{visit.id_of(dossier.payment)}")


def _said(sent: Mapping[str, str]) -> Outcome:
    state = sent.get("outcome", "")
    if state not in ENDS:
        raise InvalidInput("outcome", f"{len(state)} characters", ", ".join(ENDS))
    reason, evidence = sent.get("reason", ""), sent.get("evidence", "")
    if state == State.FAILED:
        return Outcome(State.FAILED, reason, evidence)
    fen = yuan_to_fen(sent.get("amount", "").strip().replace(",", ""))
    return Outcome(State.SUCCESS, reason, evidence, fen, _day(sent.get("date", "")), sent.get("ref", ""))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("date", f"{len(text)} characters", "a date such as 2026-09-01") from None


async def form(
    visit: Visit, status: int = 200, error: str = "", sent: Mapping[str, str] | None = None
) -> Response:
    """Ask how it ended, and for the proof; once more, as it was filled in, if it was refused."""
    dossier = await find(visit)
    p = dossier.payment
    waiting = await outcomes(visit.pool, p.id)
    reason = view.outcome_reason(p, waiting=bool(waiting))
    first = {"amount": fen_to_yuan(p.amount), "date": str(visit.today), "outcome": "SUCCESS"}
    return await visit.page(
        "outcome.html",
        status,
        here=view.SECTION[p.kind],
        p=p,
        shown_id=visit.id_of(p),
        ends=ENDS,
        refused=reason if not error else None,
        error=error,
        typed=first | {"reason": "", "evidence": "", "ref": p.channel_ref or ""} | dict(sent or {}),
    )
