"""How much one statement reads: it runs in a transaction that is rolled back, with the plan that prepared statements get."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from zhangfang_bench.queries.statements import GROWS, ONCE
from zhangfang_bench.queries.values import value

PLANS = ("force_custom_plan", "force_generic_plan")  # asyncpg's prepared statements get either
_READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables
WHERE relname = ANY($1) OR relname LIKE 'transfer\\_%'
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a statement did: rows read of growing tables, milliseconds, and the growing tables that no index serves."""

    name: str
    rows: int
    ms: float
    scanned: tuple[str, ...]
    error: str = ""


async def look(
    connection: asyncpg.Connection,
    name: str,
    sql: str,
    facts: Mapping[str, str],
    *,
    times: int = 1,
) -> Seen:
    """Run a statement by both plans; return the worse. As on the platform's connections, no table is scanned whole where
    an index serves.
    """
    plans = PLANS[:1] if name in ONCE else PLANS
    seen = [await _look(connection, name, sql, facts, plan) for plan in plans for _ in range(times)]
    return max(seen, key=lambda one: (bool(one.error), len(one.scanned), one.rows, -one.ms))


async def _look(c: asyncpg.Connection, name: str, sql: str, facts: Mapping[str, str], plan: str) -> Seen:
    await c.execute(f"BEGIN; SET LOCAL plan_cache_mode = {plan}; SET LOCAL enable_seqscan = off")
    try:
        await c.execute(f"PREPARE q AS {sql}")
        types = await c.fetchval(
            "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'q'"
        )
        given = ", ".join(value(name, n, type_, facts) for n, type_ in enumerate(types))
        run = f"EXECUTE q ({given})" if types else "EXECUTE q"
        nodes = list(_nodes(json.loads(await c.fetchval(f"EXPLAIN (FORMAT JSON) {run}"))[0]["Plan"]))
        scanned = tuple(sorted({table for table in map(_scanned, nodes) if table}))
        before = await c.fetchval(_READ, sorted(GROWS)) or 0
        await c.execute("SAVEPOINT s")
        began = time.perf_counter()
        try:
            await c.execute(run)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            await c.execute("ROLLBACK TO s")  # values that it would not meet: its plan was seen all the same
        ms = (time.perf_counter() - began) * 1000
        rows = (await c.fetchval(_READ, sorted(GROWS)) or 0) - before
    except asyncpg.PostgresError as raised:
        return Seen(name, 0, 0, (), f"{type(raised).__name__}: {raised}")
    finally:
        await c.execute("ROLLBACK")
        await c.execute("DEALLOCATE ALL")
    return Seen(name, rows, ms, scanned)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    below: Sequence[Mapping[str, Any]] = plan.get("Plans", ())
    for one in below:
        yield from _nodes(one)


def _scanned(node: Mapping[str, Any]) -> str:
    """Return the growing table that a node scans whole, or nothing."""
    table = str(node.get("Relation Name", ""))
    table = "transfer" if table.startswith("transfer_") else table
    return table if node["Node Type"] == "Seq Scan" and table in GROWS else ""
