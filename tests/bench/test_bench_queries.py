"""No statement of the platform reads what is long finished: each has an index that leads to what is asked for.

A small database with the form of a large one stands for it: whole scans are planned only where no index serves, and the
rows that each statement reads are counted, in the plan for its values and in the one for any values.
"""

import asyncpg
import pytest

from zhangfang_bench.queries import statements
from zhangfang_bench.queries.bench import faults, measure
from zhangfang_bench.queries.filling import facts
from zhangfang_bench.queries.measure import Seen, look

INTENTS, DAYS = 6_000, 60


async def test_no_statement_reads_all_history(empty_database_url: str) -> None:
    """Every statement runs, and reads at most what some days hold; one that scanned, or read all, would be named."""
    assert faults(await measure(empty_database_url, INTENTS, DAYS), INTENTS, DAYS) == []
    connection = await asyncpg.connect(empty_database_url, statement_cache_size=0)
    try:
        given = await facts(connection)
        for sql, fault in (
            ("SELECT count(*) FROM intent WHERE fee = $1", "no index of intent serves it"),
            ("SELECT id FROM intent WHERE fee = $1 ORDER BY id LIMIT 1", "reads 6000 rows"),
            ("SELECT nonsense", "UndefinedColumnError"),
        ):
            seen = await look(connection, "bad", sql, given)
            assert fault in "".join(faults([seen], INTENTS, DAYS))
        tables = {row[0] for row in await connection.fetch(_TABLES)}
    finally:
        await connection.close()
    small = {table for several in statements.SMALL for table in several.split()}
    assert tables == statements.GROWS | small, "a new table grows, or the list says why not"


_TABLES = """
SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT relispartition
"""


def test_each_reason_is_for_a_statement_that_there_is() -> None:
    """A reason whose statement or file is gone goes too."""
    names = {name for name, _ in statements.every()}
    files = {name.partition(":")[0] for name in names}
    assert set(statements.MAY) <= names | files


@pytest.mark.parametrize(("rows", "named"), [(2000, []), (2001, ["x: reads 2001 rows"])])
def test_twenty_days_may_be_read(rows: int, named: list[str]) -> None:
    """The bound is of business dates, so it grows with the day and not with the history."""
    found = faults([Seen("x", rows, 1.0, ())], 10_000, 100)
    assert [text.partition(";")[0] for text in found] == named
