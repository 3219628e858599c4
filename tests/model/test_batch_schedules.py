"""Random schedules of a batch: lost batches, lost answers, missing lines, crashes at any wait, two drivers at once.

The bank keeps a book of its own. When everything has settled down, each item must stand as that book says, and no payer
may have been debited twice.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.batch_bank import BatchBank, batch_bank, drive, settle_down
from tests.clock import SetClock
from tests.conftest import _database
from tests.crash import Crashes
from tests.desk import PAYER, Shop, open_shop
from tests.search import MORE
from zhangfang.batches import Batch, Upload, load
from zhangfang.channels.port import Operation

ITEMS = 13
FATES = ["done", "done", "lost_request", "lost_answer", "not_sent", "refused", "impossible"]
QUERIES = ["truth", "no_answer", "not_found", "pending"]
ACTS = st.lists(
    st.sampled_from(["drive", "drive", "drive twice", "leases", "soon", "later"]), min_size=2, max_size=12
)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # an example costs too much to be made smaller


class Stage:
    """One shop for all examples; each has a merchant of its own."""

    def __init__(self, runner: asyncio.Runner, shop: Shop, bank: BatchBank) -> None:
        """Hold the loop and what was opened in it."""
        self.runner, self.shop, self.bank = runner, shop, bank


@pytest.fixture
def stage(postgres_url: str, template: str, tmp_path: Path) -> Any:
    with asyncio.Runner() as runner:

        async def enter(stack: contextlib.AsyncExitStack) -> Shop:
            databases = contextlib.asynccontextmanager(_database)(postgres_url, template)
            url = await stack.enter_async_context(databases)
            return await stack.enter_async_context(open_shop(url, tmp_path, SetClock()))

        stack = contextlib.AsyncExitStack()
        shop = runner.run(enter(stack))
        yield Stage(runner, shop, batch_bank(shop, most=7))
        runner.run(stack.aclose())


@settings(max_examples=15 * MORE, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(
    fates=st.lists(st.sampled_from(FATES), max_size=4),
    queries=st.lists(st.sampled_from(QUERIES), max_size=4),
    hidden=st.sets(st.integers(0, ITEMS - 1), max_size=2),
    failing=st.sets(st.integers(0, ITEMS - 1), max_size=3),
    acts=ACTS,
    crashes=st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=8),
)
def test_any_schedule_of_a_batch_ends_as_the_banks_book_says(
    fates: list[str],
    queries: list[str],
    hidden: set[int],
    failing: set[int],
    acts: list[str],
    crashes: list[int | None],
    stage: Stage,
) -> None:
    bank = stage.bank
    bank.on_batch[""], bank.on_batch_query[""] = list(fates), list(queries)
    stage.runner.run(play(stage, hidden, failing, acts, crashes))


async def play(
    stage: Stage, hidden: set[int], failing: set[int], acts: list[str], crashes: list[int | None]
) -> None:
    shop, bank = stage.shop, stage.bank
    shop.clock.set(SetClock()._now)
    merchant = await shop.merchant()
    keys = [f"{merchant.id[-6:]}-{n}" for n in range(ITEMS)]
    bank.hidden, bank.failing = {keys[n] for n in hidden}, {keys[n] for n in failing}
    bank.sent_batches.clear()
    rows = [f"{key},{100 + n},{PAYER.number},{PAYER.name}\n" for n, key in enumerate(keys)]
    file = ("order_no,amount,number,name\n" + "".join(rows)).encode()
    upload = Upload("B", "csv", ITEMS, sum(100 + n for n in range(ITEMS)))
    batch, _ = await load(shop.desk.pool, shop.desk.vault, shop.desk.clock, merchant, upload, once(file))
    factory = Crashes(crashes)
    asyncio.get_running_loop().set_task_factory(factory)  # type: ignore[arg-type]
    try:
        for act in acts:
            await do(shop, act)
    finally:
        asyncio.get_running_loop().set_task_factory(None)
    event(f"crashes: {min(factory.met, 3)}")
    bank.on_batch[""].clear()
    bank.on_batch_query[""].clear()
    await settle_down(shop)
    await check(shop, bank, batch, keys)


async def once(file: bytes) -> Any:
    yield file


async def do(shop: Shop, act: str) -> None:
    match act:
        case "drive":
            await asyncio.gather(drive(shop), return_exceptions=True)  # a crash ends the driver's round
        case "drive twice":
            await asyncio.gather(drive(shop), drive(shop), return_exceptions=True)
        case "leases":
            await forget_leases(shop)
        case "soon":
            shop.clock.advance(seconds=7)
        case "later":
            await forget_leases(shop)
            shop.clock.advance(seconds=40)


async def forget_leases(shop: Shop) -> None:
    """Do what ten seconds of the machines' time do."""
    for table in ("batch", "channel_batch", "intent"):
        await shop.desk.pool.execute(f"UPDATE {table} SET lease_until = NULL")


async def check(shop: Shop, bank: BatchBank, batch: Batch, keys: list[str]) -> None:
    """Compare the items with the bank's book."""
    rows = await shop.desk.pool.fetch(
        "SELECT i.order_no, i.state, i.channel_order_no, c.state AS carried FROM batch_item b JOIN intent i "
        "ON i.id = b.intent LEFT JOIN channel_batch c ON c.id = i.batch WHERE b.batch = $1", batch.id,
    )  # fmt: skip
    assert sorted(row["order_no"] for row in rows) == sorted(keys), "every item is one payment"
    for row in rows:
        entry = bank.book.get(row["channel_order_no"])
        event(f"{row['carried']} {row['state']}")
        assert row["state"] == (entry.state if entry else "FAILED"), dict(row)
        assert entry is not None or row["carried"] == "REFUSED", (
            "only what was refused as a whole is in no book"
        )
        assert bank.debits[Operation.COLLECTION, row["order_no"]] <= 1, "never twice"
    by_number: dict[str, Any] = {}
    for sent in bank.sent_batches:
        first = by_number.setdefault(f"{sent.requested_at}{sent.number}", sent)
        assert sent == first, "a re-send is equal to the byte"
