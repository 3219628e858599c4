"""The benchmark of statements releases one for each merchant, equal to plain sums, and would notice a wrong one."""

import os
from pathlib import Path

import asyncpg
import pytest

from zhangfang.kernel.errors import InvalidInput
from zhangfang_bench.statements.bench import measure, queries, run


async def test_each_statement_is_what_the_aggregate_says(empty_database_url: str, tmp_path: Path) -> None:
    found = await measure(empty_database_url, tmp_path, 5, 1_000)
    assert (found.merchants, found.lines, found.payments) == (5, 1_000, 1_050)
    assert len(os.listdir(tmp_path)) == 5
    assert found.per_second > 0 < found.pdfs_per_second
    connection = await asyncpg.connect(empty_database_url)
    try:
        for column in ("opening", "closing", "lines", "payments"):
            other = f"UPDATE floor_statement SET {column} = {column} %s 1 WHERE merchant LIKE '%%2'"
            await connection.execute(other % "+")
            assert await connection.fetchval(queries.wrong) == 1
            await connection.execute(other % "-")
        assert await connection.fetchval(queries.wrong) == 0
    finally:
        await connection.close()


def test_a_run_that_is_too_small_is_refused() -> None:
    with pytest.raises(InvalidInput, match="payments"):
        run(None, 2, 1)
