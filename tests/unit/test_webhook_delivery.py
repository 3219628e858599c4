"""Merchants are told: signed as Standard Webhooks, again under the same id until acknowledged, and then no more."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from standardwebhooks import Webhook

from tests.clock import SetClock
from tests.desk import SECRETS, Shop, open_shop
from tests.webhooks import LOOPBACK, Endpoint, serving
from zhangfang import webhooks
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.driver import Job, run_due
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, StepKind, note_told, weigh
from zhangfang.webhooks.rules import SCHEDULE


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as opened:
        yield opened


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving() as made:
        yield made


@contextlib.asynccontextmanager
async def telling(shop: Shop, allowed: str = "127.0.0.0/8") -> AsyncIterator[tuple[Job, Job]]:
    async with webhooks.open_session(webhooks.networks(allowed, "allowed")) as session:
        told = partial(note_told, shop.desk)
        yield webhooks.Sender(shop.desk.pool, shop.desk.vault, shop.clock, session, told).jobs()


async def endpoint_at(shop: Shop, merchant: Merchant, url: str) -> webhooks.NewEndpoint:
    return await webhooks.add(shop.desk.pool, shop.desk.vault, shop.clock, merchant.id, url, LOOPBACK)


async def paid(shop: Shop, merchant: Merchant, order_no: str = "A1") -> Intent:
    intent = await shop.ask(merchant, Operation.COLLECTION, order_no, 1000)
    for _ in range(3):
        await weigh(
            shop.desk,
            await shop.reload(intent),
            StepKind.QUERY,
            Answer(Verdict.SUCCESS, amount=intent.amount),
        )
    return intent


async def told_of(shop: Shop, endpoint: Endpoint) -> Intent:
    """Register the endpoint and have one payment succeed."""
    merchant = await shop.merchant()
    endpoint.secret = (await endpoint_at(shop, merchant, endpoint.url)).secret
    return await paid(shop, merchant)


async def once(shop: Shop, jobs: tuple[Job, Job]) -> None:
    for job in jobs:
        await run_due(shop.desk.pool, shop.clock.now(), job)


async def rounds(shop: Shop, jobs: tuple[Job, Job], times: int) -> None:
    for _ in range(times):
        await once(shop, jobs)
        shop.clock.advance(days=2)


def check_signed(secret: str, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Have the library that merchants use sign the same at the stated moment."""
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert headers["webhook-signature"] == Webhook(secret).sign(headers["webhook-id"], at, body.decode())


async def test_an_event_is_signed_delivered_once_and_noted(shop: Shop, endpoint: Endpoint) -> None:
    intent = await told_of(shop, endpoint)
    async with telling(shop) as jobs:
        at = shop.clock.now()
        await rounds(shop, jobs, 3)
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
    await told_of(shop, endpoint)
    endpoint.answers = [status] * 3
    async with telling(shop) as jobs:
        await rounds(shop, jobs, 6)
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
    await told_of(shop, endpoint)
    endpoint.answers = [500] * 99
    waits = []
    async with telling(shop) as jobs:
        while True:
            before = shop.clock.now()
            await once(shop, jobs)
            again = await shop.desk.pool.fetchval("SELECT next_action_at FROM webhook_delivery")
            assert again == await shop.desk.pool.fetchval("SELECT next_action_at FROM webhook_endpoint")
            if again is None:
                break
            waits.append(again - before)
            shop.clock.set(again)
    assert tuple(waits) == SCHEDULE
    assert len(endpoint.seen) == len(SCHEDULE) + 1
    assert await shop.desk.pool.fetchval("SELECT delivered_at IS NULL FROM webhook_delivery")


async def test_a_worker_whose_lease_went_to_another_moves_nothing(shop: Shop, endpoint: Endpoint) -> None:
    await told_of(shop, endpoint)
    another = """UPDATE webhook_endpoint SET fence = fence + 1, lease_until = clock_timestamp() + interval '1 hour'
        RETURNING *"""
    claimed: list[asyncpg.Record] = []
    delivery = "SELECT * FROM webhook_delivery"
    before: list[asyncpg.Record] = []

    async def claim() -> None:
        claimed.append(await shop.desk.pool.fetchrow(another))
        before.append(await shop.desk.pool.fetchrow(delivery))

    endpoint.answers, endpoint.meanwhile = [500], claim
    async with telling(shop) as jobs:
        await once(shop, jobs)
    assert claimed == await shop.desk.pool.fetch("SELECT * FROM webhook_endpoint"), "as the other one left it"
    assert before == await shop.desk.pool.fetch(delivery)


async def test_an_endpoint_that_cannot_be_reached_or_spoken_to_counts_as_a_try(
    shop: Shop, endpoint: Endpoint
) -> None:
    merchant = await shop.merchant()
    for url in ("http://127.0.0.1:1/", "https://a..b/"):
        await endpoint_at(shop, merchant, url)
    await paid(shop, merchant)
    async with telling(shop) as jobs:
        await once(shop, jobs)
    rows = await shop.desk.pool.fetch(
        "SELECT attempts, last_status, note, delivered_at FROM webhook_delivery"
    )
    assert [tuple(row) for row in rows] == [(1, None, "could not connect", None)] * 2


async def test_an_event_says_nothing_personal(shop: Shop, endpoint: Endpoint) -> None:
    await told_of(shop, endpoint)
    async with telling(shop) as jobs:
        await rounds(shop, jobs, 1)
    text = endpoint.seen[0][1].decode()
    assert not [secret for secret in SECRETS if secret in text]
