"""Was a payer charged twice, and is the money back?"""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from starlette.responses import Response

from zhangfang import duplicates
from zhangfang.approvals import proposals
from zhangfang.console import sentences
from zhangfang.console.pages.proposals import Shown, shown
from zhangfang.console.reading import payments
from zhangfang.console.reading.books import merchant_names
from zhangfang.console.reading.model import Dossier
from zhangfang.console.visit import Visit
from zhangfang.duplicates import PREFIX, Case, CaseState
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

STATES = {  # word and shape
    CaseState.SUSPECTED: (N_("Suspected"), "hand"),
    CaseState.APPROVAL: (N_("Needs a second person"), "hand"),
    CaseState.PERSON: (N_("Left to a person"), "hand"),
    CaseState.REVERSING: (N_("Going back"), "move"),
    CaseState.DONE: (N_("Healed"), "done"),
    CaseState.DISMISSED: (N_("No double"), "wait"),
}
ACTS = {
    "confirm": N_("Confirm"),
    "dismiss": N_("Dismiss"),
}
_DECIDES: Mapping[str, Callable[..., Awaitable[Case]]] = {
    "confirm": duplicates.confirm,
    "dismiss": duplicates.dismiss,
}
_OVER = (CaseState.DONE, CaseState.DISMISSED)
_MOST = 500


async def page(visit: Visit) -> Response:
    """List the cases that are open, all of them, or those of one state, with the sum of each state."""
    every, chosen = visit.query.get("all") is not None, visit.query.get("state", "")
    if chosen and chosen not in set(CaseState):
        raise InvalidInput("state", "another word", ", ".join(CaseState))
    states = None if every else [state for state in CaseState if state not in _OVER]
    states = [CaseState(chosen)] if chosen else states
    rows = await duplicates.cases(visit.pool, states, limit=_MOST)
    counts = await duplicates.counts(visit.pool)
    return await visit.page(
        "duplicates.html",
        here="duplicates",
        rows=rows,
        every=every,
        counts=counts,
        of=STATES,
        names=await merchant_names(visit.pool, {row.merchant for row in rows}),
        say=sentences.duplicates(visit.words, counts),
        suspected=counts.get(CaseState.SUSPECTED, (0, 0)),
        total=sum(row.amount for row in rows),
    )


async def one(visit: Visit) -> Response:
    """Draw a case: both payments side by side, the vouchers, and every step."""
    case = await _case(visit)
    keep = await _dossier(visit, case.keep)
    goes = await _dossier(visit, case.intent) if case.intent else None
    masked, waiting = await duplicates.masked(visit.pool, case.id), await _waiting(visit, case)
    return await visit.page(
        "duplicate.html",
        here="duplicates",
        case=case,
        shown_id=prefixed(PREFIX, case.id),
        keep=keep,
        goes=goes,
        back=await _dossier(visit, case.reversal) if case.reversal else None,
        line=await duplicates.line(visit.pool, case.break_) if case.break_ else None,
        masked={row.voucher for row in masked},
        steps=await duplicates.steps(visit.pool, case.id),
        of=STATES,
        say=sentences.duplicate(visit.words, case),
        acts={act: refusal(case, act, waiting=waiting is not None) for act in ACTS},
        proposal=waiting,
        words_of=ACTS,
    )


async def _waiting(visit: Visit, case: Case) -> Shown | None:
    """Return the proposal of a case that waits for a second person."""
    target = prefixed(PREFIX, case.id)
    found = await proposals(visit.pool, kind=duplicates.REVERSAL, target=target)
    return shown(found[0]) if found else None


def refusal(case: Case, act: str, *, waiting: bool) -> str | None:
    """Return why nobody may decide this of a case now, as the label of the button; None if one may."""
    if case.state in _OVER:
        return N_("the case is over")
    if case.state is CaseState.REVERSING:
        return N_("the money is on its way back")
    if act == "confirm" and waiting:
        return N_("Confirm: somebody has confirmed it")
    return None


async def decide(visit: Visit) -> Response:
    """Confirm, approve or dismiss a case."""
    case, act = await _case(visit), _act(visit)
    reason = visit.request.state.form.get("reason", "")
    try:
        await _DECIDES[act](visit.pool, visit.site.clock, case.id, visit.person, reason)
    except ZhangfangError as error:
        return await form(visit, 422, str(error), reason)
    return visit.go(f"/duplicates/{prefixed(PREFIX, case.id)}")


async def form(visit: Visit, status: int = 200, error: str = "", reason: str = "") -> Response:
    """Ask for the reason, and show what will be done; once more if it was refused."""
    case, act = await _case(visit), _act(visit)
    names = await merchant_names(visit.pool, {case.merchant})
    waiting = await _waiting(visit, case) is not None
    return await visit.page(
        "duplicate_decide.html",
        status,
        here="duplicates",
        case=case,
        shown_id=prefixed(PREFIX, case.id),
        act=act,
        words_of=ACTS,
        merchant=names.get(case.merchant, case.merchant),
        refused=refusal(case, act, waiting=waiting) if not error else None,
        error=error,
        reason=reason,
        count=1,
        fen=case.amount,
    )


async def decide_all(visit: Visit) -> Response:
    """Confirm every case that is only suspected; what does not fit stays where it is, and says why when asked."""
    sent = visit.request.state.form
    reason = sent.get("reason", "")
    count, _ = await _suspected(visit)
    if sent.get("count") != str(count):
        changed = visit.words(N_("There are more or fewer now: look again."))
        return await form_of_all(visit, 409, str(changed), reason)
    try:
        wanted = await duplicates.to_confirm(visit.pool)
        await duplicates.confirm_all(visit.pool, visit.site.clock, wanted, visit.person, reason)
    except ZhangfangError as error:
        return await form_of_all(visit, 422, str(error), reason)
    return visit.go("/duplicates?all=1")


async def form_of_all(visit: Visit, status: int = 200, error: str = "", reason: str = "") -> Response:
    """Show how many suspected cases there are and what they come to, and ask for the reason."""
    count, fen = await _suspected(visit)
    return await visit.page(
        "duplicate_decide.html",
        status,
        here="duplicates",
        case=None,
        shown_id="",
        act="confirm",
        words_of=ACTS,
        merchant="",
        refused=None if count else N_("nothing is suspected"),
        error=error,
        reason=reason,
        count=count,
        fen=fen,
    )


async def _suspected(visit: Visit) -> tuple[int, int]:
    return (await duplicates.counts(visit.pool)).get(CaseState.SUSPECTED, (0, 0))


def _act(visit: Visit) -> str:
    act = str(visit.request.path_params["act"])
    if act not in ACTS:
        raise Missing("act")
    return act


async def _case(visit: Visit) -> Case:
    text = visit.request.path_params["id"]
    try:
        id_ = parse(PREFIX, text) if "_" in text else UUID(hex=text)
        return await duplicates.get(visit.pool, id_)
    except (InvalidInput, ValueError, duplicates.NoCase):
        raise Missing("case") from None


async def _dossier(visit: Visit, id_: UUID) -> Dossier:
    found = await payments.dossier(visit.pool, id_)
    assert found is not None, "a payment is never deleted"
    return found
