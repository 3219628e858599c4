"""Who is this merchant, and may they be paid?"""

from starlette.responses import Response

from zhangfang.closing.trial import sides, totals
from zhangfang.console import sentences
from zhangfang.console.reading import merchants, payments
from zhangfang.console.reading.payments import Filter
from zhangfang.console.visit import Visit
from zhangfang.web.tables import OPERATIONS
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_

STATES = {"active": N_("Active"), "frozen": N_("Frozen"), "closed": N_("Closed")}


async def page(visit: Visit) -> Response:
    """List all merchants with what the books owe each."""
    rows = await merchants.merchants(visit.pool)
    inactive = sum(1 for row in rows if row.state != "active")
    unbound = sum(1 for row in rows if row.account_tail is None)
    return await visit.page(
        "merchants.html",
        here="merchants",
        rows=rows,
        states_of=STATES,
        say=sentences.merchants(visit.words, len(rows), inactive, unbound),
        pending=sum(row.pending_fen for row in rows),
        available=sum(row.available_fen for row in rows),
    )


async def one(visit: Visit) -> Response:
    """Draw one merchant: contract, account, balances, and what happened last."""
    id_ = visit.request.path_params["id"]
    row = await merchants.merchant(visit.pool, id_)
    if row is None:
        raise Missing("merchant")
    accounts = await merchants.accounts(visit.pool, id_)
    return await visit.page(
        "merchant.html",
        here="merchants",
        m=row,
        states_of=STATES,
        rules=await merchants.fee_rules(visit.pool, id_),
        accounts=accounts,
        totals=totals(map(sides, accounts)),
        settlements=await merchants.settlements(visit.pool, id_),
        statements=await merchants.statements(visit.pool, id_),
        latest=await payments.page(visit.pool, Filter(tuple(OPERATIONS), merchant=id_), None, 10),
    )
