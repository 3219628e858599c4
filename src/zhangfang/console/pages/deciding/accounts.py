"""Where is this merchant paid out? One person proposes the account that it signed up with, or another; two agree on it."""

from starlette.responses import Response

from zhangfang.approvals import PREFIX
from zhangfang.console.reading import merchants
from zhangfang.console.typed import typed
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.merchants import BankAccount
from zhangfang.web.visit import Missing

MEDIA = ("corporate", "card", "passbook")


async def form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask for the account; once more if it was refused, without the number."""
    row = await merchants.merchant(visit.pool, visit.request.path_params["id"], visit.today)
    if row is None:
        raise Missing("merchant")
    said = typed(visit, "name", "bank", "medium", "reason")
    return await visit.page(
        "merchant_account.html", status, here="merchants", m=row, media=MEDIA, typed=said, error=error
    )


async def propose(visit: Visit) -> Response:
    """Propose the account."""
    sent = visit.request.state.form
    number, name, bank, medium = (
        sent.get(field, "").strip() for field in ("number", "name", "bank", "medium")
    )
    account = None if sent.get("named") else BankAccount(number.replace(" ", ""), name, medium, bank)
    try:
        args = visit.request.path_params["id"], account, sent.get("reason", ""), visit.person
        made = await visit.site.actions.propose_account(*args)
    except ZhangfangError as error:
        return await form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")
