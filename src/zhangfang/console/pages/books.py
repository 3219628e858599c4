"""Accounts and vouchers: how did a balance come about?"""

from typing import Any

from starlette.responses import Response

from zhangfang.console.pages.payments import download
from zhangfang.console.reading import books
from zhangfang.console.reading.model import Entry
from zhangfang.console.visit import Visit, uuid_of
from zhangfang.kernel.text.parameters import whole
from zhangfang.web.export import LIMIT, Fen
from zhangfang.web.tables import MOVEMENTS, SUBJECTS
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

ROWS, MOST = 50, 10**18 - 1  # entries on a page; a sequence number


async def account(visit: Visit) -> Response:
    """Draw an account's entries with the balance after each, newest first."""
    found = await books.account_of(visit.pool, uuid_of(visit))
    if found is None:
        raise Missing("account")
    before = _before(visit)
    entries = await books.history(visit.pool, found.id, before, ROWS + 1)
    more = len(entries) > ROWS
    return await visit.page(
        "account.html",
        here="trial-balance",
        account=found,
        names=await books.merchant_names(visit.pool, [found.subject]),
        normal=SUBJECTS[found.code].normal,
        entries=entries[:ROWS],
        first=before is None,
        next_href=visit.href(f"/accounts/{found.id}", before=entries[ROWS - 1].seq) if more else None,
    )


async def account_export(visit: Visit) -> Response:
    """Give an account's whole history; more rows than the limit are refused."""
    kind = visit.request.path_params["kind"]
    found = await books.account_of(visit.pool, uuid_of(visit))
    if found is None or kind not in ("csv", "xlsx"):
        raise Missing("account")
    count = await books.count(visit.pool, found.id, LIMIT + 1)
    if count > LIMIT:
        return await visit.page("error.html", 413, what="too_many", count=count, limit=LIMIT)
    head = [
        N_("Sequence"), N_("Posted at"), N_("Business date"), N_("Voucher"), N_("Payment"), N_("Debit"), N_("Credit"),
        N_("Balance after (debit positive)"),
    ]  # fmt: skip
    pages = books.every_entry(visit.pool, found.id)
    return await download(visit, f"account-{found.code}", kind, head, pages, _cells)


def _cells(e: Entry) -> list[Any]:
    amounts = map(_fen, (e.debit, e.credit, e.balance))
    return [e.seq, e.posted_at, e.business_date, e.voucher, e.intent, *amounts]


async def voucher(visit: Visit) -> Response:
    """Draw one voucher with all its lines, its payment and its reversals."""
    id_ = uuid_of(visit)
    lines = await books.voucher(visit.pool, id_)
    if not lines:
        raise Missing("voucher")
    posted = [line for line in lines if not line.held]
    return await visit.page(
        "voucher.html",
        here="trial-balance",
        lines=lines,
        posted=posted,
        first=lines[0],
        links=await books.links(visit.pool, id_),
        names=await books.merchant_names(visit.pool, {line.subject for line in lines}),
        movements=MOVEMENTS,
        debits=sum(line.debit or 0 for line in posted),
        credits=sum(line.credit or 0 for line in posted),
    )


def _fen(amount: int | None) -> Any:
    return None if amount is None else Fen(amount)


def _before(visit: Visit) -> int | None:
    text = visit.query.get("before", "")
    return whole("before", text, 1, MOST) if text else None
