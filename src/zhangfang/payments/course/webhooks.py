"""Webhooks to merchants. Each row is a job: signed as in Standard Webhooks, and sent until it is acknowledged."""

from datetime import timedelta

import aiohttp
import asyncpg

from zhangfang.kernel.driver import Job
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.merchants import webhook_endpoints
from zhangfang.merchants.webhooks import headers as signed_headers
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import StepKind
from zhangfang.payments.store import new_step

queries = load(__package__, "webhooks.sql")

TIMEOUT = aiohttp.ClientTimeout(total=5)
SCHEDULE = tuple(
    timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)  # after the last, a person may replay it


def job(desk: Desk, session: aiohttp.ClientSession) -> Job:
    """Return the driver's job over the webhooks."""

    async def step(row: asyncpg.Record) -> None:
        await deliver(desk, session, row)

    return Job("webhook", ("id",), step)


async def deliver(desk: Desk, session: aiohttp.ClientSession, row: asyncpg.Record) -> None:
    """Post one event. Its webhook-id is the same in all tries, so that the merchant recognises a repeat."""
    now = desk.clock.now()
    body = row["payload"].encode()
    status: int | None = 204  # if the merchant has removed its endpoints, nothing has to be sent
    for endpoint in await webhook_endpoints(desk.pool, desk.vault, row["merchant"]):
        headers = signed_headers(endpoint.secret, prefixed("evt", row["id"]), now, body)
        status = await _post(session, endpoint.url, headers, body)
        if not _acknowledged(status):
            break
    if _acknowledged(status):
        await desk.pool.execute(queries.delivered, row["id"], now, status)
        await desk.journal.note(
            new_step(desk.clock, row["intent"], StepKind.TOLD, code=str(status), message=row["event"])
        )
        return
    attempts = row["attempts"]
    again = now + SCHEDULE[attempts] if attempts < len(SCHEDULE) else None
    await desk.pool.execute(queries.try_again, row["id"], row["fence"], status, again)


def _acknowledged(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


async def _post(session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes) -> int | None:
    """Return the HTTP status. None if no answer came."""
    try:
        async with session.post(
            url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            return answer.status
    except (OSError, ValueError, aiohttp.ClientError):  # ValueError: a host name that cannot be encoded
        return None
