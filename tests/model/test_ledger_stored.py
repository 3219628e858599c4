"""The whole ledger (socket, writer, PostgreSQL) against the oracle, with retries and restarts in between."""

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import count
from pathlib import Path
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.ledger import running
from tests.model.ledger_histories import END, FIRST, START, accounts, an_id, requests
from tests.model.ledger_oracle import Oracle
from zhangfang.ledger import LedgerClient, Transfer
from zhangfang.ledger.model import NO_ID

ENTRY_SUMS = """
SELECT a.id, coalesce(sum(e.debit_amount), 0)::bigint AS debits, coalesce(sum(e.credit_amount), 0)::bigint AS credits
FROM account a LEFT JOIN ledger_entry e ON e.shard = a.shard AND e.account = a.id
WHERE a.shard = $1 GROUP BY a.id
"""
CHECKPOINTS = "SELECT id, debits, credits, debits_pending, credits_pending FROM account WHERE shard = $1"
SEQUENCE = "SELECT seq FROM transfer WHERE shard = $1 ORDER BY seq"

_shards = count(100)
STEPS = st.lists(
    st.one_of(
        st.integers(0, 3).map(lambda shard: ("ask", shard)),
        st.tuples(st.just("again"), st.integers(1, 20)),
        st.tuples(st.just("seconds"), st.integers(1, 4)),
        st.tuples(st.just("restart"), st.booleans()),
    ),
    min_size=5,
    max_size=30,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), steps=STEPS)
def test_any_history_with_retries_and_restarts_is_answered_as_the_oracle_answers(
    data: st.DataObject, steps: list[tuple[str, int]], database_url: str, tmp_path: Path
) -> None:
    asyncio.run(_play(data, steps, database_url, tmp_path))


async def _play(data: st.DataObject, steps: Sequence[tuple[str, int]], url: str, folder: Path) -> None:
    shard = next(_shards)
    clock = SetClock()
    clock.set(START)
    oracle = Oracle(FIRST, END)
    past: list[list[Transfer]] = []
    numbers = count(10)
    socket = folder / "l.sock"
    for account in accounts(shard):
        oracle.open(account)
    ledger = running(url, socket, clock, shard)
    async with LedgerClient(socket) as client:
        await client.create_accounts(accounts(shard))
        for what, how in steps:
            if what == "restart":
                await ledger.stop(clean=bool(how))
                ledger = running(url, socket, clock, shard)
            elif what == "seconds":
                clock.advance(seconds=how)
            elif what == "ask" or past:
                if what == "ask":
                    past.append(_named(data.draw(requests(shard)), numbers))
                request = past[-min(how, len(past)) or -1]
                answers = await client.create_transfers(request)
                assert [(one.result, one.seq) for one in answers] == oracle.ask(request, clock.now())
        last = [
            _nothing(shard, next(numbers))
        ]  # whatever has timed out by now is an entry after it, on both sides
        answers = await client.create_transfers(last)
        assert [(one.result, one.seq) for one in answers] == oracle.ask(last, clock.now())
        await _compare(client, oracle, shard)
        await ledger.stop(clean=True)
    await _audit(url, oracle, shard)


async def _compare(client: LedgerClient, oracle: Oracle, shard: int) -> None:
    balances = await client.account_balances([account.id for account in accounts(shard)])
    past = await client.account_balances([account.id for account in accounts(shard)], at=oracle.books.seq)
    for id_, standing in oracle.books.accounts.items():
        expected = (standing.debits, standing.credits, standing.debits_pending, standing.credits_pending)
        for one in (balances[id_], past[id_]):
            assert (one.debits, one.credits, one.debits_pending, one.credits_pending) == expected


async def _audit(url: str, oracle: Oracle, shard: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        sums = {
            row["id"]: (row["debits"], row["credits"]) for row in await connection.fetch(ENTRY_SUMS, shard)
        }
        points = {row["id"]: tuple(row)[1:] for row in await connection.fetch(CHECKPOINTS, shard)}
        seqs = [row["seq"] for row in await connection.fetch(SEQUENCE, shard)]
    finally:
        await connection.close()
    assert seqs == list(range(1, len(seqs) + 1))
    for id_, one in oracle.books.accounts.items():
        assert sums[id_] == (one.debits, one.credits)
        assert points[id_] == (one.debits, one.credits, one.debits_pending, one.credits_pending)


def _nothing(shard: int, number: int) -> Transfer:
    """Return a transfer that is refused for its form, and so leaves nothing behind."""
    one, other = accounts(shard)[:2]
    return Transfer(
        id=an_id(number),
        debit=one.id,
        credit=other.id,
        amount=0,
        book=one.book,
        kind=0,
        voucher=an_id(number),
        business_date=date(2026, 9, 10),
    )


def _named(drawn: list[tuple[int, Transfer]], numbers: "count[int]") -> list[Transfer]:
    named = []
    for back, one in drawn:
        number = next(numbers)
        changes: dict[str, UUID] = {"id": an_id(number)} if one.id == NO_ID else {}
        if one.flags & (4 | 8):
            changes["pending_id"] = an_id(max(number - back, 10))
        named.append(Transfer(**{name: getattr(one, name) for name in Transfer.__slots__} | changes))
    return named
