"""Two people end an UNKNOWN: how did it end, and where is the proof?"""

from collections.abc import Mapping
from datetime import date

from starlette.responses import Response

from zhangfang.approvals import proposals
from zhangfang.console import view
from zhangfang.console.pages.payment import find
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen
from zhangfang.payments import OUTCOME, Outcome, State, propose_outcome
from zhangfang.web.words import N_

ENDS = {"SUCCESS": N_("It was done"), "FAILED": N_("It was not done, and never will be")}


async def propose(visit: Visit) -> Response:
    """Keep what one person says; another has to approve it."""
    sent = visit.request.state.form
    dossier = await find(visit)
    try:
        await propose_outcome(visit.pool, visit.site.clock, dossier.payment.id, _said(sent), visit.person)
    except ZhangfangError as error:
        return await form(visit, 422, str(error), sent)
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
    waiting = await proposals(visit.pool, kind=OUTCOME, target=visit.id_of(p))
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
