"""Is the customers' money there? The bank's balance beside what customers own, for a business date.

And how the company's own money leaves: one person proposes it here, to an account that two people have named.
"""

from datetime import timedelta

from starlette.responses import Response

from zhangfang import adjustments, payments
from zhangfang.adjustments import reserve as parts
from zhangfang.approvals import PREFIX, proposals
from zhangfang.channels.port import PartyAccount
from zhangfang.console.pages.proposals import shown
from zhangfang.console.typed import fen_of, typed
from zhangfang.console.visit import Visit, day_of
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.web.words import N_

SIDES = (
    (N_("What is there, and what comes"), ((N_("At the bank"), parts.CASH), (N_("On its way to the bank"), parts.COMING),
        (N_("Owed by own funds"), parts.DUE))),
    (N_("Whose it is"), ((N_("Customers' claims"), parts.CLAIMS), (N_("On its way to customers"), parts.GOING),
        (N_("Our own money"), parts.OWN))),
)  # fmt: skip


async def page(visit: Visit) -> Response:
    """Draw the reserve of a business date: each figure opens its accounts of that date."""
    asked = visit.query.get("date", "")
    day = day_of(asked) if asked else settlement_day(visit.now)
    return await visit.page(
        "reserve.html",
        here="reserve",
        r=await adjustments.reserve_of(visit.pool, day),
        sides=SIDES,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < settlement_day(visit.now) else None,
        top_ups=await adjustments.entries(visit.pool, kind="top_up"),
        may_leave=await visit.site.actions.own_money_may_leave(),
        own=await adjustments.own_bank(visit.pool),
        account=await payments.own_account(visit.pool),
        withdrawals=await payments.withdrawals(visit.pool),
        open_=[
            shown(one)
            for kind in (payments.WITHDRAWAL, payments.OWN_ACCOUNT)
            for one in await proposals(visit.pool, kind=kind)
        ],
    )


async def withdrawal_form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask how much is to leave, and why; once more if it was refused."""
    return await visit.page(
        "reserve_withdraw.html",
        status,
        here="reserve",
        may_leave=await visit.site.actions.own_money_may_leave(),
        account=await payments.own_account(visit.pool),
        typed=typed(visit, "amount", "reason"),
        error=error,
    )


async def withdraw(visit: Visit) -> Response:
    """Propose that own money leaves."""
    sent = visit.request.state.form
    try:
        amount, reason = fen_of(sent.get("amount", "")), sent.get("reason", "")
        made = await visit.site.actions.withdraw(amount, reason, visit.person)
    except ZhangfangError as error:
        return await withdrawal_form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")


async def account_form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask for the company's own account; once more if it was refused, without the number."""
    said = typed(visit, "name", "bank", "reason")
    return await visit.page("reserve_account.html", status, here="reserve", typed=said, error=error)


async def name_account(visit: Visit) -> Response:
    """Propose the company's own account."""
    sent = visit.request.state.form
    number, name, bank = (sent.get(field, "").strip() for field in ("number", "name", "bank"))
    account = PartyAccount(number.replace(" ", ""), name, "corporate", bank)
    try:
        made = await visit.site.actions.name_own_account(account, sent.get("reason", ""), visit.person)
    except ZhangfangError as error:
        return await account_form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")
