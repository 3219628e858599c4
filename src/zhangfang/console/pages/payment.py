"""What happened to one payment, and how do we know?"""

import json
import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from zhangfang.approvals import proposals, recorded
from zhangfang.console import sentences, view
from zhangfang.console.pages.proposals import shown
from zhangfang.console.reading import payments
from zhangfang.console.reading.model import Dossier
from zhangfang.console.timeline import days, timeline
from zhangfang.console.typed import fen_of
from zhangfang.console.visit import Visit
from zhangfang.fees import why
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import parse
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.payments import OUTCOME
from zhangfang.web.visit import FormInvalid, Missing


async def page(visit: Visit, status: int = 200, refused: str = "") -> Response:
    """Draw the payment with its evidence; with `refused`, also why an act on it was refused."""
    dossier, _ = await find(visit), visit.words
    p = dossier.payment
    checks = view.three_way(dossier, _)
    events = timeline(p, dossier.steps)
    proposed = await proposals(visit.pool, target=visit.id_of(p))
    return await visit.page(
        "payment.html",
        status,
        here=view.SECTION[p.kind],
        d=dossier,
        p=p,
        refused=refused,
        shown_id=visit.id_of(p),
        say=sentences.payment(_, p, visit.now),
        path=view.path(dossier, _),
        days=days(events),
        settled=any(event.tone == "settled" for event in events),
        checks=checks,
        agreement=view.agreement(checks, p),
        charged=await why(visit.pool, p.id),
        due=0 if view.ended_without(p) else p.amount,
        fee_back=sum(undo.fee for undo in dossier.undone_by if undo.state == "SUCCESS"),
        refund_reason=view.refund_reason(p),
        query_reason=view.query_reason(p),
        outcome_reason=view.outcome_reason(p, waiting=any(one.kind == OUTCOME for one in proposed)),
        proposed=[shown(one) for one in proposed],
        debits=sum(line.debit or 0 for line in dossier.lines),
        credits=sum(line.credit or 0 for line in dossier.lines),
    )


async def peek(visit: Visit) -> Response:
    """Draw the payment small, beside a list."""
    dossier = await find(visit)
    p = dossier.payment
    say = sentences.payment(visit.words, p, visit.now)
    return visit.draw("peek.html", p=p, say=say, shown_id=visit.id_of(p), events=timeline(p, dossier.steps))


async def evidence(visit: Visit) -> Response:
    """Give everything that is stored of the payment, as JSON."""
    dossier = await find(visit)
    name = visit.id_of(dossier.payment)
    body = json.dumps(asdict(dossier), default=_plain, ensure_ascii=False, indent=2)
    disposition = {"content-disposition": f'attachment; filename="{name}.json"'}
    return Response(body, media_type="application/json", headers=disposition)


async def query_now(visit: Visit) -> Response:
    """Ask the channel now, and return to the payment."""
    dossier = await find(visit)
    if reason := view.query_reason(dossier.payment):
        return await page(visit, 409, str(visit.words(reason)))
    name = visit.id_of(dossier.payment)
    try:
        async with recorded(visit.pool, visit.site.clock, visit.person, "query", name):
            await visit.site.actions.query_now(dossier.payment.id)
    except ZhangfangError as error:
        return await page(visit, 409, str(error))
    return visit.go(f"/payments/{name}")


async def refund_page(visit: Visit, error: str = "", sent: str | None = None) -> Response:
    """Ask for the amount; with an amount, show what will be done and ask to confirm it, or why it was not done."""
    p = (await find(visit)).payment
    text = visit.query.get("amount") if sent is None else sent
    left, amount = p.amount - p.refunded, None
    if text is not None and not error:
        try:
            amount = _amount(text, left)
        except InvalidInput as invalid:
            error = str(invalid)
    return await visit.page(
        "refund.html",
        422 if error else 200,
        here=view.SECTION[p.kind],
        p=p,
        shown_id=visit.id_of(p),
        reason=view.refund_reason(p),
        left=left,
        amount=amount,
        typed=text if text is not None else fen_to_yuan(left),
        error=error,
        key=secrets.token_hex(16),
    )


async def refund(visit: Visit) -> Response:
    """Refund what the confirming page showed. Its key makes a second press the same refund."""
    dossier = await find(visit)
    p, form = dossier.payment, visit.request.state.form
    if reason := view.refund_reason(p):
        return await page(visit, 409, str(visit.words(reason)))
    key, text = form.get("key", ""), form.get("amount", "")
    if len(key) != 32:
        raise FormInvalid("the form has no key; open the refund's page again")
    amount = _amount(text, p.amount - p.refunded)
    try:
        made = await visit.site.actions.refund(p.id, amount, visit.person, key)
    except ZhangfangError as error:
        return await refund_page(visit, str(error), text)
    return visit.go(f"/payments/{made or visit.id_of(p)}")


def _amount(text: str, left: int) -> int:
    amount = check_amount(fen_of(text))
    if amount > left:
        raise InvalidInput("amount", "more than is left", f"at most {fen_to_yuan(left)}")
    return amount


async def find(visit: Visit) -> Dossier:
    """Return the payment that the address names with its evidence, or raise `Missing`."""
    dossier = await payments.dossier(visit.pool, _id(visit.request.path_params["id"]))
    if dossier is None:
        raise Missing("payment")
    return dossier


def _id(text: str) -> UUID:
    """Return the id of `pay_…`, `ref_…`, `pot_…`, or of plain hex, as other pages link it."""
    try:
        return parse(text.partition("_")[0], text) if "_" in text else UUID(hex=text)
    except (InvalidInput, ValueError):
        raise Missing("payment") from None


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else str(value)
