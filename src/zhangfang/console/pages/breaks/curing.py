"""A cure is chosen, its voucher is shown before anything is stored, and one person proposes it. Another one approves."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.responses import Response

from zhangfang import reconciliation as work
from zhangfang.approvals import PREFIX
from zhangfang.channels.port import PartyAccount
from zhangfang.console.pages.breaks.listing import break_id, cures_of, find
from zhangfang.console.reading import breaks
from zhangfang.console.reading.books import merchant_names
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.text.checks import check_account
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import NEEDS, Cure
from zhangfang.web.tables import MOVEMENTS
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

LABELS = {
    "merchant": N_("Merchant's id"),
    "channel": N_("Channel that settled"),
    "day": N_("Settlement date"),
    "payment": N_("Id of the payment, refund or payout"),
    "proof": N_("Where is the proof? A letter's, ticket's or recording's number"),
    "account_number": N_("Account to which it goes back"),
    "account_name": N_("Whose account it is"),
}

_TEXTS = ("merchant", "channel", "payment", "proof")


async def form(visit: Visit) -> Response:
    """Ask for what the cure needs; if it needs nothing, its voucher is there at once."""
    cure = visit.query.get("cure", "")
    if NEEDS.get(cure):
        return await _page(visit, cure, {})
    return await _look(visit, cure, {})


async def send(visit: Visit) -> Response:
    """Show the voucher of what was filled in; or propose it, if that is what was looked at."""
    sent = visit.request.state.form
    cure = sent.get("cure", "")
    if sent.get("act") != "propose":
        return await _look(visit, cure, sent)
    try:
        said = await _said(visit, cure, sent)
        journal = Journal(visit.pool)
        made = await work.propose(visit.pool, visit.site.clock, journal, break_id(visit), said, visit.person)
    except ZhangfangError as error:
        return await _page(visit, cure, sent, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")


async def _look(visit: Visit, cure: str, sent: Mapping[str, str]) -> Response:
    try:
        vouchers = await visit.site.actions.preview_cure(break_id(visit), await _said(visit, cure, sent))
    except ZhangfangError as error:
        return await _page(visit, cure, sent, str(error))
    return await _page(visit, cure, sent, vouchers=await breaks.moves(visit.pool, vouchers))


async def _page(
    visit: Visit, cure: str, sent: Mapping[str, str], error: str = "", vouchers: Any = None
) -> Response:
    found = await find(visit, break_id(visit))
    if cure not in cures_of(found):
        raise Missing("cure")
    shown = {line.credit[1] for one in vouchers or () for line in one} | {sent.get("merchant", "")}
    return await visit.page(
        "break_cure.html",
        422 if error else 200,
        here="breaks",
        b=found,
        cure=cure,
        needs=NEEDS.get(cure, ()),
        labels=LABELS,
        sent=sent,
        error=error,
        vouchers=vouchers,
        movements=MOVEMENTS,
        names=await merchant_names(visit.pool, shown),
        candidates=await work.candidates(visit.pool, found.difference),
    )


async def _said(visit: Visit, cure: str, sent: Mapping[str, str]) -> Cure:
    """Return what was filled in. Raises `InvalidInput`; the account is sealed, and not kept otherwise."""
    typed = {name: sent.get(name, "").strip() for name in NEEDS.get(cure, ())}
    said: dict[str, Any] = {name: typed[name] for name in _TEXTS if name in typed}
    if "day" in typed:
        said["day"] = _day(typed["day"])
    if "account_number" in typed:
        account = PartyAccount(typed["account_number"].replace(" ", ""), typed["account_name"])
        check_account(account, ("number", "name"))
        said["account"] = await visit.site.actions.seal_payee(account, break_id(visit))
        said["tail"] = account.number[-4:]
    return Cure(cure, **said)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("day", f"{len(text)} characters", "a date such as 2026-09-01") from None
