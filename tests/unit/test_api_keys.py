"""Merchants' keys have an end, overlap while one follows another, and show when they were last used."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.clock import SetClock
from tests.people import LIN
from tests.unit.test_merchants import TEA
from zhangfang.approvals import Wanted, trail
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import ApiKeys, create_merchant, end_key_as, list_api_keys, make_key_as
from zhangfang.merchants.errors import UnknownApiKey
from zhangfang.vault import Vault, create_key_file


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as opened:
        yield opened


@pytest.fixture
async def merchant(pool: asyncpg.Pool, clock: SetClock, tmp_path: Path) -> str:
    create_key_file(tmp_path / "vault.json")
    made = await create_merchant(pool, Vault(tmp_path / "vault.json"), clock, TEA)
    return made.id


async def opens(pool: asyncpg.Pool, secret: str) -> bool:
    """Whether a key is good for a process that has not asked before."""
    return await ApiKeys(pool).merchant(secret) is not None


async def test_the_next_key_overlaps_with_the_old_one_which_then_ends(
    pool: asyncpg.Pool, clock: SetClock, merchant: str
) -> None:
    old, old_secret = await make_key_as(pool, clock, merchant, LIN, "the first")
    clock.advance(seconds=1)  # keys are listed by when they were made
    _, secret = await make_key_as(pool, clock, merchant, LIN, "the next", days=400)
    assert (await list_api_keys(pool, merchant))[0].last_used_at is None
    await end_key_as(pool, clock, merchant, old.id, LIN, "exchange", timedelta(hours=72))
    assert [await opens(pool, one) for one in (old_secret, secret)] == [True, True]
    first, second = await list_api_keys(pool, merchant)
    assert first.last_used_at
    assert first.expires_at
    assert second.expires_at
    assert timedelta(hours=71) < first.expires_at - first.last_used_at <= timedelta(hours=72)
    await pool.execute("UPDATE api_key SET expires_at = now() WHERE id = $1", old.id)
    assert [await opens(pool, one) for one in (old_secret, secret)] == [False, True]
    assert (await list_api_keys(pool, merchant))[0].last_used_at == first.last_used_at
    with pytest.raises(UnknownApiKey):  # what is over gets no new end
        await end_key_as(pool, clock, merchant, old.id, LIN, "longer", timedelta(hours=9))
    await end_key_as(pool, clock, merchant, second.id, LIN, "lost", timedelta(0))
    assert not await opens(pool, secret)
    acts = [(one.act, one.reason, one.result) for one in await trail(pool, Wanted("lin"), 9)]
    assert acts[0] == ("end API key", f"{second.id} in 0:00:00: lost", "done")
    assert [act for act, _, _ in acts] == ["end API key"] * 3 + ["make API key"] * 2


async def test_an_end_comes_no_later_than_it_was_and_wrong_times_are_refused(
    pool: asyncpg.Pool, clock: SetClock, merchant: str
) -> None:
    key, _ = await make_key_as(pool, clock, merchant, LIN, "short", days=1)
    (before,) = await list_api_keys(pool, merchant)
    await end_key_as(pool, clock, merchant, key.id, LIN, "longer", timedelta(days=300))
    assert await list_api_keys(pool, merchant) == [before]
    for days in (-1, 3661):
        with pytest.raises(InvalidInput, match="days: "):
            await make_key_as(pool, clock, merchant, LIN, "why", days)
    for hours in (-1, 8785):
        with pytest.raises(InvalidInput, match="hours: "):
            await end_key_as(pool, clock, merchant, key.id, LIN, "why", timedelta(hours=hours))
    with pytest.raises(InvalidInput, match="reason: "):
        await make_key_as(pool, clock, merchant, LIN, "")
