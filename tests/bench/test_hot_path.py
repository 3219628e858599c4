"""How many statements a payment costs: a test fails here when a payment becomes dearer, before any bench shows it.

What the API's own connections ask is counted, from the request to the success by a notification. What a process reads
again every few seconds is read once and then kept, so that only what each payment asks is left. If a new statement
appears here, gather it as the others are gathered, or keep in memory what it reads.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx2
import pytest
from asyncpg.connection import LoggedQuery

from tests.api import ACCOUNT, Caller, open_counter
from tests.api import Counter as Api
from zhangfang.kernel.database import connect
from zhangfang.kernel.driver import Job, drive
from zhangfang.kernel.sql import load

NAMES = {
    load(f"zhangfang.{context}", "store.sql")[name]: name
    for context, name in (
        ("mandates", "find"),
        ("mandates", "lock"),
        ("payments", "used_of_mandates"),
        ("payments", "insert_intents"),
        ("payments", "by_channel_orders"),
        ("payments", "apply"),
    )
}
A_PAYMENT = {
    "find": 1,
    "BEGIN;": 1,
    "lock": 1,
    "used_of_mandates": 1,
    "insert_intents": 1,
    "COMMIT;": 1,
    "by_channel_orders": 1,
    "apply": 2,  # the channel's answer is stored, and later the success
}  # five transactions
MANY = 64
KEPT = (  # how long a process keeps what it has read, in seconds
    "zhangfang.payments.gate._STOPS_SECONDS",
    "zhangfang.routing.router._FRESH_SECONDS",
    "zhangfang.routing.tally._EVERY_SECONDS",
    "zhangfang.merchants.keys._SECONDS_KEPT",
)


@dataclass(eq=False)
class Counting:
    """Counts the statements of the API's connections by name; asyncpg's questions about types are left out."""

    api: Api
    seen: Counter[str] = field(default_factory=Counter)

    def note(self, asked: LoggedQuery) -> None:
        """Count one statement."""
        if "typeinfo_tree" not in asked.query and "'jit'" not in asked.query:
            self.seen[NAMES.get(asked.query, asked.query)] += 1

    async def pay(self, caller: Caller, *numbers: int) -> Counter[str]:
        """Make these payments at once, have the channel notify of all at once, and return what was asked for that."""
        self.seen.clear()
        asked = await asyncio.gather(*(request(caller, number) for number in numbers))
        assert {answer.status_code for answer in asked} == {201}
        await self.api.shop.idle()
        bank = self.api.shop.unionpay
        told = [bank.message(answer.json()["channel_order_no"]) for answer in asked]
        post = self.api.client.post
        taken = await asyncio.gather(*(post("/notify/unionpay", content=message) for message in told))
        assert {answer.status_code for answer in taken} == {200}
        await asyncio.sleep(0)  # the last statement is counted in the next turn
        return self.seen.copy()


async def request(caller: Caller, number: int) -> httpx2.Response:
    body = {"kind": "collection", "order_no": f"P{number}", "amount": 100 + number, "account": ACCOUNT}
    return await caller("POST", "/v1/payments", body, f"K{number}")


@pytest.fixture
async def counting(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Counting]:
    for name in KEPT:
        monkeypatch.setattr(name, 3600.0)
    async with open_counter(database_url, tmp_path) as api, AsyncExitStack() as stack:
        made, pool = Counting(api), api.shop.desk.pool
        every = [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]
        for connection in every:
            connection.add_query_logger(made.note)
        await stack.aclose()
        yield made


@pytest.fixture
async def caller(counting: Counting) -> Caller:
    made = await counting.api.caller()
    await counting.pay(made, 0)  # the first payment reads what is then kept
    return made


async def test_a_payment_alone_costs_these_statements(counting: Counting, caller: Caller) -> None:
    assert await counting.pay(caller, 1) == A_PAYMENT


async def test_payments_at_once_share_every_statement(counting: Counting, caller: Caller) -> None:
    asked = await counting.pay(caller, *range(1, 1 + MANY))
    assert asked.keys() == A_PAYMENT.keys()
    assert max(asked.values()) <= MANY // 4, asked  # a statement that is not gathered is asked MANY times


@pytest.mark.parametrize("statement", NAMES, ids=NAMES.values())
async def test_a_plan_made_on_empty_tables_goes_by_their_indexes(statement: str, database_url: str) -> None:
    """It is kept while they grow, until PostgreSQL looks at them again."""
    parameters = len(set(re.findall(r"\$\d+", statement)))
    pool = await connect(database_url)
    try:
        async with pool.acquire() as connection:
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE asked AS {statement}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE asked({', '.join(['NULL'] * parameters)})")
    finally:
        pool.terminate()
    plan = "\n".join(row[0] for row in rows)
    assert not re.findall(r"Seq Scan on (?:intent|mandate|step|webhook)\b", plan), plan
    if statement == load("zhangfang.payments", "store.sql").used_of_mandates:
        assert "intent_mandate" in plan, "not all payments of the month"


async def test_a_repeated_request_costs_no_more_than_the_first(counting: Counting, caller: Caller) -> None:
    counting.seen.clear()
    assert (await request(caller, 0)).status_code == 200
    await asyncio.sleep(0)
    assert sum(counting.seen.values()) <= sum(A_PAYMENT.values())


async def test_an_idle_driver_asks_one_question_about_all_its_tables(counting: Counting) -> None:
    async def step(_: asyncpg.Record) -> None:
        raise AssertionError("nothing is due")

    desk, tables = counting.api.shop.desk, ("intent", "webhook", "task", "mandate", "batch", "channel_batch")
    jobs = tuple(Job(table, ("id",), step) for table in tables)
    counting.seen.clear()
    driving = asyncio.create_task(drive(desk.pool, desk.clock, jobs, 0.001))
    while sum(counting.seen.values()) < 3:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    driving.cancel()
    await asyncio.wait({driving})
    (question,) = counting.seen
    assert all(f"FROM {table}" in question for table in tables)
