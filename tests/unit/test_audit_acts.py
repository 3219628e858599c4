"""The auditor follows the chain of people's acts: whatever is changed, taken out or put in is found."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from zhangfang import approvals
from zhangfang.kernel.ids import new_id
from zhangfang.reconciliation import Cure
from zhangfang_audit.books.acts import acts_broken
from zhangfang_audit.books.checks import Finding
from zhangfang_audit.ledger import snapshot


async def nothing(_connection: Any, _found: Any) -> None:
    """Begin nothing."""


@pytest.fixture
async def pool(database_url: str, clock: SetClock) -> AsyncIterator[asyncpg.Pool]:
    """Give a database in which one has proposed, another approved, and twenty acts were recorded at once."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=8) as opened:
        id_ = new_id(clock)
        async with opened.acquire() as connection, connection.transaction():
            said = Cure("B8", '汇错款 "\\\n')
            await approvals.propose(connection, clock, id_, "cure", "break", said, LIN, "测试\t'\x01\x7f")
        found = await approvals.approve(
            opened, clock, id_, "cure", (await seen(opened, id_))[1], WANG, nothing
        )
        await approvals.finish(opened, clock, found, "B8")
        stops = (approvals.record(opened, clock, LIN, "stop", "x/y", f"{n}", fen=n) for n in range(20))
        await asyncio.gather(*stops)
        yield opened


async def looked(url: str) -> Finding:
    async with snapshot(url) as books:
        (head,) = await books.read("act_head")
        return acts_broken(await books.read("acts"), head, await books.read("proposals"))


async def test_a_chain_that_nobody_touched_is_whole(pool: asyncpg.Pool, database_url: str) -> None:
    assert await pool.fetchval("SELECT count(*) FROM operator_act") == 23
    assert (await looked(database_url)).lines == []


@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        ("UPDATE operator_act SET reason = 'nothing' WHERE seq = 7", "it was changed"),
        ("UPDATE operator_act SET operator = 'zhao' WHERE seq = 2", "it was changed"),
        ("UPDATE operator_act SET at = at + interval '1 microsecond' WHERE seq = 2", "it was changed"),
        ("UPDATE operator_act SET reason = 'x' WHERE seq = 7; "
            "UPDATE operator_act SET hash = act_hash(operator_act) WHERE seq = 7",
            "row before it is another"),
        ("DELETE FROM operator_act WHERE seq = 7", "a row was taken out"),
        ("DELETE FROM operator_act WHERE seq = 23", "the newest rows were taken away"),
        ("UPDATE proposal SET content = '{}', hash = sha256('{}')", "its proposal is another one"),
        ("DELETE FROM proposal", "its proposal is another one"),
        (
            "INSERT INTO operator_act (id, at, operator, act, target, reason, seq, before, hash) "
            "SELECT gen_random_uuid(), at, 'zhao', 'open', target, '', 24, hash, hash FROM operator_act WHERE seq = 23",
            "it was changed",
        ),
        (
            "INSERT INTO operator_act (id, at, operator, act, target, reason) "
            "SELECT gen_random_uuid(), at, 'zhao', 'open', target, '' FROM operator_act WHERE seq = 7",
            "put in",
        ),
        ("UPDATE proposal SET proposed_by = 'wang'", "one person proposed and approved"),
    ],
)  # fmt: skip
async def test_what_the_tables_owner_changes_behind_the_triggers_is_found(
    pool: asyncpg.Pool, database_url: str, tampering: str, says: str
) -> None:
    for table in ("operator_act", "proposal"):
        await pool.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await pool.execute(tampering)
    found = await looked(database_url)
    assert found.figure > 0
    assert any(says in line.what for line in found.lines), found.lines


async def test_the_triggers_let_nobody_change_an_act_or_a_proposal(pool: asyncpg.Pool) -> None:
    for sql in ("UPDATE operator_act SET reason = ''", "DELETE FROM operator_act", "DELETE FROM proposal"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await pool.execute(sql)


async def test_whatever_an_act_is_said_to_be_on_is_recorded(pool: asyncpg.Pool, clock: SetClock) -> None:
    await approvals.record(pool, clock, LIN, "create merchant", "a\0b" * 200)
    (newest, *_) = await approvals.acts(pool)
    assert newest.target == ("a\\0b" * 200)[: len(newest.target)]
    assert 200 <= len(newest.target) <= 300
