"""Who is this merchant, may they be paid, and what is each of their settlements made of?"""

from datetime import UTC, datetime
from uuid import UUID

from starlette.responses import Response

from zhangfang import advances
from zhangfang.approvals import record
from zhangfang.closing.trial import sides, totals
from zhangfang.console import sentences
from zhangfang.console.pages.deciding.fees import STATES, by_day
from zhangfang.console.reading import merchants, payments
from zhangfang.console.reading.payments import Filter
from zhangfang.console.visit import Visit
from zhangfang.fees import rules_of
from zhangfang.merchants import get_merchant, list_api_keys
from zhangfang.web.tables import OPERATIONS
from zhangfang.web.visit import Missing
from zhangfang.webhooks import redeliver_failed

EVER = datetime(2000, 1, 1, tzinfo=UTC)  # before all events


async def page(visit: Visit) -> Response:
    """List all merchants with what the books owe each."""
    rows = await merchants.merchants(visit.pool, visit.today)
    inactive = sum(1 for row in rows if row.state != "active")
    unbound = sum(1 for row in rows if not row.account_agreed)
    return await visit.page(
        "merchants.html",
        here="merchants",
        rows=rows,
        say=sentences.merchants(visit.words, len(rows), inactive, unbound),
        pending=sum(row.pending_fen for row in rows),
        available=sum(row.available_fen for row in rows),
    )


async def one(visit: Visit) -> Response:
    """Draw one merchant: contract, account, balances, and what happened last."""
    id_ = visit.request.path_params["id"]
    row = await merchants.merchant(visit.pool, id_, visit.today)
    if row is None:
        raise Missing("merchant")
    accounts = await merchants.accounts(visit.pool, id_)
    return await visit.page(
        "merchant.html",
        here="merchants",
        m=row,
        rules=by_day(await rules_of(visit.pool, id_), visit.today),
        rule_state=STATES,
        line=await advances.line_of(visit.pool, await get_merchant(visit.pool, id_), visit.today),
        accounts=accounts,
        totals=totals(map(sides, accounts)),
        settlements=await merchants.settlements(visit.pool, id_),
        keys=await list_api_keys(visit.pool, id_),
        endpoints=await merchants.endpoints(visit.pool, id_),
        statements=await merchants.statements(visit.pool, id_),
        latest=await payments.page(visit.pool, Filter(tuple(OPERATIONS), merchant=id_), None, 10),
    )


async def tell_again(visit: Visit) -> Response:
    """Have the events sent again that an endpoint of the merchant did not take."""
    id_ = visit.request.path_params["id"]
    if await merchants.merchant(visit.pool, id_, visit.today) is None:
        raise Missing("merchant")
    endpoint: UUID = visit.request.path_params["endpoint"]
    await record(visit.pool, visit.site.clock, visit.person, "tell again", id_)
    await redeliver_failed(visit.pool, visit.site.clock, id_, endpoint, EVER)
    return visit.go(f"/merchants/{id_}")
