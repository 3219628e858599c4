"""An endpoint answers for itself: it delays no other, rests when it fails, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.webhooks import LOOPBACK, Endpoint, Post, serving
from zhangfang import webhooks
from zhangfang.kernel.driver import drive
from zhangfang.kernel.ids import new_id
from zhangfang.merchants import NewMerchant, create_merchant
from zhangfang.vault import Vault, create_key_file
from zhangfang.webhooks import rules
from zhangfang.webhooks.rules import AT_ONCE, MOST_ENDPOINTS, REST_AFTER, RESTS

DEAD = "http://127.0.0.1:1/"


@pytest.fixture
async def post(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Post]:
    create_key_file(tmp_path / "vault.json")
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=8) as pool,
        webhooks.open_session(LOOPBACK) as session,
    ):
        made = Post(pool, Vault(tmp_path / "vault.json"), clock)
        made.jobs = webhooks.Sender(pool, made.vault, clock, session, made.note).jobs()
        yield made


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving() as made:
        yield made


@pytest.fixture
async def tea(post: Post) -> str:
    return (await create_merchant(post.pool, post.vault, post.clock, NewMerchant("tea"))).id


async def test_a_merchant_whose_endpoint_does_not_answer_delays_no_other(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    rice = await create_merchant(post.pool, post.vault, post.clock, NewMerchant("rice"))
    told = asyncio.Event()

    async def note() -> None:
        told.set()

    async with serving() as slow, asyncio.timeout(60):
        slow.meanwhile, endpoint.meanwhile = told.wait, note
        await post.add(tea, slow.url)
        await post.add(rice.id, endpoint.url)
        await post.events(tea, 200)
        post.clock.advance(seconds=1)
        await post.events(rice.id, 1)
        driving = asyncio.create_task(drive(post.pool, post.clock, post.jobs, 0.01))
        await told.wait()
        driving.cancel()
    assert len(slow.seen) <= AT_ONCE, (
        "it was told while the first requests to the other one were on their way"
    )


async def test_a_dead_endpoint_does_not_keep_an_event_from_another_of_the_same_merchant(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    dead, alive = [(await post.add(tea, url)).endpoint.id for url in (DEAD, endpoint.url)]
    (event,) = await post.events(tea, 1)
    await post.once()
    assert len(endpoint.seen) == 1
    assert await post.states(tea, dead) == {event: "waiting"}
    assert await post.states(tea, alive) == {event: "delivered"}
    assert post.told == [event]


async def test_one_that_fails_rests_and_is_only_probed_and_then_gets_everything(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    await post.add(tea, endpoint.url)
    await post.events(tea, 40)
    endpoint.answers = [503] * (AT_ONCE + len(RESTS))
    for seen, rest in enumerate((*RESTS, RESTS[-1]), start=AT_ONCE):
        await post.once()
        assert len(endpoint.seen) == seen, "a first turn of several, then one probe each"
        await post.once()
        assert len(endpoint.seen) == seen, "it rests"
        until = await post.held("SELECT rest_until FROM webhook_endpoint")
        assert until - post.clock.now() == rest
        post.clock.set(until)
    assert await post.waiting() == 40
    await post.once()
    post.clock.advance(days=2)
    await post.once()
    assert await post.waiting() == 0
    assert await post.held("SELECT failures FROM webhook_endpoint") == 0
    assert len({headers["webhook-id"] for headers, _ in endpoint.seen}) == 40


def test_the_rests_grow_and_end_in_a_probe_now_and_then() -> None:
    now = SetClock().now()
    rests = [rules.rest_until(n, now) for n in range(50)]
    assert rests[:REST_AFTER] == [None] * REST_AFTER
    waits = [until - now for until in rests[REST_AFTER:] if until]
    assert waits[: len(RESTS)] == list(RESTS) == sorted(RESTS)
    assert max(waits) == RESTS[-1] <= timedelta(hours=1)


@given(st.integers(0, 30), st.lists(st.booleans(), min_size=1, max_size=AT_ONCE))
def test_several_failures_at_once_only_begin_the_rest(failures: int, taken: list[bool]) -> None:
    after = rules.failures_after(failures, taken)
    assert (after == 0) == taken[-1]
    assert after <= max(REST_AFTER, failures + 1)
    assert (rules.at_once(after) == 1) == (after >= REST_AFTER)


async def test_an_event_that_comes_while_an_endpoint_falls_asleep_wakes_it(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    """The endpoint has found nothing to do and locked its row when the event is spread."""
    id_ = (await post.add(tea, endpoint.url)).endpoint.id
    await post.pool.execute("UPDATE webhook_endpoint SET next_action_at = $1", post.clock.now())
    fence = await post.held("SELECT fence FROM webhook_endpoint")
    (event,) = await post.events(tea, 1)
    row = await post.pool.fetchrow("SELECT * FROM webhook WHERE id = $1", event)
    queries = webhooks.sending.queries
    async with post.pool.acquire() as db, db.transaction():
        assert await db.fetchval(queries.hold, id_, fence)
        spreading = asyncio.ensure_future(post.jobs[0].step(row))
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not await post.held(blocked):  # noqa: ASYNC110 - it waits in the database
            await asyncio.sleep(0.005)
        await db.execute(queries.rest, id_, 0, None, post.clock.now())
        assert await db.fetchval("SELECT next_action_at FROM webhook_endpoint") is None
    await spreading
    await post.once()
    assert post.told == [event]


async def test_while_it_is_off_events_wait_and_then_they_are_sent(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    id_ = (await post.add(tea, endpoint.url)).endpoint.id
    assert not (await webhooks.switch(post.pool, tea, id_, on=False)).enabled
    await post.events(tea, 3)
    await post.once()
    assert (len(endpoint.seen), await post.waiting()) == (0, 3)
    assert (await webhooks.switch(post.pool, tea, id_, on=True)).waiting_since
    await post.once()
    assert (len(endpoint.seen), await post.waiting()) == (3, 0)


async def test_what_waits_goes_to_the_address_that_takes_the_dead_ones_place(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    dead = await post.add(tea, DEAD)
    await post.events(tea, 20)
    await post.once()
    (row,) = await webhooks.endpoints(post.pool, tea)
    assert row.rest_until
    assert row.failures == REST_AFTER
    new = await webhooks.replace(post.pool, post.vault, tea, dead.endpoint.id, endpoint.url, LOOPBACK)
    assert new.secret != dead.secret
    post.clock.advance(hours=1)
    await post.once()
    assert await post.waiting() == 0
    assert [one.url for one in await webhooks.endpoints(post.pool, tea)] == [endpoint.url]


async def test_one_that_was_removed_is_sent_nothing_any_more(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    id_ = (await post.add(tea, endpoint.url)).endpoint.id
    await post.events(tea, 1)
    await post.spread()
    assert (await webhooks.remove(post.pool, tea, id_)).url == endpoint.url
    await post.events(tea, 1)
    await post.once()
    assert endpoint.seen == []
    assert await post.waiting() == 0
    assert await post.held("SELECT count(*) FROM webhook WHERE next_action_at IS NOT NULL") == 0
    with pytest.raises(webhooks.UnknownEndpoint):
        await webhooks.remove(post.pool, tea, id_)


async def test_a_change_during_a_turn_ends_the_turn(post: Post, tea: str, endpoint: Endpoint) -> None:
    id_ = (await post.add(tea, endpoint.url)).endpoint.id
    await post.events(tea, 3 * AT_ONCE)

    async def switch_off() -> None:
        await webhooks.switch(post.pool, tea, id_, on=False)

    endpoint.meanwhile = switch_off
    await post.once()
    assert len(endpoint.seen) == AT_ONCE, "what was on its way"
    assert await post.waiting() == 2 * AT_ONCE, "and what was taken was taken"


async def test_a_turn_ends_so_that_others_have_theirs(
    post: Post, tea: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "TURN_SECONDS", 0)
    await post.add(tea, endpoint.url)
    await post.events(tea, 3 * AT_ONCE)
    for turns in (1, 2, 3):
        await post.once()
        assert len(endpoint.seen) == turns * AT_ONCE


async def test_what_failed_for_good_is_sent_again_when_it_is_asked_for(
    post: Post, tea: str, endpoint: Endpoint
) -> None:
    id_ = (await post.add(tea, endpoint.url)).endpoint.id
    old = await post.events(tea, 2)
    await post.spread()
    post.clock.advance(days=1)
    since = post.clock.now()
    new = await post.events(tea, 3)
    await post.spread()
    await post.pool.execute("UPDATE webhook_delivery SET next_action_at = NULL, attempts = 10")
    failed = dict.fromkeys(old, "failed")
    assert await post.states(tea, id_, failed=True) == failed | dict.fromkeys(new, "failed")
    assert await webhooks.redeliver_failed(post.pool, post.clock, tea, id_, since) == 3
    await post.once()
    assert await post.states(tea, id_) == failed | dict.fromkeys(new, "delivered")
    for event in (old[0], new[0]):  # one that failed, one that was taken
        await webhooks.redeliver(post.pool, post.clock, tea, id_, event)
    await post.once()
    assert len(endpoint.seen) == 5
    assert await post.states(tea, id_, failed=True) == {old[1]: "failed"}
    with pytest.raises(webhooks.UnknownEvent):
        await webhooks.redeliver(post.pool, post.clock, tea, id_, new_id(post.clock))


async def test_a_merchant_has_so_many_endpoints_and_not_one_more_even_at_once(post: Post, tea: str) -> None:
    urls = [f"https://{n}.shop.example/" for n in range(2 * MOST_ENDPOINTS)]
    made = await asyncio.gather(*(post.add(tea, url) for url in urls), return_exceptions=True)
    assert sum(isinstance(one, webhooks.TooManyEndpoints) for one in made) == MOST_ENDPOINTS
    held = await webhooks.endpoints(post.pool, tea)
    assert len(held) == MOST_ENDPOINTS
    with pytest.raises(webhooks.EndpointTaken):
        await webhooks.replace(post.pool, post.vault, tea, held[0].id, held[1].url, LOOPBACK)


async def test_an_endpoint_that_is_added_again_gets_another_secret_which_is_kept_sealed(
    post: Post, tea: str
) -> None:
    first, again = [await post.add(tea, "https://shop.example/") for _ in range(2)]
    assert first.endpoint.id == again.endpoint.id
    assert first.secret != again.secret
    assert again.secret not in repr(again)
    assert again.secret not in await post.held("SELECT secret_token FROM webhook_endpoint")
