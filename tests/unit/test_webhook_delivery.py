"""Merchants are told: signed as Standard Webhooks, again under the same id until acknowledged, and then no more."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from tests.clock import SetClock
from tests.desk import SECRETS, Shop, open_shop
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.driver import Job, run_due
from zhangfang.merchants import set_webhook_endpoint
from zhangfang.payments import Intent, StepKind, webhook_job, weigh
from zhangfang.payments.course.webhooks import SCHEDULE

Seen = list[tuple[dict[str, str], bytes]]


class Endpoint:
    """A merchant's server: it answers with the next of `answers`, then 204."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self.answers: list[int] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None  # happens before the next answer
        self.seen: Seen = []
        self.url = ""
        self.secret = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the request and answer."""
        self.seen.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        if self.meanwhile:
            await self.meanwhile()
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": self.url} if status == 307 else {})


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as opened:
        yield opened


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/hook", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@contextlib.asynccontextmanager
async def telling(shop: Shop) -> AsyncIterator[Job]:
    async with aiohttp.ClientSession() as session:
        yield webhook_job(shop.desk, session)


async def paid(shop: Shop, endpoint: Endpoint) -> Intent:
    merchant = await shop.merchant()
    set_up = await set_webhook_endpoint(
        shop.desk.pool, shop.desk.vault, shop.clock, merchant.id, endpoint.url
    )
    endpoint.secret = set_up.secret
    intent = await shop.ask(merchant, Operation.COLLECTION, "A1", 1000)
    for _ in range(3):
        await weigh(
            shop.desk,
            await shop.reload(intent),
            StepKind.QUERY,
            Answer(Verdict.SUCCESS, amount=intent.amount),
        )
    return intent


async def rounds(shop: Shop, job: Job, times: int) -> None:
    for _ in range(times):
        await run_due(shop.desk.pool, shop.clock.now(), job)
        shop.clock.advance(days=2)


def check_signed(secret: str, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Have the library that merchants use sign the same at the stated moment."""
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert headers["webhook-signature"] == Webhook(secret).sign(headers["webhook-id"], at, body.decode())


async def test_an_event_is_signed_delivered_once_and_noted(shop: Shop, endpoint: Endpoint) -> None:
    intent = await paid(shop, endpoint)
    async with telling(shop) as job:
        at = shop.clock.now()
        await rounds(shop, job, 3)
    assert len(endpoint.seen) == 1
    headers, body = endpoint.seen[0]
    check_signed(endpoint.secret, headers, body, at)
    assert b'"payment.succeeded"' in body
    assert b'"order_no":"A1"' in body
    steps = await shop.desk.journal.steps(intent.id)
    assert [(s.code, s.message) for s in steps if s.kind is StepKind.TOLD] == [("204", "payment.succeeded")]


@pytest.mark.parametrize("status", [500, 404, 307, 300])
async def test_what_is_not_acknowledged_is_told_again_under_the_same_id_until_it_is(
    shop: Shop, endpoint: Endpoint, status: int
) -> None:
    await paid(shop, endpoint)
    endpoint.answers = [status] * 3
    async with telling(shop) as job:
        await rounds(shop, job, 6)
    assert len(endpoint.seen) == 4, "three refusals, then it was taken"
    assert len({headers["webhook-id"] for headers, _ in endpoint.seen}) == 1
    assert len({body for _, body in endpoint.seen}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in endpoint.seen}) == 4
    for headers, body in endpoint.seen:
        check_signed(
            endpoint.secret, headers, body, datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        )


async def test_the_waits_between_tries_are_the_schedules_and_then_it_ends(
    shop: Shop, endpoint: Endpoint
) -> None:
    await paid(shop, endpoint)
    endpoint.answers = [500] * 99
    waits = []
    async with telling(shop) as job:
        while True:
            before = shop.clock.now()
            await run_due(shop.desk.pool, before, job)
            again = await shop.desk.pool.fetchval("SELECT next_action_at FROM webhook")
            if again is None:
                break
            waits.append(again - before)
            shop.clock.set(again)
    assert tuple(waits) == SCHEDULE
    assert len(endpoint.seen) == len(SCHEDULE) + 1
    assert await shop.desk.pool.fetchval("SELECT delivered_at IS NULL FROM webhook")


async def test_a_worker_whose_lease_went_to_another_does_not_move_the_row(
    shop: Shop, endpoint: Endpoint
) -> None:
    await paid(shop, endpoint)
    another = "UPDATE webhook SET fence = fence + 1, lease_until = clock_timestamp() + interval '1 hour' RETURNING *"
    claimed: list[asyncpg.Record] = []

    async def claim() -> None:
        claimed.append(await shop.desk.pool.fetchrow(another))

    endpoint.answers, endpoint.meanwhile = [500], claim
    async with telling(shop) as job:
        assert await run_due(shop.desk.pool, shop.clock.now(), job) == 1
    assert claimed == await shop.desk.pool.fetch("SELECT * FROM webhook"), "it is as the other one left it"


async def test_an_endpoint_that_cannot_be_reached_or_spoken_to_counts_as_a_try(
    shop: Shop, endpoint: Endpoint
) -> None:
    for url in ("http://127.0.0.1:1/", "http://a..b/"):
        endpoint.url = url
        await paid(shop, endpoint)
        await shop.desk.pool.execute(
            "UPDATE intent SET order_no = gen_random_uuid()::text, idempotency_key = gen_random_uuid()::text"
        )
    async with telling(shop) as job:
        await rounds(shop, job, 1)
    rows = await shop.desk.pool.fetch("SELECT attempts, last_status, delivered_at FROM webhook")
    assert [tuple(row) for row in rows] == [(1, None, None)] * 2


async def test_an_endpoint_that_was_taken_away_wants_nothing_any_more(shop: Shop, endpoint: Endpoint) -> None:
    await paid(shop, endpoint)
    await shop.desk.pool.execute("DELETE FROM webhook_endpoint")
    async with telling(shop) as job:
        await rounds(shop, job, 2)
    assert endpoint.seen == []
    assert await shop.desk.pool.fetchval("SELECT next_action_at IS NULL FROM webhook")


async def test_an_event_says_nothing_personal(shop: Shop, endpoint: Endpoint) -> None:
    await paid(shop, endpoint)
    async with telling(shop) as job:
        await rounds(shop, job, 1)
    text = endpoint.seen[0][1].decode()
    assert not [secret for secret in SECRETS if secret in text]
