"""The epoch fence: whoever was overtaken stores nothing, renews no lease and does not take the shard back."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.clock import SetClock
from tests.model.ledger_histories import accounts, an_id
from zhangfang.ledger import wire
from zhangfang.ledger.engine.state import State
from zhangfang.ledger.model import Account, Transfer
from zhangfang.ledger.writer.journal import COPY_FROM, Batch, Fenced, Journal, connect
from zhangfang.ledger.writer.lease import Lease


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await connect(database_url)
    yield opened
    await opened.close()


def batch(opened: list[Account], count: int, clock: SetClock, months: list[tuple[int, int]]) -> Batch:
    """Return a batch that opens accounts and posts `count` transfers, decided after an empty history."""
    state = State(0, 0, 0)
    state.months = months
    shop = accounts()[:2]
    state.open(shop)
    at = clock.now()
    asks = [
        Transfer(an_id(10 + n, at), shop[0].id, shop[1].id, 10, shop[0].book, 11, an_id(1, at), at.date())
        for n in range(count)
    ]
    decision = state.decide(wire.from_transfers(asks), [count], wire.micros(at))
    assert len(decision.rows) == count
    return Batch(opened, decision, state.at, state.seq, None)


@pytest.mark.parametrize("count", [0, 1, COPY_FROM + 1], ids=["accounts", "a statement", "a copy"])
async def test_a_batch_under_an_epoch_that_is_over_is_not_stored(
    count: int, connection: asyncpg.Connection, clock: SetClock
) -> None:
    stale = await Journal.take_over(connection, 0, "first")
    months = await stale.open_months(connection, clock.now())
    await Journal.take_over(connection, 0, "second")
    made = batch([] if count else accounts(), count, clock, months)
    with pytest.raises(Fenced):
        await stale.append(connection, made, turn=_at_once, advanced=lambda: None)
    for table in ("account", "transfer"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await connection.fetchval("SELECT seq FROM head") == 0


async def test_whoever_was_overtaken_neither_takes_the_shard_back_nor_renews_its_lease(
    connection: asyncpg.Connection, database_url: str
) -> None:
    stale = await Journal.take_over(connection, 0, "first")
    await Journal.take_over(connection, 0, "second")
    with pytest.raises(Fenced):
        await Journal.take_over(connection, 0, "first", own=stale.epoch)
    lease = Lease(database_url, 0)
    with pytest.raises(Fenced):
        await lease.assure(stale.epoch)
    await lease.close()
    assert await connection.fetchrow("SELECT epoch, holder FROM head") == (2, "second")


async def _at_once() -> None:
    """Touch `head` without waiting."""
