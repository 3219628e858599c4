"""The bench of closing reads what it says, beside plain sums, and would notice a wrong one. No word about how fast."""

import asyncpg
import pytest

from zhangfang.kernel.errors import InvalidInput
from zhangfang_bench.closing.bench import DAY, Differs, _compare, _sizes, measure, table


async def test_both_readings_are_what_plain_sums_say(empty_database_url: str) -> None:
    made = await measure(empty_database_url, 20_000, 2_000, 20)
    assert (made["entries"], made["dates"], made["lines"] > 0) == (20_000, 10, True)
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM ledger_entry") == 20_000
        assert await connection.fetchval("SELECT max(business_date) FROM transfer") == DAY
        assert await connection.fetchval("SELECT count(DISTINCT business_date) FROM books_date") in (9, 10)
    finally:
        await connection.close()
    text = table([made, made | {"entries": 40_000}])
    assert "| 20,000 |" in text
    assert "2 times the history: trial balance × 1.00, statement × 1.00" in text


def test_a_wrong_sum_is_noticed() -> None:
    class One:
        account, opening, debit, credit = 1, 5, 0, 0
        entries = ()

    row = {"account": 1, "opening": 5, "debit": 0, "credit": 0}
    _compare([One], [row], One, (5, []))
    with pytest.raises(Differs, match="trial balance"):
        _compare([One], [row | {"opening": 6}], One, (5, []))
    with pytest.raises(Differs, match="statement"):
        _compare([One], [row], One, (4, []))


@pytest.mark.parametrize(
    ("entries", "day", "merchants"), [("x", 1000, 9), ("1000", 1000, 9), ("9000", 10, 9), ("9000", 1000, 1)]
)
def test_sizes_with_which_nothing_is_measured_are_refused(entries: str, day: int, merchants: int) -> None:
    with pytest.raises(InvalidInput):
        _sizes(entries, day, merchants)
