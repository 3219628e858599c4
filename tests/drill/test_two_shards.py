"""kill -9 with money on its way between two shards: what arrived was taken once, and all of it is somewhere."""

import asyncio
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.drill.crossing_load import CLOCK, MERCHANTS
from tests.drill.crossing_site import FUNDS, TwoShards
from zhangfang.ledger import LedgerClient, TransferFlag
from zhangfang.ledger.crossing import ARRIVES, LEAVES, Outcome
from zhangfang.ledger.crossings import finish_open_crossings

pytestmark = [pytest.mark.drill, pytest.mark.timeout(7200)]

KILLS = int(os.environ.get("ZHANGFANG_DRILL_KILLS", "5"))
VICTIMS = ("writer", "client", "postgres", "all", "writer")
MOVES_NOTHING = 202
# One statement sees both shards at one moment.
ARRIVED_WITHOUT_A_HOLD = f"""
SELECT count(*) FROM transfer a WHERE a.kind = {ARRIVES} AND NOT EXISTS (
    SELECT FROM transfer h
    WHERE h.shard <> a.shard AND h.voucher = a.voucher AND h.amount = a.amount AND h.memo = a.credit
        AND h.kind = {LEAVES} AND h.flags & 2 <> 0 AND NOT EXISTS (
            SELECT FROM transfer v WHERE v.shard = h.shard AND v.pending_id = h.id AND v.flags & 8 <> 0))
"""


@pytest.fixture(params=[1, 2], ids=["in one database", "in two databases"])
async def shards(request: pytest.FixtureRequest) -> AsyncIterator[TwoShards]:
    """Give two shards with money, and end them after the test."""
    home = Path(tempfile.mkdtemp(prefix="zf-", dir="/tmp"))  # a short path: sockets lie in it
    shards = TwoShards(home, request.param)
    try:
        await shards.open()
        yield shards
    finally:
        shards.close()
        shutil.rmtree(home, ignore_errors=True)


async def test_money_between_two_shards_is_never_lost_doubled_or_invented_by_kills_at_random_moments(
    shards: TwoShards,
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}, {KILLS} kills")
    rng = random.Random(seed)
    for name in (0, 1):
        shards.load(name)
    await shards.wait_for_answers()
    for n in range(KILLS):
        await asyncio.sleep(rng.uniform(0, 0.5))
        shards.kill(VICTIMS[n % len(VICTIMS)], rng)
        await shards.wait_for_answers()
        if shards.databases == 1:
            assert await shards.count(ARRIVED_WITHOUT_A_HOLD) == 0
    await shards.stop_loads()
    await finish(shards)
    shards.stop_writers()
    rows = [await shards.rows(shard) for shard in (0, 1)]
    check_crossings(rows, shards.acknowledged())
    check_sums(rows)
    for shard in (0, 1):
        await shards.verify(shard)


async def finish(shards: TwoShards) -> None:
    """Finish what the killed have left open."""
    day = CLOCK.now().date()
    async with LedgerClient(shards.sockets[0], 60) as zero, LedgerClient(shards.sockets[1], 60) as one:
        for shard in (0, 1):
            done = await finish_open_crossings({0: zero, 1: one}, shard, day, CLOCK)
            assert {crossed.outcome for _, crossed in done} <= {Outcome.ARRIVED, Outcome.REFUSED}


def check_crossings(rows: list[list[Any]], acknowledged: dict[UUID, dict[str, Any]]) -> None:
    """Assert that each hold was posted for one arrival or given back for none, and that nobody was told otherwise."""
    holds = {
        (shard, row["voucher"]): row
        for shard in (0, 1)
        for row in rows[shard]
        if row["kind"] == LEAVES and row["flags"] & TransferFlag.PENDING
    }
    arrived = [(1 - shard, row) for shard in (0, 1) for row in rows[shard] if row["kind"] == ARRIVES]
    arrivals = {(here, row["voucher"]): row for here, row in arrived}
    assert len(arrivals) == len(arrived), "it arrives once"
    resolved = [row for shard in (0, 1) for row in rows[shard] if row["pending_id"]]
    assert Counter(row["pending_id"] for row in resolved) == Counter(row["id"] for row in holds.values())
    posted = {row["pending_id"] for row in resolved if row["flags"] & TransferFlag.POST}
    assert {way for way, row in holds.items() if row["id"] in posted} == set(arrivals)
    for way, row in arrivals.items():
        assert (row["amount"], row["credit"]) == (holds[way]["amount"], holds[way]["memo"])
    told = dict.fromkeys(Outcome, 0)
    for id_, line in acknowledged.items():
        told[Outcome(line["outcome"])] += 1
        assert ((line["here"], id_) in arrivals) == (line["outcome"] == Outcome.ARRIVED)
    assert told[Outcome.ARRIVED]
    assert told[Outcome.REFUSED]
    assert told[Outcome.OPEN] == told[Outcome.BROKEN] == 0
    assert len(posted) < len(holds), "some were given back"


def check_sums(rows: list[list[Any]]) -> None:
    """Assert that the transit accounts cancel out and the merchants of both shards have together what they had."""
    balances: Counter[UUID] = Counter()
    for row in (row for shard in (0, 1) for row in rows[shard] if not row["flags"] & MOVES_NOTHING):
        balances[row["credit"]] += row["amount"]
        balances[row["debit"]] -= row["amount"]
    merchants = [one.id for shard in (0, 1) for one in MERCHANTS[shard]]
    transits = {row["debit"] for shard in (0, 1) for row in rows[shard] if row["kind"] == ARRIVES}
    assert len(transits) == 2
    assert sum(balances[id_] for id_ in transits) == 0
    assert sum(balances[id_] for id_ in merchants) == FUNDS * len(merchants)
    assert min(balances[id_] for id_ in merchants) >= 0
